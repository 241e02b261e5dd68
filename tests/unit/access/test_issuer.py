"""How an issuer's keys are fetched: from where it says, and from nobody else."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.ports import free_port
from runtime.access import issuer as fetching
from runtime.access.issuer import NotFetched, fetch_keys
from tests.signing import SigningKey, published

KEY = SigningKey("first")
CONFIGURATION = "/.well-known/openid-configuration"


class Web(ThreadingHTTPServer):
    """Answers each path with what it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), _Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    def publish(self, issuer: str, path: str = "/keys") -> None:
        """Answer as an issuer with one key does."""
        document = {"issuer": issuer, "jwks_uri": self.url + path}
        self.answers[issuer.removeprefix(self.url).rstrip("/") + CONFIGURATION] = as_json(document)
        self.answers[path] = as_json(published(KEY))


class _Answering(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.answers.get(self.path, (404, b"none"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", self.server.url + "/keys")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def as_json(document: object, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps(document).encode()


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["", "/", "/realms/ward", "/realms/ward/"])
def test_keys_are_where_the_issuers_configuration_says(web: Web, path: str) -> None:
    web.publish(web.url + path)

    assert len(fetch_keys(web.url + path, None)) == 1
    assert web.asked == [path.rstrip("/") + CONFIGURATION, "/keys"]


def test_keys_whose_address_is_given_are_fetched_without_a_configuration(web: Web) -> None:
    web.publish(web.url)

    assert len(fetch_keys("https://login.example.org", f"{web.url}/keys")) == 1
    assert web.asked == ["/keys"]


def refusal(issuer: str, jwks_url: str | None = None) -> str:
    with pytest.raises(NotFetched) as refused:
        fetch_keys(issuer, jwks_url)
    return str(refused.value)


def test_a_configuration_of_another_issuer_is_refused_and_says_which(web: Web) -> None:
    web.publish(f"{web.url}/")

    assert f"is of the issuer '{web.url}/'" in refusal(web.url)
    assert web.asked == [CONFIGURATION]


@pytest.mark.parametrize("uri", ["http://keys.example.org/", "file:///etc/passwd", None, 7])
def test_keys_are_not_fetched_from_where_anybody_could_answer(web: Web, uri: object) -> None:
    web.answers[CONFIGURATION] = as_json({"issuer": web.url, "jwks_uri": uri})

    assert "can't be used: write it like https://" in refusal(web.url)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((302, b""), "answers with status 302"),
        ((404, b"{}"), "answers with status 404"),
        ((500, b"{}"), "answers with status 500"),
        ((204, b""), "answers with status 204"),
        ((200, b"<html>"), "no JSON object"),
        ((200, b"[]"), "no JSON object"),
        ((200, b'{"keys":' + b"[" * 100_000), "no JSON object"),
        ((200, b'{"keys":[]}' + b" " * 600_000), "no JSON object of at most 524288 bytes"),
        ((200, b"{}"), "no list of keys"),
    ],
)
def test_what_is_no_set_of_keys_is_refused_and_no_redirect_followed(
    web: Web, answer: tuple[int, bytes], reason: str
) -> None:
    web.publish(web.url)
    web.answers["/elsewhere"] = answer

    assert reason in refusal(web.url, f"{web.url}/elsewhere")
    assert web.asked == ["/elsewhere"]


def test_an_issuer_that_is_not_there_is_told_of() -> None:
    assert "refused" in refusal(f"http://127.0.0.1:{free_port()}")


def test_an_issuer_that_never_answers_is_not_waited_for(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT_SECONDS", 0.1)
    web.shutdown()

    assert "timed out" in refusal(web.url)


def test_what_is_asked_without_tls_does_not_leave_the_machine_by_a_proxy(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "")
    web.publish(web.url)

    assert len(fetch_keys(web.url, None)) == 1


def test_https_goes_by_the_proxy_that_the_environment_names(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", web.url)
    monkeypatch.setenv("no_proxy", "")

    # This proxy refuses, as it can't tunnel.
    assert "Tunnel connection failed: 501" in refusal("https://login.example.org")


def test_an_issuer_with_a_certificate_of_the_sites_own_is_believed_by_ssl_cert_file(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    web.url = web.url.replace("http:", "https:")
    web.publish(web.url)

    assert "CERTIFICATE_VERIFY_FAILED" in refusal(web.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(fetch_keys(web.url, None)) == 1


def certify(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that vouches for itself; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
