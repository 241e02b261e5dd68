"""What can be wrong with the audit, which is a database, too."""

from collections.abc import Iterator
from contextlib import contextmanager

from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase, database_errors


class AuditUnavailable(DatabaseUnavailable):
    """The audit can't be written or read now; the text says why, and names no patient."""


class UnusableAudit(AuditUnavailable, UnusableDatabase):
    """Trying again is of no use before somebody has acted: the text says in one line how."""


class Unrecordable(AuditUnavailable):
    """A record is one that the audit's database can't keep; it may well keep others."""


@contextmanager
def audit_errors(what: str) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into AuditUnavailable: it can't be ``what``."""
    try:
        with database_errors(what, "the audit"):
            yield
    except AuditUnavailable:
        raise
    except UnusableDatabase as error:
        raise UnusableAudit(str(error)) from error
    except DatabaseUnavailable as error:
        raise AuditUnavailable(str(error)) from error
