"""A bad setting ends the start with one line that names it and tells no secret."""

from datetime import timedelta
from pathlib import Path

import pytest

from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.settings import SECRETS_DIR, ServiceSettings, load_settings

SECRET = "hunter2"
KINDS: dict[str, type[ServiceSettings]] = {
    "CONSUMER": ConsumerSettings,
    "PUBLISHER": PublisherSettings,
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RABBITMQ_URL", "DATABASE_URL", SECRETS_DIR):
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
                f"postgresql+asyncpg://user:{SECRET}@localhost:port/periods",
            )
        ],
        (ConsumerSettings, "CONSUMER_PREFETCH", "0"),
        (ConsumerSettings, "CONSUMER_PREFETCH", "many"),
        (ConsumerSettings, "CONSUMER_LOG_LEVEL", "LOUD"),
        (ConsumerSettings, "CONSUMER_QUIET_AFTER", "7"),
        (ConsumerSettings, "CONSUMER_QUIET_AFTER", "P1M"),
        (ConsumerSettings, "CONSUMER_TIME_ZONE", "Mars/Olympus_Mons"),
        (ConsumerSettings, "CONSUMER_TIME_ZONE", "../../etc/passwd"),
        (ConsumerSettings, "CONSUMER_RECENT_PATIENTS", "some"),
        (ConsumerSettings, "CONSUMER_PATIENT_SEARCH", "some"),
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
        (PublisherSettings, "PUBLISHER_BODY_TIMEOUT", "inf"),
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
        ("amqps://a/?name=b,c.pem", "amqps://a/?name=b,c.pem"),
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


def test_what_the_page_shows_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(ConsumerSettings)
    assert settings.quiet_after == timedelta(days=7)
    assert settings.time_zone is None
    assert (settings.recent_patients, settings.patient_search) == (True, False)
    chosen = {
        "CONSUMER_QUIET_AFTER": "P14D",
        "CONSUMER_TIME_ZONE": "Europe/Berlin",
        "CONSUMER_RECENT_PATIENTS": "false",
        "CONSUMER_PATIENT_SEARCH": "true",
    }
    for variable in chosen:
        monkeypatch.setenv(variable, "")
    assert load_settings(ConsumerSettings) == settings, "compose hands on what is not set"
    for variable, value in chosen.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(ConsumerSettings)
    assert settings.quiet_after == timedelta(days=14)
    assert str(settings.time_zone) == "Europe/Berlin"
    assert (settings.recent_patients, settings.patient_search) == (False, True)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv(SECRETS_DIR, str(folder))
    return folder


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_setting_may_be_a_file_by_the_name_of_its_variable(
    kind: type[ServiceSettings], secrets: Path
) -> None:
    (secrets / "RABBITMQ_URL").write_text(f"amqp://user:{SECRET}@broker/\n")
    (secrets / "ACCESS_TOKENS").write_text("/tokens.csv")
    (secrets / "DATABASE_URL").write_text(f"postgresql+asyncpg://user:{SECRET}@database/periods\n")
    (secrets / "PUBLISHER_TIMEZONE").write_text("Europe/Berlin")

    settings = load_settings(kind)

    assert [*map(str, settings.rabbitmq_urls)] == [f"amqp://user:{SECRET}@broker/"]
    assert settings.access_tokens == Path("/tokens.csv")
    if isinstance(settings, ConsumerSettings):
        assert settings.database_url == f"postgresql+asyncpg://user:{SECRET}@database/periods"
    if isinstance(settings, PublisherSettings):
        assert str(settings.timezone) == "Europe/Berlin"


def test_files_are_read_where_kubernetes_puts_them(secrets: Path) -> None:
    version = secrets / "..2026_11_27"
    version.mkdir()
    (version / "RABBITMQ_URL").write_text("amqp://broker/")
    (secrets / "..data").symlink_to(version.name)
    (secrets / "RABBITMQ_URL").symlink_to("..data/RABBITMQ_URL")

    assert [*map(str, load_settings(ConsumerSettings).rabbitmq_urls)] == ["amqp://broker/"]


def test_a_variable_wins_over_a_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "RABBITMQ_URL").write_text("amqp://file/")
    monkeypatch.setenv("RABBITMQ_URL", "amqp://variable/")

    assert [*map(str, load_settings(ConsumerSettings).rabbitmq_urls)] == ["amqp://variable/"]


def test_what_is_wrong_in_a_file_is_told_by_its_name_and_without_its_content(
    secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (secrets / "RABBITMQ_URL").write_text(f"http://user:{SECRET}@broker/")

    told = complaint(ConsumerSettings, capsys)

    assert told.startswith("Bad settings: RABBITMQ_URL: ")
    assert SECRET not in told


def test_an_empty_name_is_that_of_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRETS_DIR, "")

    assert load_settings(ConsumerSettings).database_url.startswith("sqlite")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], "is empty"),
        (["rabbitmq-url", "url"], "holds rabbitmq-url, url"),
        (["..data"], "is empty"),
    ],
)
def test_a_folder_in_which_nothing_is_named_as_a_setting_ends_the_start(
    kind: type[ServiceSettings],
    names: list[str],
    found: str,
    secrets: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else it would go on with the defaults: a guest's account, and a database of its own."""
    for name in names:
        (secrets / name).write_text(SECRET)

    assert complaint(kind, capsys) == (
        f"Bad settings: SECRETS_DIR: {secrets} {found}: name a file there as its setting, such as "
        "RABBITMQ_URL\n"
    )


def test_a_folder_may_hold_other_files_and_names_in_small_letters(secrets: Path) -> None:
    (secrets / "rabbitmq_url").write_text("amqp://broker/")
    (secrets / "tls.crt").write_text(SECRET)

    assert [*map(str, load_settings(ConsumerSettings).rabbitmq_urls)] == ["amqp://broker/"]


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_folder_of_secrets_that_is_none_ends_the_start(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path / name))

    told = complaint(PublisherSettings, capsys)

    assert told.startswith(f"Bad settings: SECRETS_DIR: there is no folder {tmp_path / name}: ")
    assert told.count("\n") == 1


def test_a_file_that_is_there_and_can_not_be_read_ends_the_start(
    secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = secrets / "RABBITMQ_URL"
    for make in (
        secret.mkdir,
        lambda: secret.write_bytes(b"amqp://user:\xff@broker/"),
        lambda: secret.symlink_to(__file__),
        lambda: secret.symlink_to("nowhere"),
        lambda: secret.symlink_to(secret.name),
    ):
        make()
        told = complaint(PublisherSettings, capsys)
        assert told.startswith("Bad settings: SECRETS_DIR: ")
        assert told.count("\n") == 1
        if secret.is_dir():
            secret.rmdir()
        else:
            secret.unlink()
