"""Reads medication administration events from files and HTTP, and publishes them."""
