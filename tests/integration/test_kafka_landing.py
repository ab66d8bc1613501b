"""Landers that share a Kafka journal, against a real broker and a real lake: every event once, whoever lands it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from privacy.masking import EventMasker
from services.collector.journals.kafka import Bounds, KafkaJournal
from services.collector.journals.kafka_feed import KafkaFeed
from services.collector.journals.kafka_group import KafkaFeeds
from services.collector.journals.kafka_topic import KafkaTopic
from services.collector.landed import LandedKeys
from services.collector.lander import Lander
from services.collector.ports import JournalUnavailable
from services.collector.tables import DeltaLandedTable
from services.settings import LanderSettings
from spark_jobs.lake import tables
from tests.kafka import Broker, both_ends, running_broker
from tests.kafka_senders import Sender, a_masker, all_sent_more, fresh, lines, sending, until

MUCH = 1 << 30


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def masker(tmp_path_factory: pytest.TempPathFactory) -> EventMasker:
    return a_masker(tmp_path_factory.mktemp("keys"))


class WatchedFeeds(KafkaFeeds):
    """Feeds that a test can count from outside."""

    held = 0

    def assigned(self) -> Sequence[KafkaFeed]:
        feeds = super().assigned()
        self.held = len(feeds)
        return feeds


def lander(feeds: KafkaFeeds, lake: Path) -> Lander:
    return Lander(
        feeds=feeds,
        events=DeltaLandedTable(tables.BRONZE_EVENTS, str(lake), LandedKeys(100_000)),
        refusals=DeltaLandedTable(tables.QUARANTINE_EVENTS, str(lake)),
        settings=LanderSettings(poll_s=0.05, compact_every=10),
    )


@contextmanager
def landing(topic: KafkaTopic, group: str, lake: Path) -> Iterator[WatchedFeeds]:
    """A lander at work until the block is left; then it lands what is left and gives its partitions away."""
    stop = threading.Event()
    with closing(WatchedFeeds(topic, group)) as feeds:
        thread = threading.Thread(target=lander(feeds, lake).run, args=(stop,))
        thread.start()
        try:
            yield feeds
        finally:
            stop.set()
            thread.join()


def landed(lake: Path) -> dict[str, int]:
    """How often each event is in bronze."""
    uri = f"{lake}/{tables.BRONZE_EVENTS.path}"
    if not DeltaTable.is_deltatable(uri):
        return {}
    ids = DeltaTable(uri).to_pyarrow_table(columns=["event_id"])["event_id"]
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(ids).to_pylist()}


def sent(senders: Sequence[Sender]) -> set[str]:
    return {event.event_id for sender in senders for event in sender.acknowledged}


def kept(feed: KafkaFeed) -> int:
    """How many events a partition holds, repeats too; 0 while the broker comes to itself."""
    with suppress(JournalUnavailable):
        return len(lines(feed.read(0, MUCH)))
    return 0


@pytest.mark.slow
async def test_landers_share_partitions_and_none_is_lost_or_doubled_when_they_come_and_go(
    broker: Broker, masker: EventMasker, tmp_path: Path
) -> None:
    topic = broker.topic(partitions=4)
    with ExitStack() as stack:
        journal = stack.enter_context(closing(KafkaJournal(topic)))
        async with sending(*(Sender(journal, masker) for _ in range(4))) as senders:
            first = stack.enter_context(landing(topic, "landers", tmp_path))
            await until(lambda: first.held == 4)
            for _ in range(2):
                with landing(topic, "landers", tmp_path) as second:
                    await until(lambda: (first.held, second.held) == (2, 2))
                    await all_sent_more(senders)
                await until(lambda: first.held == 4)
                await all_sent_more(senders)
        await until(lambda: len(landed(tmp_path)) == len(sent(senders)))
    assert landed(tmp_path) == dict.fromkeys(sent(senders), 1)


async def test_two_landers_of_the_same_partitions_land_every_event_once(
    broker: Broker, masker: EventMasker, tmp_path: Path
) -> None:
    """As when one was taken for dead, lost its partitions, and wakes up."""
    topic = broker.topic(partitions=2)
    with (
        closing(KafkaJournal(topic)) as journal,
        landing(topic, "landers", tmp_path) as first,
        landing(topic, "landers-again", tmp_path) as second,
    ):
        async with sending(*(Sender(journal, masker) for _ in range(4))) as senders:
            await until(lambda: (first.held, second.held) == (2, 2))
            for _ in range(20):
                await all_sent_more(senders)
    assert landed(tmp_path) == dict.fromkeys(sent(senders), 1)


async def test_a_batch_sent_again_because_its_acknowledgement_was_lost_lands_once(
    broker: Broker, masker: EventMasker, tmp_path: Path
) -> None:
    topic = broker.topic()
    events = fresh(masker, 3)
    with both_ends(topic, Bounds(delivery_s=1.0)) as (journal, feed):
        await journal.append("web", fresh(masker, 1), [])
        with broker.frozen(), pytest.raises(JournalUnavailable):
            await journal.append("web", events, [])
        assert (await journal.append("web", events, [])).is_new == (True, True, True)
        await until(lambda: kept(feed) == 7)
        with landing(topic, "landers", tmp_path):
            await until(lambda: len(landed(tmp_path)) == 4)
    assert set(landed(tmp_path).values()) == {1}
