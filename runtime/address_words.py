"""What may be said behind an address of RabbitMQ's: the words that its client heeds, no others."""

import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import AmqpDsn
from yarl import URL

_TLS = ("cafile", "capath", "certfile", "keyfile")
_WORDS = (*_TLS, "auth", "name")
_UNVERIFIED = "no_verify_ssl=1"
# As RabbitMQ's own clients and others have it.
_INSTEAD = {
    "cacertfile": "write cafile",
    "ca_certs": "write cafile",
    "ssl_cafile": "write cafile",
    "ssl_certfile": "write certfile",
    "ssl_keyfile": "write keyfile",
    "auth_mechanism": "write auth",
    "connection_name": "write name",
    "verify": "certificates are verified unless RABBITMQ_VERIFY is false",
    "no_verify_ssl": "set RABBITMQ_VERIFY=false instead, and whoever answers is believed",
}


def check_words(address: AmqpDsn) -> None:
    """See to it that nothing is said to the client that it would not heed, or can't follow.

    Raises:
        ValueError: a word is not known or makes no sense there, or a file is of no use.

    """
    words = dict(address.query_params())
    for word, times in Counter(word for word, _ in address.query_params()).items():
        if times > 1:
            raise ValueError(f"{word} is there twice")
    for problem in _problems(address.scheme, words):
        raise ValueError(problem)


def unverified(address: AmqpDsn) -> AmqpDsn:
    """Have whoever answers at an address taken for RabbitMQ, whatever its certificate says."""
    return AmqpDsn(str(URL(str(address)).update_query(_UNVERIFIED)))


def is_unverified(address: AmqpDsn) -> bool:
    """Tell whether it is such an address."""
    return (address.query or "").endswith(_UNVERIFIED)


def _problems(scheme: str, words: Mapping[str, str]) -> Iterator[str]:
    known = f"there are {', '.join(_WORDS)}"
    for word in sorted(words.keys() - set(_WORDS)):
        yield f"{word} is not understood: {_INSTEAD.get(word, known)}"
    if words.get("auth", "plain").lower() not in {"plain", "external"}:
        yield "auth is plain or external"
    if scheme != "amqps":
        yield from (f"{word} needs amqps://" for word in _TLS if word in words)
    if words.get("auth", "").lower() == "external" and "certfile" not in words:
        yield "auth=external needs amqps:// and certfile, whose name is the user's"
    if "keyfile" in words and "certfile" not in words:
        yield "keyfile needs certfile"
    for word in sorted(words.keys() & set(_TLS)):
        yield from _unreadable(word, words[word])
    if scheme == "amqps":
        yield from _unusable(words)


def _unreadable(word: str, file: str) -> Iterator[str]:
    try:
        if word == "capath":
            next(Path(file).iterdir(), None)
        else:
            Path(file).open("rb").close()
    except OSError as error:
        yield f"{word}: {file}: {error.strerror}"


def _unusable(words: Mapping[str, str]) -> Iterator[str]:
    try:
        context = ssl.create_default_context(cafile=words.get("cafile"), capath=words.get("capath"))
    except ssl.SSLError:
        yield f"cafile: {words['cafile']} holds no certificate in PEM"
        return
    if "certfile" in words:
        try:
            # Else OpenSSL would ask at the terminal.
            context.load_cert_chain(words["certfile"], words.get("keyfile"), password="")
        except (ssl.SSLError, ValueError):
            yield "certfile and keyfile hold no certificate and its key, in PEM and unencrypted"
