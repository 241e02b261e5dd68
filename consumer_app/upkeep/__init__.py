"""What operators do: migrations, backups, retention, dead letters."""
