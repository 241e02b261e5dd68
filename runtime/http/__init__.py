"""HTTP beside messages: the app that serves both, health, problems, and the pages."""
