"""amqps:// with an authority of one's own: who is believed, who is not, and what is taken anew."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from local.broker import PrivateBroker
from local.ports import free_port
from tests.certificates import HERE, Certificate, ca, issue
from tests.commands import run_command
from tests.rights import Rights, User, give
from tests.services import ServiceProcess, eventually

USER = User("medication", Rights(".*", ".*", ".*"))


class SecureBroker(NamedTuple):
    """A broker that is reached by TLS, and the files of its authority."""

    broker: PrivateBroker
    port: int
    authority: Certificate

    def address(
        self, words: Mapping[str, object], *, login: str = "", host: str = "localhost"
    ) -> str:
        return f"amqps://{login}{host}:{self.port}/?{urlencode(words)}"

    def by_password(self, authority: Certificate | None, *, host: str = "localhost") -> str:
        """Give an address with its user's password, and with an authority that is believed."""
        words = {} if authority is None else {"cafile": authority.file}
        return self.address(words, login=f"{USER.name}:{USER.name}@", host=host)

    def by_certificate(self, own: Certificate) -> str:
        """Give an address whose user is the one that a certificate names."""
        words = {"cafile": self.authority.file, "certfile": own.file, "keyfile": own.key}
        return self.address(words | {"auth": "external"})


def secure_broker(folder: Path, server: Certificate, authority: Certificate) -> SecureBroker:
    """Start a broker that knows its user by password, or by certificate of its authority."""
    broker = PrivateBroker(folder / "broker", plugins=["rabbitmq_auth_mechanism_ssl"])
    give(broker, [USER])
    port = free_port()
    settings = {
        "listeners.ssl.local": f"127.0.0.1:{port}",
        "ssl_options.cacertfile": authority.file,
        "ssl_options.certfile": server.file,
        "ssl_options.keyfile": server.key,
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "false",
        "auth_mechanisms.1": "PLAIN",
        "auth_mechanisms.2": "EXTERNAL",
        "ssl_cert_login_from": "common_name",
    }
    lines = (f"{name} = {value}\n" for name, value in settings.items())
    (broker.folder / "conf.d" / "tls.conf").write_text("".join(lines))
    broker.start()
    return SecureBroker(broker, port, authority)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    folder = tmp_path_factory.mktemp("secure")
    authority = ca(folder / "ca")
    started = secure_broker(folder, issue(authority, "localhost", hosts=["localhost"]), authority)
    yield started
    started.broker.stop()


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    folder = tmp_path_factory.mktemp("expired")
    authority = ca(folder / "ca")
    started = secure_broker(folder, issue(authority, "localhost", expired=True), authority)
    yield started
    started.broker.stop()


def declare(url: str, **settings: str) -> tuple[int, str]:
    """Have a command connect; return its status, and what it says on standard error."""
    done = run_command({"RABBITMQ_URL": url, **settings}, "declare")
    return done.returncode, done.stderr


def test_who_believes_the_authority_connects_with_a_password_or_with_a_certificate(
    secure: SecureBroker,
) -> None:
    own = issue(secure.authority, USER.name)

    assert declare(secure.by_password(secure.authority)) == (0, "")
    assert declare(secure.by_certificate(own)) == (0, "")


def test_an_authority_that_is_not_rabbitmqs_is_refused(
    secure: SecureBroker, tmp_path: Path
) -> None:
    status, said = declare(secure.by_password(ca(tmp_path, "Other")))

    assert status == 2
    assert "certificate verify failed: " in said
    assert said.count("\n") == 1


def test_without_an_authority_that_of_the_system_are_asked(secure: SecureBroker) -> None:
    status, said = declare(secure.by_password(None))

    assert (status, "certificate verify failed: " in said) == (2, True)


def test_a_certificate_for_another_name_is_refused(secure: SecureBroker) -> None:
    status, said = declare(secure.by_password(secure.authority, host="127.0.0.1"))

    assert status == 2
    assert "certificate is not valid for '127.0.0.1'" in said
    assert said.count("\n") == 1


def test_an_expired_certificate_of_rabbitmqs_is_refused(expired: SecureBroker) -> None:
    status, said = declare(expired.by_password(expired.authority))

    assert status == 2
    assert "certificate verify failed: certificate has expired" in said
    assert said.count("\n") == 1


def test_a_certificate_of_ours_that_is_expired_or_of_another_authority_is_refused(
    secure: SecureBroker, tmp_path: Path
) -> None:
    foreign = issue(ca(tmp_path), USER.name)
    old = issue(secure.authority, "old", expired=True)
    for own in (foreign, old):
        status, said = declare(secure.by_certificate(own))
        assert (status, said.count("\n")) == (2, 1), said
        assert said.startswith("RabbitMQ can't be reached at localhost:")


def test_a_certificate_names_no_user_but_its_own(secure: SecureBroker) -> None:
    stranger = issue(secure.authority, "stranger")
    status, said = declare(secure.by_certificate(stranger))

    assert status == 2
    assert "ACCESS_REFUSED" in said


def test_whoever_answers_is_believed_where_that_is_asked_for_and_it_is_warned_of(
    expired: SecureBroker, tmp_path: Path
) -> None:
    url = expired.by_password(None)
    assert declare(url, RABBITMQ_VERIFY="false") == (0, "")

    service = ServiceProcess(
        "publisher", {"RABBITMQ_URL": url, "RABBITMQ_VERIFY": "false"}, tmp_path
    )
    service.wait_until_ready()
    service.stop()

    assert service.log.read_text().count("RABBITMQ_VERIFY=false: whoever answers") == 1


@pytest.mark.fault("RabbitMQ with a certificate that can't be believed")
def test_a_service_says_once_what_is_wrong_with_a_certificate_and_goes_on_trying(
    expired: SecureBroker, tmp_path: Path
) -> None:
    url = expired.by_password(expired.authority)
    service = ServiceProcess("publisher", {"RABBITMQ_URL": url}, tmp_path)

    eventually(lambda: service.log.exists() and "has expired" in service.log.read_text())
    assert "broker" in (service.readiness() or {})
    service.stop()

    lines = [line for line in service.log.read_text().splitlines() if " WARNING " in line]
    assert len(lines) == 1
    assert lines[0].endswith("; trying again")


@pytest.mark.fault("RabbitMQ's authority, certificate and ours replaced")
def test_new_certificates_and_a_new_authority_are_taken_at_the_next_connection(
    secure: SecureBroker, tmp_path: Path
) -> None:
    own = issue(secure.authority, USER.name)
    environment = {
        "RABBITMQ_URL": secure.by_certificate(own),
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    services = [ServiceProcess(name, environment, tmp_path) for name in ("publisher", "consumer")]
    for service in services:
        service.wait_until_ready()

    secure.broker.stop()
    renew(secure.authority, tmp_path, {"localhost": ["localhost"], USER.name: HERE})
    secure.broker.start()

    for service in services:
        service.wait_until_ready()
        service.stop()


def renew(authority: Certificate, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
    """Put another authority in the place of one, and certificates of it in that of others."""
    another = ca(folder / "another", "Another")
    for name, hosts in names.items():
        for file in issue(another, name, hosts=hosts):
            shutil.copy(file, authority.file.parent)
    for file in another:
        shutil.copy(file, authority.file.parent)
