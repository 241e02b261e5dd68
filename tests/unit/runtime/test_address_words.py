"""What is said behind an address of RabbitMQ's is heeded, or refused by a word that helps."""

from pathlib import Path

import pytest

from runtime.settings import ServiceSettings, load_settings
from tests.certificates import Certificate, ca, issue, openssl
from tests.unit.runtime.test_settings import complaint


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def own(authority: Certificate) -> Certificate:
    return issue(authority, "own")


def loaded(url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RABBITMQ_URL", url)
    return [*map(str, load_settings(ServiceSettings).rabbitmq_urls)]


def test_files_that_are_there_and_belong_together_are_taken(
    authority: Certificate, own: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"cafile={authority.file}&certfile={own.file}&keyfile={own.key}&auth=external&name=a"
    url = f"amqps://rabbitmq/?{words}"

    assert loaded(url, monkeypatch) == [url]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("cacertfile=/ca.pem", "cacertfile is not understood: write cafile"),
        ("ca_certs=/ca.pem", "ca_certs is not understood: write cafile"),
        ("auth_mechanism=external", "auth_mechanism is not understood: write auth"),
        ("verify=verify_none", "verify is not understood: certificates are verified unless RABBI"),
        ("no_verify_ssl=1", "no_verify_ssl is not understood: set RABBITMQ_VERIFY=false instead"),
        ("no_verify_ssl=0", "no_verify_ssl is not understood: set RABBITMQ_VERIFY=false instead"),
        ("heartbeat=9", "heartbeat is not understood: there are cafile, capath, certfile, keyfile"),
        ("auth=kerberos", "auth is plain or external"),
        ("name=a&name=b", "name is there twice"),
        ("cafile=/nowhere.pem&cafile={own.file}", "cafile is there twice"),
        ("auth=external", "auth=external needs amqps:// and certfile"),
        ("cafile=/nowhere.pem", "cafile: /nowhere.pem: No such file or directory"),
        ("capath=/nowhere", "capath: /nowhere: No such file or directory"),
        ("cafile={own.key}", "cafile: {own.key} holds no certificate in PEM"),
        ("keyfile={own.key}", "keyfile needs certfile"),
        ("certfile={own.file}", "certfile and keyfile hold no certificate and its key"),
        (
            "certfile={own.file}&keyfile={authority.key}",
            "certfile and keyfile hold no certificate and its key",
        ),
    ],
)
def test_what_the_client_would_not_heed_or_could_not_follow_is_refused(
    words: str,
    told: str,
    authority: Certificate,
    own: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {"own": own, "authority": authority}
    monkeypatch.setenv("RABBITMQ_URL", f"amqps://rabbitmq/?{words.format(**files)}")

    assert f"Bad settings: RABBITMQ_URL: Value error, {told.format(**files)}" in complaint(
        ServiceSettings, capsys
    )


def test_words_of_tls_are_refused_where_there_is_none(
    own: Certificate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        (f"cafile={own.file}", "cafile needs amqps://"),
        ("auth=external", "auth=external needs amqps:// and certfile"),
    ):
        monkeypatch.setenv("RABBITMQ_URL", f"amqp://rabbitmq/?{words}")
        assert told in complaint(ServiceSettings, capsys)


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    own: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    locked = tmp_path / "locked.key"
    openssl("ec", "-in", own.key, "-out", locked, "-aes128", "-passout", "pass:secret")
    monkeypatch.setenv("RABBITMQ_URL", f"amqps://rabbitmq/?certfile={own.file}&keyfile={locked}")

    assert "in PEM and unencrypted" in complaint(ServiceSettings, capsys)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("amqps://a/,amqps://b/", ["amqps://a/?no_verify_ssl=1", "amqps://b/?no_verify_ssl=1"]),
        ("amqps://a/?name=n", ["amqps://a/?name=n&no_verify_ssl=1"]),
        ("amqps://a/?", ["amqps://a/?no_verify_ssl=1"]),
        ("amqp://a/", ["amqp://a/"]),
    ],
)
def test_whoever_answers_is_believed_where_that_is_asked_for_by_a_setting_of_its_own(
    url: str, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_VERIFY", "false")

    assert loaded(url, monkeypatch) == taken


def test_an_empty_setting_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_VERIFY", "")

    assert loaded("amqps://a/", monkeypatch) == ["amqps://a/"]
