"""What operators do: migrations, backups, retention, dead letters."""


class CommandFailed(Exception):
    """A command can't do what it was told; the text says why, in one line."""
