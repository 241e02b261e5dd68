"""The imports run one way, and the period rules know neither transport, storage nor clock."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    # package: the packages of ours that it must not import
    "contracts": {"consumer_app", "publisher_app", "runtime", "local", "tests"},
    "runtime": {"consumer_app", "publisher_app", "local", "tests"},
    "publisher_app": {"consumer_app", "local", "tests"},
    "consumer_app": {"publisher_app", "local", "tests"},
}
PERIOD_RULES = sorted((ROOT / "consumer_app" / "rules").glob("[!_]*.py"))
# There is no other: the module time is not imported either.
CLOCK = {"now", "utcnow", "today"}


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported(file: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield node.module or ""


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize(("package", "forbidden"), PACKAGES.items(), ids=PACKAGES)
def test_imports_run_one_way(package: str, forbidden: set[str]) -> None:
    files = files_of(package)
    assert files
    for file in files:
        wrong = [module for module in imported(file) if top(module) in forbidden]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("rules", PERIOD_RULES, ids=lambda file: file.name)
def test_the_period_rules_import_the_contract_and_what_can_do_no_io_alone(rules: Path) -> None:
    ours = {f"consumer_app.rules.{each.stem}" for each in PERIOD_RULES}
    modules = set(imported(rules)) - ours - {"consumer_app.recorded"}
    packages = {top(module) for module in modules}
    assert {"contracts"} <= packages - set(sys.stdlib_module_names) <= {"contracts", "msgspec"}
    assert not packages & {"os", "socket", "sqlite3", "subprocess", "threading", "asyncio", "time"}


@pytest.mark.parametrize("rules", PERIOD_RULES, ids=lambda file: file.name)
def test_the_period_rules_read_no_clock(rules: Path) -> None:
    # Of whatever name the clock is there; who is given an instant may well call that now.
    read = {node.attr for node in ast.walk(parsed(rules)) if isinstance(node, ast.Attribute)}
    assert not read & CLOCK


ROOMS = {
    # room: the rooms of its service that it may look into, besides itself
    "publisher_app/formats": {"failures"},
    "publisher_app/intake": {"batches", "failures", "formats", "publishing", "repeats", "settings"},
    "publisher_app/publishing": {"failures", "settings"},
    "publisher_app/repeats": {"formats", "seen"},
    "publisher_app/inputs": {
        "failures",
        "formats",
        "intake",
        "names",
        "publishing",
        "rejects",
        "runs",
    },
    "consumer_app/recorded": set(),
    "consumer_app/rules": {"recorded"},
    "consumer_app/storage": {"recorded"},
    "consumer_app/audit": {"patients", "settings", "storage"},
    "consumer_app/handlers": {"dead_letters", "deliveries", "memory", "storage", "trial"},
    "consumer_app/queries": {
        "access",
        "audit",
        "durations",
        "memory",
        "patients",
        "recorded",
        "rules",
        "settings",
        "storage",
    },
    "consumer_app/exports": {"queries", "rules", "storage"},
    "consumer_app/upkeep": {
        "audit",
        "dead_letters",
        "durations",
        "exports",
        "former_queue",
        "memory",
        "recorded",
        "rules",
        "settings",
        "storage",
    },
}


@pytest.mark.parametrize(("room", "allowed"), ROOMS.items(), ids=ROOMS)
def test_an_event_travels_the_rooms_one_way(room: str, allowed: set[str]) -> None:
    service, _, own = room.partition("/")
    files = files_of(room) or [ROOT / f"{room}.py"]
    for file in files:
        inside = [each.split(".") for each in imported(file) if top(each) == service]
        seen = {names[1] for names in inside} - {own}
        assert seen <= allowed, f"{file.relative_to(ROOT)} looks into {seen - allowed}"


@pytest.mark.parametrize("module", ["queries/routes", "handlers"])
def test_what_is_asked_over_http_or_by_message_reaches_the_table_through_the_store(
    module: str,
) -> None:
    modules = set(imported(ROOT / "consumer_app" / f"{module}.py"))
    assert "consumer_app.storage.store" in modules
    assert not {top(each) for each in modules} & {"sqlalchemy", "sqlmodel", "alembic"}


def test_the_store_knows_neither_http_nor_messages() -> None:
    for file in files_of("consumer_app/storage"):
        modules = {top(each) for each in imported(file)}
        assert not modules & {"fastapi", "faststream", "aio_pika"}


def test_a_migration_stays_as_it_is_whatever_becomes_of_the_tables() -> None:
    for file in files_of("consumer_app/storage/migrations"):
        assert "consumer_app.storage.tables" not in set(imported(file))
