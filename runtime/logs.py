"""Logs: one line an event on standard error, without patients and without medications."""

import logging

from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from runtime.broker_errors import BrokerUnavailable

logger = logging.getLogger(__name__)


def configure_logs(level: str) -> None:
    """Send all logs to standard error, and libraries' only from WARNING on."""
    # A line has none of these, and takes a quarter less time without:
    # https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING
    )
    for name in ("consumer_app", "publisher_app", "runtime"):
        logging.getLogger(name).setLevel(level)
    # What they tell of a connection that ends, and of each try to make another, our broker tells
    # once, and what only they tell is that RabbitMQ takes nothing: it is short of memory or disk.
    for name in ("aio_pika.robust_connection", "aio_pika.tools"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Its warnings are of channels that died with their connection, one for each question of health.
    logging.getLogger("aiormq.channel").setLevel(logging.ERROR)
    logging.getLogger("aiormq.connection").addFilter(lambda record: "blocked" in str(record.msg))
    set_on_retry_hooks([_log_retry])


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


class WithoutHealth(logging.Filter):
    """Leaves out who asks for health every few seconds: what is wrong has lines of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == _ACCESS_ARGUMENTS:
            return not str(record.args[2]).startswith("/health/")
        return True


def trim_access_log() -> None:
    """Call once uvicorn has set its loggers up."""
    for trimmed in (WithoutQuery(), WithoutHealth()):
        logging.getLogger("uvicorn.access").addFilter(trimmed)
