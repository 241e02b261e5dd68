"""RabbitMQ's users with the rights that docs/rabbitmq.md gives them."""

import json
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from local.broker import PrivateBroker

DOCUMENT = Path(__file__).parents[1] / "docs" / "rabbitmq.md"
TOPOLOGY = Path(__file__).parents[1] / "charts/medication-periods/files/topology.json"
NOTHING = "^$"


class Rights(NamedTuple):
    """What a user may do, as RabbitMQ's expressions over names."""

    configure: str
    write: str
    read: str


class User(NamedTuple):
    """A user, whose password is its name, in one virtual host."""

    name: str
    rights: Rights
    host: str = "/"
    limits: Mapping[str, int] = {}
    topics: Mapping[str, str] = {}
    """By exchange: an expression over the routing keys that may be written there."""


def documented() -> dict[str, Rights]:
    """Read the rights of each user off the document, as an operator does."""
    commands = re.findall(
        r"^\$ rabbitmqctl set_permissions (.+)$", DOCUMENT.read_text(), re.MULTILINE
    )
    words = [shlex.split(command) for command in commands]
    return {user: Rights(*rights) for user, *rights in words}


def give(broker: PrivateBroker, users: Iterable[User]) -> None:
    """Have a broker that is about to start load users, and what the chart and compose have it load.

    None of the users has a tag.
    """
    users = list(users)
    definitions = {
        "vhosts": [{"name": host} for host in sorted({user.host for user in users})],
        "users": [
            {"name": user.name, "password": user.name, "tags": [], "limits": user.limits}
            for user in users
        ],
        "permissions": [
            {"user": user.name, "vhost": user.host, **user.rights._asdict()} for user in users
        ],
        "topic_permissions": [
            {"user": user.name, "vhost": user.host, "exchange": to, "write": keys, "read": ""}
            for user in users
            for to, keys in user.topics.items()
        ],
    }
    folder, further = (broker.folder / name for name in ("definitions", "conf.d"))
    for each in (folder, further):
        each.mkdir(parents=True)
    (folder / "1-users.json").write_text(json.dumps(definitions))
    shutil.copy(TOPOLOGY, folder / "2-topology.json")
    (further / "definitions.conf").write_text(f"load_definitions = {folder}\n")


def address(broker: PrivateBroker, user: User) -> str:
    """Give RABBITMQ_URL as a user has it."""
    host = "" if user.host == "/" else user.host
    return f"amqp://{user.name}:{user.name}@127.0.0.1:{broker.port}/{host}"
