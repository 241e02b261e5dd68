"""Messages by MLLP while publishers, consumers, connections and the database go away."""

import random
import time

import pytest

from local.postgres import PrivatePostgres
from tests.databases import KINDS
from tests.faults.conftest import RecordSent, over
from tests.faults.proxy import Proxy
from tests.faults.senders import Senders
from tests.faults.system import System
from tests.services import eventually


@over(*KINDS)
@pytest.mark.fault("MLLP: publisher killed (-9) under messages")
def test_a_publisher_killed_again_and_again_under_messages_loses_and_doubles_nothing(
    system: System, mllp_port: int, chance: random.Random, full: bool, record_sent: RecordSent
) -> None:
    kills = 20 if full else 3
    consumer, senders = system.start_consumer(), Senders(mllp_port, chance)
    with senders.sending():
        for _ in range(kills):
            publisher = system.start("publisher")
            senders.wait_for_more()
            time.sleep(chance.uniform(0, 0.2))
            publisher.kill()
        system.start("publisher")
    record_sent(kills, senders, consumer)


@over(*KINDS)
@pytest.mark.fault("MLLP: consumer killed (-9) under messages")
def test_a_consumer_killed_again_and_again_under_messages_loses_and_doubles_nothing(
    system: System, mllp_port: int, chance: random.Random, full: bool, record_sent: RecordSent
) -> None:
    kills = 20 if full else 2
    system.start("publisher")
    senders = Senders(mllp_port, chance)
    with senders.sending():
        for _ in range(kills):
            consumer = system.start_consumer()
            senders.wait_for_more()
            time.sleep(chance.uniform(0, 0.2))
            consumer.kill()
        consumer = system.start_consumer()
    record_sent(kills, senders, consumer)


@over("sqlite")
@pytest.mark.fault("MLLP: connections cut off in messages and before answers")
def test_connections_cut_off_in_messages_and_before_answers_lose_and_double_nothing(
    system: System, mllp_port: int, chance: random.Random, full: bool, record_sent: RecordSent
) -> None:
    times = 50 if full else 5
    consumer = system.start_consumer()
    system.start("publisher").wait_until_ready()
    proxy = Proxy(mllp_port)
    senders = Senders(proxy.port, chance, cut_off=True)
    with senders.sending():
        for _ in range(times):
            # It is confirmed then: the answer is there.
            proxy.reset_instead_of_answer(chance.randrange(1, 50))
            eventually(lambda: proxy.has_reset)
    proxy.close()
    record_sent(times, senders, consumer)


@over("postgresql")
@pytest.mark.fault("MLLP: PostgreSQL stopped and started under messages")
def test_messages_are_taken_while_the_database_is_away_and_stored_once_it_is_back(
    system: System,
    mllp_port: int,
    own_postgres: PrivatePostgres,
    chance: random.Random,
    full: bool,
    record_sent: RecordSent,
) -> None:
    times = 5 if full else 1
    system.environment["DATABASE_URL"] = own_postgres.url
    consumer, senders = system.start_consumer(), Senders(mllp_port, chance)
    system.start("publisher")
    with senders.sending():
        for _ in range(times):
            senders.wait_for_more()
            own_postgres.stop()
            senders.wait_for_more()
            own_postgres.start()
            consumer.wait_until_ready()
    record_sent(times, senders, consumer)
