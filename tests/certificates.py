"""Certificates by openssl, for servers and clients on this machine.

``ca(folder)`` makes an authority, and ``issue(authority, "localhost")`` a certificate of it.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from local.packages import ensure_program

HERE = ("localhost", "127.0.0.1")
"""The names by which a server on this machine is asked."""

# By `ca`: `x509` takes the past by other words from OpenSSL 3.4 on.
_AN_EARLIER_DAY = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
_TODAY = ("-days", 1)
_CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
policy = policy
copy_extensions = copy
x509_extensions = extensions
default_md = sha256
unique_subject = no
[policy]
commonName = supplied
[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


class Certificate(NamedTuple):
    """A certificate and its private key, each a PEM file; the key is its owner's alone."""

    file: Path
    key: Path


def ca(folder: Path, name: str = "Authority") -> Certificate:
    """Make an authority, in a folder that is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    made = _files(folder, "ca")
    for_signing = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *_NEW_KEY, *_named(name, made), *_with(*for_signing))
    return made


def issue(
    authority: Certificate, name: str, *, hosts: Sequence[str] = HERE, expired: bool = False
) -> Certificate:
    """Have an authority issue a certificate, beside its own; one of the same name is replaced.

    As a server's it is good for ``hosts``, names or addresses, as a client's for ``name``.
    """
    made = _files(authority.file.parent, name)
    request = made.file.with_suffix(".csr")
    alternatives = ",".join(f"{'IP' if _is_address(host) else 'DNS'}:{host}" for host in hosts)
    usage = ("extendedKeyUsage=serverAuth,clientAuth", f"subjectAltName={alternatives}")
    openssl("req", *_NEW_KEY, *_named(name, made._replace(file=request)), *_with(*usage))
    openssl(
        *("ca", "-batch", "-notext", "-create_serial", "-config", _configuration(authority)),
        *("-cert", authority.file, "-keyfile", authority.key),
        *("-in", request, "-out", made.file),
        *(_AN_EARLIER_DAY if expired else _TODAY),
    )
    return made


def _configuration(authority: Certificate) -> Path:
    folder = authority.file.parent
    configuration = folder / "ca.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    (folder / "index.txt").touch()
    return configuration


def _files(folder: Path, name: str) -> Certificate:
    return Certificate(folder / f"{name}.crt", folder / f"{name}.key")


def _named(name: str, files: Certificate) -> tuple[object, ...]:
    return ("-subj", f"/CN={name}", "-out", files.file, "-keyout", files.key)


def _with(*extensions: str) -> list[str]:
    return [word for extension in extensions for word in ("-addext", extension)]


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdigit()


def openssl(*arguments: object) -> None:
    """Run openssl, which is installed where it is missing."""
    program = ensure_program("openssl", "openssl")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
