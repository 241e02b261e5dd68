"""A cluster of RabbitMQ: three private nodes of this machine."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.broker import PrivateBroker, find_epmd
from local.children import ChildGroup
from local.ports import free_port, is_free
from local.server import ensure_server
from tests.services import eventually

NODES = 3

# A command waits for ever on a node that is frozen.
_COMMAND_SECONDS = 60.0


class Node(PrivateBroker):
    """A broker that joins the first node of a cluster at its first start."""

    def __init__(self, cluster: Path, number: int, epmd_port: int) -> None:
        super().__init__(cluster / f"node-{number}")
        self.name = _name(number)
        self._epmd_port = epmd_port

    def run(self, program: str, *arguments: str) -> str:
        """Run one of RabbitMQ's own commands on this node; return what it prints."""
        done = self._run(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def members(self, queue: str) -> set[str]:
        """Name the nodes on which a member of a quorum queue runs, as operators see them.

        None while the node can't tell, as in an election.
        """
        done = self._run("rabbitmq-queues", "quorum_status", queue, "--formatter", "json")
        if done.returncode != 0:
            return set()
        return {
            member["Node Name"]
            for member in json.loads(done.stdout)
            if member["Raft State"] in {"leader", "follower"}
        }

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ensure_server().with_name(program), "--quiet", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )

    def _start_epmd(self, group: ChildGroup, epmd: Path) -> None:
        """Leave it to the cluster: the nodes find each other by one port mapper."""

    def _write_configuration(self) -> None:
        super()._write_configuration()
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text("MEDICATIONPERIODS")
            cookie.chmod(0o400)

    def _settings(self) -> dict[str, object]:
        return {
            **super()._settings(),
            "cluster_formation.peer_discovery_backend": "classic_config",
            "cluster_formation.classic_config.nodes.1": _name(1),
            "cluster_partition_handling": "pause_minority",
        }


class Cluster:
    """Nodes that are started, taken away and brought back one by one, the first one first."""

    def __init__(self, folder: Path, epmd_port: int) -> None:
        self.nodes = [Node(folder, number, epmd_port) for number in range(1, NODES + 1)]

    @property
    def url(self) -> str:
        """RABBITMQ_URL with the addresses of all nodes."""
        return ",".join(node.url for node in self.nodes)


@contextmanager
def private_cluster(folder: Path) -> Iterator[Cluster]:
    """Give a cluster of which no node runs yet; at the end of the context none does."""
    port = free_port()
    cluster, mapper = Cluster(folder, port), ChildGroup()
    try:
        options = ["-address", "127.0.0.1", "-port", str(port)]
        mapper.start([find_epmd(), *options], log=folder / "epmd.log")
        eventually(lambda: not is_free(port))
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()
        mapper.kill()


def _name(number: int) -> str:
    return f"rabbit-{number}@localhost"
