"""Logs: one line an event on standard error, without patients and without medications."""

import logging

from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from runtime.broker import BrokerUnavailable

logger = logging.getLogger(__name__)


def configure_logs(level: str) -> None:
    """Send all logs to standard error, and libraries' only from WARNING on."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING
    )
    for name in ("consumer_app", "publisher_app", "runtime"):
        logging.getLogger(name).setLevel(level)
    # It tells of each try to connect again, of which there is one a second; our broker tells what
    # changes.
    logging.getLogger("aio_pika.robust_connection").setLevel(logging.CRITICAL)
    logging.getLogger("aiormq.connection").addFilter(_WithoutRepeats())
    set_on_retry_hooks([_log_retry])


class _WithoutRepeats(logging.Filter):
    """Drops a line that says what the one before it has said."""

    _last: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        repeated, self._last = line == self._last, line
        return not repeated


def _log_retry(details: RetryDetails) -> None:
    if isinstance(details.caused_by, BrokerUnavailable):
        return
    logger.warning("%s: trying again in %.1f s", details.caused_by, details.wait_for)


_ACCESS_ARGUMENTS = 5


class WithoutQuery(logging.Filter):
    """Cuts the query string, which names a patient, off uvicorn's access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == _ACCESS_ARGUMENTS:
            client, method, path, version, status = record.args
            record.args = (client, method, str(path).partition("?")[0], version, status)
        return True


def keep_queries_out_of_access_log() -> None:
    """Call once uvicorn has set its loggers up."""
    logging.getLogger("uvicorn.access").addFilter(WithoutQuery())
