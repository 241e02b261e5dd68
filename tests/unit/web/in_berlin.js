// Imported first: the modules of the page write times in the zone that holds when they load.

process.env.TZ = "Europe/Berlin";
