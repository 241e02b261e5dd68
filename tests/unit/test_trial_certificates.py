"""The certificates that docs/transport.md has people make for a trial."""

import re
import subprocess
from pathlib import Path

from tests.certificates import openssl


def test_what_the_document_makes_is_believed_by_the_strictest_client(tmp_path: Path) -> None:
    document = Path("docs/transport.md").read_text(encoding="utf-8")
    first = document.partition("```console\n")[2].partition("```")[0]
    script = re.sub(r"^\$ ", "", first, flags=re.MULTILINE)
    # Where openssl is missing this installs it.
    openssl("version")
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    authority, certificate = tmp_path / "ca.crt", tmp_path / "periods.crt"
    # Python's default from 3.13 on.
    strictly = ("-x509_strict", "-verify_hostname", "localhost", "-CAfile", authority)
    openssl("verify", *strictly, certificate)
