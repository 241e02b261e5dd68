"""Where events come from: inputs are taken apart into rows, and rows are read as events."""
