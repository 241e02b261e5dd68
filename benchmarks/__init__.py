"""How fast the services are, against what the parts they stand on can do: `make bench`."""
