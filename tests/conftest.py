"""What tests of several kinds stand on."""

import re
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local.packages import ProgramMissingError, can_install
from local.postgres import PrivatePostgres, private_postgres

# Tests that share servers, or services over one database. xdist's own loadgroup can't tell: with
# pytest 9.2 it loses the groups, and says nothing.
_TOGETHER = (
    re.compile(r"(tests/browser/)"),
    re.compile(r"(tests/faults/test_(?:broker|cluster)\.py)"),
    re.compile(r"(tests/integration/test_(?:scaling|handlers|oidc|only_answering|standby)\.py)"),
    re.compile(r"(tests/integration/test_(?:pgbouncer|postgres_tls)\.py)"),
    re.compile(r"tests/integration/.*\[(sqlite|postgresql)\b"),
)


class ByServers(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Keeps tests that share servers in one worker, and spreads the others one by one."""

    def _split_scope(self, nodeid: str) -> str:
        found = (pattern.match(nodeid) for pattern in _TOGETHER)
        return next((match[1] for match in found if match), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServers | None:
    return ByServers(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_configure() -> None:
    """Heed what ends a process, and let what is started from here: nohup and `&` ignore it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have the report of a test name the fault, for the table of `make faults`."""
    if fault := item.get_closest_marker("fault"):
        item.user_properties.append(("fault", fault.args[0]))
    elif item.get_closest_marker("long"):
        raise pytest.UsageError(f"{item.nodeid}: nobody runs a long test that is no fault")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with _skipping_what_is_missing():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with _skipping_what_is_missing():
        yield


@contextmanager
def _skipping_what_is_missing() -> Iterator[None]:
    """Skip a test that needs a program which is not here, where none can be installed."""
    try:
        yield
    except ProgramMissingError as missing:
        if can_install():
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session", autouse=True)
def audit_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have consumers keep the audit's key apart, as those on PostgreSQL must."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("AUDIT_KEY_FILE", str(tmp_path_factory.mktemp("audit") / "audit.key"))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """Give a PostgreSQL server, in which each test makes a database of its own."""
    with private_postgres() as server:
        yield server
