"""A node of RabbitMQ's three goes away: the services go on with the others."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_QUEUE
from tests.cluster import NODES, Cluster, Node, private_cluster
from tests.databases import Database
from tests.faults.conftest import Record
from tests.faults.reports import Reports
from tests.faults.system import System, purge_queues
from tests.services import ServiceProcess, eventually

# Longer than any heartbeat, of the clients' 18 s too.
FROZEN_SECONDS = 25.0
# The waits inside end before. The other nodes take it for one that is down after 45 to 75 s.
MOST_FROZEN_SECONDS = 150.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with private_cluster(tmp_path_factory.mktemp("cluster")) as made:
        for node in made.nodes:
            node.start()
        yield made


@pytest.fixture
def broker(cluster: Cluster) -> Iterator[Node]:
    """Give the first node, for what is looked at while all of them run."""
    yield cluster.nodes[0]
    # Not deleted: each case begins with the members that the queues have.
    purge_queues(cluster.nodes[0])


@pytest.fixture
def system(system: System, cluster: Cluster) -> System:
    """Name all nodes to the services, in an order that leads them to the first."""
    system.environment["RABBITMQ_URL"] = cluster.url
    return system


@contextmanager
def _killed(node: Node) -> Iterator[None]:
    node.kill()
    try:
        yield
    finally:
        node.start()


@contextmanager
def _stopped(node: Node) -> Iterator[None]:
    node.stop()
    try:
        yield
    finally:
        node.start()


@contextmanager
def _frozen(node: Node) -> Iterator[None]:
    thaw = threading.Timer(MOST_FROZEN_SECONDS, os.kill, (node.pid, signal.SIGCONT))
    os.kill(node.pid, signal.SIGSTOP)
    thaw.start()
    try:
        time.sleep(FROZEN_SECONDS)
        yield
        assert thaw.is_alive(), "nothing went on until the node did"
    finally:
        thaw.cancel()
        os.kill(node.pid, signal.SIGCONT)


@pytest.mark.long
@pytest.mark.parametrize(
    "away",
    [
        pytest.param(
            _killed,
            id="killed",
            marks=pytest.mark.fault("each of three RabbitMQ nodes killed (-9) under load"),
        ),
        pytest.param(
            _stopped,
            id="rolled",
            marks=pytest.mark.fault("three RabbitMQ nodes restarted one by one under load"),
        ),
        pytest.param(
            _frozen,
            id="frozen",
            marks=pytest.mark.fault("each of three RabbitMQ nodes frozen for 25 s under load"),
        ),
    ],
)
def test_a_cluster_that_misses_a_node_goes_on_and_loses_and_doubles_nothing(
    away: Callable[[Node], AbstractContextManager[None]],
    cluster: Cluster,
    system: System,
    chance: random.Random,
    record: Record,
) -> None:
    consumer = system.start_consumer()
    _has_all_its_members(cluster)
    with system.traffic():
        for node in cluster.nodes:
            time.sleep(chance.uniform(1, 4))
            with away(node):
                consumer.wait_until_ready()
                _goes_on(system, consumer)
            consumer.wait_until_ready()
            _has_all_its_members(cluster)

    record(NODES, system, consumer)


def _goes_on(system: System, consumer: ServiceProcess) -> None:
    """Wait until so many events are stored that one of them was reported only now."""
    reported = len(system.reports.distinct)
    eventually(lambda: sum(1 for _ in system.stored(consumer)) > reported)


def _has_all_its_members(cluster: Cluster) -> None:
    names = {node.name for node in cluster.nodes}

    def complete(queue: str) -> bool:
        return cluster.nodes[0].members(queue) == names

    for queue in (EVENTS_QUEUE, DEAD_LETTER_QUEUE):
        eventually(partial(complete, queue.name))


@pytest.fixture
def forming(tmp_path: Path) -> Iterator[Cluster]:
    """Give a cluster of which the first node runs as yet."""
    with private_cluster(tmp_path) as made:
        made.nodes[0].start()
        yield made


@pytest.mark.long
@pytest.mark.fault("queue declared on one RabbitMQ node, grown to three, that node killed (-9)")
def test_a_queue_with_one_member_is_mended_under_load_as_operators_are_told(
    forming: Cluster, database: Database, tmp_path: Path, seed: int, record: Record
) -> None:
    first, *others = forming.nodes
    with closing(System(first, database, tmp_path, Reports(seed))) as system:
        system.environment["RABBITMQ_URL"] = forming.url
        consumer = system.start_consumer()
        for node in others:
            node.start()
        assert first.members(EVENTS_QUEUE.name) == {first.name}

        with system.traffic():
            for node in others:
                first.run("rabbitmq-queues", "grow", node.name, "all")
            _has_all_its_members(forming)
            with _killed(first):
                consumer.wait_until_ready()
                _goes_on(system, consumer)
            consumer.wait_until_ready()
        record(1, system, consumer)
