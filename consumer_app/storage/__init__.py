"""The store of events, and the databases that it keeps them in."""
