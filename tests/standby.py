"""A standby: a private PostgreSQL that follows another one."""

from pathlib import Path

from local.postgres import PrivatePostgres


class Standby(PrivatePostgres):
    """A server that copies its primary, which must run, at its first start, and then follows it."""

    def __init__(self, folder: Path, primary: PrivatePostgres) -> None:
        super().__init__(folder)
        self._primary = primary

    def _making(self, programs: Path) -> list[str | Path]:
        where = ["--host=127.0.0.1", f"--port={self._primary.port}"]
        return [programs / "pg_basebackup", *where, "--write-recovery-conf", "--checkpoint=fast"]
