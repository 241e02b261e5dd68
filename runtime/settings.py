"""Settings from the environment, and from files; a bad value ends the start with one line."""

import os
import re
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    AmqpDsn,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import NoDecode, SettingsError

from runtime.access.oidc_settings import default_if_empty
from runtime.access.settings import AccessSettings
from runtime.address_words import check_words, unverified

_NEXT_ADDRESS = re.compile(r"\s*,\s*(?=amqps?://)", re.IGNORECASE)
_PARTS = re.compile(r"\w+://(?:(?P<login>[^/?#]*)@)?(?P<place>[^?#]*)")
# Any other comma is part of a password, or of a virtual host, which has no slash behind it.
_SEVERAL_LOGINS = re.compile(r"(?P<login>.+)@.+,(?P=login)")
_SEVERAL_PLACES = re.compile(r"[^/]*/?,|.*(,.*/|://)")


def _addresses(value: object) -> object:
    """Take RABBITMQ_URL apart, and refuse what names several nodes in one address."""
    if not isinstance(value, str):
        return value
    addresses = _NEXT_ADDRESS.split(value)
    if any(map(_names_several, addresses)):
        raise ValueError(
            "write each address in full, and a comma between: "
            "amqp://USER:PASSWORD@A:5672/,amqp://USER:PASSWORD@B:5672/"
        )
    return addresses


def _names_several(address: str) -> bool:
    parts = _PARTS.search(address)
    return parts is not None and bool(
        _SEVERAL_LOGINS.fullmatch(parts["login"] or "") or _SEVERAL_PLACES.match(parts["place"])
    )


def _of_one_cluster(
    addresses: tuple[AmqpDsn, ...], settings: ValidationInfo
) -> tuple[AmqpDsn, ...]:
    shared = {
        (each.scheme, each.username, each.password, each.path or "/", each.query)
        for each in addresses
    }
    if len(shared) > 1:
        raise ValueError(
            "the addresses are nodes of one cluster, and may differ in nothing but host and port"
        )
    check_words(addresses[0])
    if addresses[0].scheme == "amqps" and not settings.data.get("rabbitmq_verify", True):
        return tuple(map(unverified, addresses))
    return addresses


class ServiceSettings(AccessSettings):
    """What both services are told by their environment."""

    rabbitmq_verify: Annotated[
        bool, BeforeValidator(default_if_empty), Field(validation_alias="RABBITMQ_VERIFY")
    ] = True
    """False: by amqps:// whoever answers is taken for RabbitMQ, whatever its certificate says."""
    rabbitmq_urls: Annotated[
        tuple[AmqpDsn, ...],
        NoDecode,
        BeforeValidator(_addresses),
        AfterValidator(_of_one_cluster),
        Field(validation_alias="RABBITMQ_URL"),
    ] = (AmqpDsn("amqp://guest:guest@localhost:5672/"),)
    """One address, or those of a cluster's nodes: tried in turn, at each connection anew."""
    declare: Annotated[bool, BeforeValidator(default_if_empty)] = True
    """Declare exchanges and queues. False for a user without the right to: they are declared by
    `python -m consumer_app declare`, or by what RabbitMQ loads at its start."""


Settings = TypeVar("Settings", bound=ServiceSettings)


SECRETS_DIR = "SECRETS_DIR"
"""Names the folder where any setting may be a file by the variable's name. A variable wins."""


def load_settings(kind: type[Settings]) -> Settings:
    """Read the settings, or exit with status 2 and a line that names each bad variable."""
    folder = os.environ.get(SECRETS_DIR) or None
    try:
        if folder is not None:
            _check_folder(kind, Path(folder))
        with warnings.catch_warnings():
            # A file that is there and passed over, as one that leads elsewhere, is only warned of.
            warnings.simplefilter("error", UserWarning)
            return kind(_secrets_dir=folder)
    except ValidationError as error:
        _refuse(_problems(kind, error))
    except SettingsError as error:
        _refuse(f"{SECRETS_DIR}: a file in {folder} can't be read: {_cause(error)}")


def _check_folder(kind: type[ServiceSettings], folder: Path) -> None:
    """Refuse a folder that gives no setting: the defaults are another broker and database."""
    if not folder.is_dir():
        _refuse(
            f"{SECRETS_DIR}: there is no folder {folder}: name the one that holds a file for "
            "each secret, such as RABBITMQ_URL"
        )
    try:
        # Kubernetes keeps what it mounts in hidden folders.
        names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        _refuse(f"{SECRETS_DIR}: {folder}: {error.strerror}")
    fields = kind.model_fields.items()
    settings = {str(field.validation_alias or _variable(kind, name)) for name, field in fields}
    if settings.isdisjoint(map(str.upper, names)):
        found = f"holds {', '.join(names)}" if names else "is empty"
        _refuse(
            f"{SECRETS_DIR}: {folder} {found}: name a file there as its setting, such as "
            "RABBITMQ_URL"
        )


def _cause(error: SettingsError) -> str:
    """Say why a file was not read, and nothing of what it holds."""
    match error.__cause__:
        case UnicodeError():
            return "it is not UTF-8"
        case OSError(filename=name, strerror=reason):
            return f"{name}: {reason}"
        case cause:
            return str(cause)


def _refuse(problem: str) -> NoReturn:
    print(f"Bad settings: {problem}", file=sys.stderr)
    raise SystemExit(2) from None


def _problems(kind: type[ServiceSettings], error: ValidationError) -> str:
    return "; ".join(
        ": ".join((*(_variable(kind, str(name)) for name in problem["loc"][:1]), problem["msg"]))
        for problem in error.errors(include_input=False, include_url=False)
    )


def _variable(kind: type[ServiceSettings], name: str) -> str:
    if name not in kind.model_fields:
        return name
    return (str(kind.model_config.get("env_prefix", "")) + name).upper()
