"""A bad setting ends the start with one line that names it and tells no secret."""

import pytest

from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.settings import ServiceSettings, load_settings

SECRET = "hunter2"
KINDS: dict[str, type[ServiceSettings]] = {
    "CONSUMER": ConsumerSettings,
    "PUBLISHER": PublisherSettings,
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RABBITMQ_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for prefix, kind in KINDS.items():
        for field in kind.model_fields:
            monkeypatch.delenv(f"{prefix}_{field.upper()}", raising=False)


def complaint(kind: type[ServiceSettings], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error with which loading the settings ends."""
    with pytest.raises(SystemExit) as caught:
        load_settings(kind)
    written = capsys.readouterr()
    assert (caught.value.code, written.out) == (2, "")
    assert written.err.endswith("\n")
    assert len(written.err.splitlines()) == 1
    return written.err


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_without_any_setting_the_defaults_serve(kind: type[ServiceSettings]) -> None:
    (url,) = load_settings(kind).rabbitmq_urls
    assert str(url) == "amqp://guest:guest@localhost:5672/"


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        *[
            (kind, "RABBITMQ_URL", url)
            for kind in KINDS.values()
            for url in (
                "",
                "localhost",
                f"http://guest:{SECRET}@localhost:5672/",
                f"amqp://guest:{SECRET}@localhost:port/",
                f"amqp://guest:{SECRET}@local host/",
                f"amqp://guest:{SECRET}@:5672/",
                f"guest:{SECRET}@localhost",
                f"amqp://guest:{SECRET}@a/,amqp://guest:{SECRET}@b:port/",
                f"amqp://guest:{SECRET}@a/,",
                f",amqp://guest:{SECRET}@a/",
            )
        ],
        *[
            (ConsumerSettings, "DATABASE_URL", url)
            for url in (
                "",
                "data/periods.db",
                "sqlite:///periods.db",
                f"mysql://user:{SECRET}@localhost/periods",
                f"postgresql://user:{SECRET}@localhost/periods",
                f"postgresql+asyncpg://user:{SECRET}@localhost:port/periods",
            )
        ],
        (ConsumerSettings, "CONSUMER_PREFETCH", "0"),
        (ConsumerSettings, "CONSUMER_PREFETCH", "many"),
        (ConsumerSettings, "CONSUMER_LOG_LEVEL", "LOUD"),
        (PublisherSettings, "PUBLISHER_LOG_LEVEL", "LOUD"),
        (PublisherSettings, "PUBLISHER_BATCH_SIZE", "0"),
        (PublisherSettings, "PUBLISHER_BATCH_SIZE", "1001"),
        (PublisherSettings, "PUBLISHER_BATCH_SIZE", "1.5"),
        (PublisherSettings, "PUBLISHER_WINDOW", "0"),
        (PublisherSettings, "PUBLISHER_GIVE_UP_AFTER", "0"),
        (PublisherSettings, "PUBLISHER_GIVE_UP_AFTER", "soon"),
        (PublisherSettings, "PUBLISHER_MAX_BODY_BYTES", "-1"),
        (PublisherSettings, "PUBLISHER_MAX_ELEMENTS", "0"),
        (PublisherSettings, "PUBLISHER_BODY_TIMEOUT", "0"),
        (PublisherSettings, "PUBLISHER_TIMEZONE", "Mars/Olympus_Mons"),
        (PublisherSettings, "PUBLISHER_TIMEZONE", "../../etc/passwd"),
        (PublisherSettings, "PUBLISHER_RUN", "x" * 129),
        (PublisherSettings, "PUBLISHER_TIME_FORMAT", "%d.%m.%Y %H:%M|%d.%m.%Y"),
        (PublisherSettings, "PUBLISHER_MAP", "MRN"),
        (PublisherSettings, "PUBLISHER_MAP", "mrn=patient_id"),
        (PublisherSettings, "PUBLISHER_MAP", "patient_id="),
        (PublisherSettings, "PUBLISHER_MAP", "order_id=a,order_id=b"),
        (PublisherSettings, "PUBLISHER_ENCODING", "klingon"),
        (PublisherSettings, "PUBLISHER_ENCODING", "base64"),
        (PublisherSettings, "PUBLISHER_SKIP_LINES", "-1"),
    ],
)
def test_a_bad_setting_is_named_in_one_line_and_no_password_is_told(
    kind: type[ServiceSettings],
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    told = complaint(kind, capsys)
    assert told.startswith(f"Bad settings: {variable}: ")
    assert SECRET not in told


@pytest.mark.parametrize("between", [",", ", ", ",\n  "])
def test_several_addresses_of_rabbitmq_may_differ_in_host_and_port(
    between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [
        "amqp://user:p,w@a:5672/hospital",
        "amqp://user:p,w@b:5673/hospital",
        "amqp://user:p,w@[::1]/hospital",
    ]
    monkeypatch.setenv("RABBITMQ_URL", between.join(addresses))

    assert [*map(str, load_settings(ConsumerSettings).rabbitmq_urls)] == addresses


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("amqp://user:pass@word,s@a/", "amqp://user:pass%40word,s@a/"),
        ("amqp://a/b,c", "amqp://a/b,c"),
        ("amqp://a/?name=b,c", "amqp://a/?name=b,c"),
        ("amqps://a/?cafile=/b,c.pem", "amqps://a/?cafile=/b,c.pem"),
        ("amqp://a/?name=http://b", "amqp://a/?name=http://b"),
        ("amqp://a//", "amqp://a//"),
    ],
)
def test_one_address_may_have_commas_and_slashes_where_they_name_no_other(
    url: str, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url)

    assert [*map(str, load_settings(ConsumerSettings).rabbitmq_urls)] == [taken]


@pytest.mark.parametrize(
    "url",
    [
        f"amqp://user:{SECRET}@a:5672,b:5672/",
        f"amqp://user:{SECRET}@a:5672,user:{SECRET}@b:5672/",
        f"amqp://user:{SECRET}@a:5672,user:{SECRET}@b:5672,user:{SECRET}@c:5672/",
        f"amqp://user:{SECRET}@a:5672/,b:5672/",
        f"amqp://user:{SECRET}@a:5672/,b:5672",
        f"amqp://user:{SECRET}@a:5672/hospital,b:5672/hospital",
        f"amqp://user:{SECRET}@a;amqp://user:{SECRET}@b/",
        f"amqp://user:{SECRET}@a:5672/;amqp://user:{SECRET}@b:5672/",
        f"amqp://user:{SECRET}@a:5672/ amqp://user:{SECRET}@b:5672/",
        "amqp://a,b",
        " amqp://a,b",
    ],
)
def test_several_addresses_that_are_not_written_in_full_are_refused_with_what_to_write(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url)

    told = complaint(ConsumerSettings, capsys)

    assert "amqp://USER:PASSWORD@A:5672/,amqp://USER:PASSWORD@B:5672/" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "other",
    [
        f"amqps://user:{SECRET}@b/",
        f"amqp://else:{SECRET}@b/",
        f"amqp://user:{SECRET}2@b/",
        f"amqp://user:{SECRET}@b/hospital",
        f"amqp://user:{SECRET}@b/?heartbeat=1",
    ],
)
def test_addresses_that_are_no_nodes_of_one_cluster_are_refused(
    other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", f"amqp://user:{SECRET}@a,{other}")

    told = complaint(ConsumerSettings, capsys)

    assert "may differ in nothing but host and port" in told
    assert SECRET not in told


def test_all_bad_settings_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("RABBITMQ_URL", "DATABASE_URL", "CONSUMER_PREFETCH"):
        monkeypatch.setenv(variable, "bad")
    told = complaint(ConsumerSettings, capsys)
    assert all(f"{variable}: " in told for variable in ("RABBITMQ_URL", "DATABASE_URL"))
    assert "CONSUMER_PREFETCH: " in told


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "RABBITMQ_URL": "amqps://user:pass@broker/hospital",
        "PUBLISHER_MAP": "patient_id=MRN, medication_name = Drug name",
        "PUBLISHER_TIMEZONE": "Europe/Berlin",
        "PUBLISHER_TIME_FORMAT": "%d.%m.%Y %H:%M|%d.%m.%Y, %H:%M:%S",
        "PUBLISHER_BATCH_SIZE": "1000",
    }.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(PublisherSettings)

    assert [*map(str, settings.rabbitmq_urls)] == ["amqps://user:pass@broker/hospital"]
    assert settings.map == {"patient_id": "MRN", "medication_name": "Drug name"}
    assert str(settings.timezone) == "Europe/Berlin"
    assert settings.time_format == ["%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M:%S"]
    assert settings.batch_size == 1000
