"""A standby: a private PostgreSQL that follows another one."""

from pathlib import Path

from local.postgres import PrivatePostgres
from tests.databases import connect


class Standby(PrivatePostgres):
    """A server that copies its primary, which must run, at its first start, and then follows it."""

    def __init__(self, folder: Path, primary: PrivatePostgres) -> None:
        super().__init__(folder)
        self._primary = primary

    def _making(self, programs: Path) -> list[str | Path]:
        where = ["--host=127.0.0.1", f"--port={self._primary.port}"]
        return [programs / "pg_basebackup", *where, "--write-recovery-conf", "--checkpoint=fast"]


def url_of_all(*servers: PrivatePostgres, asked: str = "read-write") -> str:
    """Name several servers, of which one is to be found: by default the one that can be written to.

    ``asked`` is what libpq and its like call ``target_session_attrs``.
    """
    hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in servers)
    return f"postgresql+asyncpg://postgres@/postgres?{hosts}&target_session_attrs={asked}"


async def ask(server: PrivatePostgres, statement: str, *values: object) -> object:
    """Ask a server for one value."""
    connection = await connect(server.url)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def let_commits_wait(primary: PrivatePostgres) -> None:
    """Let each commit wait until a standby has it."""
    await ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await ask(primary, "SELECT pg_reload_conf()")


async def let_no_commit_wait(primary: PrivatePostgres) -> None:
    """Let commits wait for no standby any more."""
    await ask(primary, "ALTER SYSTEM RESET synchronous_standby_names")
    await ask(primary, "SELECT pg_reload_conf()")
