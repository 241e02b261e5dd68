"""What records are: how inputs are taken apart, and records read as events."""
