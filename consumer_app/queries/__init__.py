"""What can be asked over HTTP: routes, their parameters, and how answers are written."""
