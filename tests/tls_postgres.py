"""A private PostgreSQL with certificates, its own and those of its clients."""

import os
import shutil
import signal
from pathlib import Path

from local.postgres import PrivatePostgres
from tests.certificates import Certificate

CERTIFIED = "certified"
"""Who logs in by a certificate of that name alone."""

_RULES = f"""
hostssl all {CERTIFIED} 127.0.0.1/32 cert
hostnossl all {CERTIFIED} 127.0.0.1/32 reject
"""


class TlsPostgres(PrivatePostgres):
    """A server with a certificate, which takes those of an authority from its clients."""

    def __init__(self, folder: Path, certificate: Certificate, authority: Certificate) -> None:
        super().__init__(folder)
        self._authority = authority
        self._own = Certificate(self.folder / "server.crt", self.folder / "server.key")
        self._put(certificate)

    def renew(self, certificate: Certificate) -> None:
        """Let it have another certificate, from the next connection on."""
        self._put(certificate)
        os.kill(self.pid, signal.SIGHUP)

    def _put(self, certificate: Certificate) -> None:
        for made, own in zip(certificate, self._own, strict=True):
            shutil.copy(made, own)
            # It reads no key that others may read, or that is not its own.
            own.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(own, "postgres")

    def _make_cluster(self, programs: Path) -> None:
        super()._make_cluster(programs)
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(_RULES + rules.read_text())

    def _settings(self) -> dict[str, str]:
        trusted = self.folder / "clients.crt"
        shutil.copy(self._authority.file, trusted)
        return {
            **super()._settings(),
            "ssl": "on",
            "ssl_cert_file": str(self._own.file),
            "ssl_key_file": str(self._own.key),
            "ssl_ca_file": str(trusted),
        }
