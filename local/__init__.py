"""Everything on one machine: a broker of one's own, and both services with it."""
