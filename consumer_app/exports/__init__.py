"""Exports: the periods of all patients as files, to take away."""
