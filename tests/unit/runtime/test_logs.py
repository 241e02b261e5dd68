"""No log names a patient: the access log has no query strings."""

import logging
from collections.abc import Iterator

import pytest
from uvicorn.logging import AccessFormatter

from runtime.logs import WithoutHealth, WithoutQuery, trim_access_log

FORMAT = '%(client_addr)s - "%(request_line)s" %(status_code)s'


@pytest.fixture
def access_log() -> Iterator[logging.Logger]:
    """Lend uvicorn's access logger and put it back as it was."""
    logger = logging.getLogger("uvicorn.access")
    before = (logger.filters[:], logger.handlers[:], logger.level, logger.propagate)
    logger.setLevel(logging.INFO)
    yield logger
    logger.filters[:], logger.handlers[:] = before[0], before[1]
    logger.setLevel(before[2])
    logger.propagate = before[3]


@pytest.mark.parametrize(
    ("requested", "logged"),
    [
        ("/periods?patient_id=secret", "/periods"),
        ("/periods?patient_id=secret&medication_name=secret?secret", "/periods"),
        ("/events?", "/events"),
        ("/", "/"),
    ],
)
def test_the_access_log_tells_the_path_without_its_query(
    requested: str, logged: str, access_log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    access_log.propagate = True
    trim_access_log()
    # As uvicorn logs a request.
    access_log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", requested, "1.1", 200)

    (record,) = caplog.records
    assert record.getMessage() == f'127.0.0.1:5 - "GET {logged} HTTP/1.1" 200'
    assert AccessFormatter(FORMAT, use_colors=False).format(record) == (
        f'127.0.0.1:5 - "GET {logged} HTTP/1.1" 200 OK'
    )


@pytest.mark.parametrize("path", ["/health/live", "/health/receiving", "/health/ready?"])
def test_the_access_log_leaves_out_who_asks_for_health(
    path: str, access_log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    access_log.propagate = True
    trim_access_log()
    access_log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", path, "1.1", 503)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("started", (), "started"),
        ("why?", (), "why?"),
        ("%s of %s?", ("1", "2?"), "1 of 2??"),
        ("%(name)s?", ({"name": "x"},), "x?"),
    ],
)
def test_what_is_no_request_is_logged_as_it_is(
    message: str, arguments: tuple[object, ...], logged: str
) -> None:
    record = logging.LogRecord("any", logging.INFO, __file__, 1, message, arguments, None)
    assert WithoutQuery().filter(record)
    assert WithoutHealth().filter(record)
    assert record.getMessage() == logged
