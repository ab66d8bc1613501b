"""The Kafka journal against a real broker: what it promises beyond what every journal does."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from privacy.masking import EventMasker, MaskedEvent
from services.collector.journals.kafka import Bounds, KafkaJournal, RecordTooLarge
from services.collector.journals.kafka_brokers import KafkaBrokers
from services.collector.journals.kafka_feed import KafkaFeed, RecordsLost
from services.collector.journals.kafka_group import KafkaFeeds, KafkaPartitions
from services.collector.journals.kafka_topic import KafkaTopic, KafkaTopicUnfit
from services.collector.ports import JournalDamaged, JournalUnavailable, Overloaded, Receipt, Record
from services.demo.servers import free_port
from services.settings import SettingsInvalid
from tests.kafka import Broker, both_ends, running_broker
from tests.kafka_senders import Sender, a_masker, all_failed, all_sent_more, fresh, lines, sending, until

MUCH = 1 << 30
QUICK = Bounds(delivery_s=1.5)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def masker(tmp_path_factory: pytest.TempPathFactory) -> EventMasker:
    return a_masker(tmp_path_factory.mktemp("keys"))


async def read_when_it_answers(feed: KafkaFeed) -> list[Record]:
    records: list[Record] = []

    def is_read() -> bool:
        with suppress(JournalUnavailable):
            records.extend(feed.read(0, MUCH))
        return bool(records)

    await until(is_read)
    return records


@pytest.mark.slow
async def test_a_killed_broker_is_a_clear_error_and_nothing_acknowledged_is_lost(
    broker: Broker, masker: EventMasker
) -> None:
    with both_ends(broker.topic(), QUICK) as (journal, feed):
        async with sending(*(Sender(journal, masker) for _ in range(8))) as senders:
            for _ in range(2):
                await all_sent_more(senders)
                broker.kill()
                await all_failed(senders)
                with pytest.raises(JournalUnavailable):
                    await asyncio.to_thread(feed.read, 0, MUCH)
                await asyncio.to_thread(broker.start)
            await all_sent_more(senders)
        found = Counter(lines(await read_when_it_answers(feed)))
        acknowledged = [event for sender in senders for event in sender.acknowledged]
        assert {found[event.to_bytes()] for event in acknowledged} == {1}
        assert {type(error) for sender in senders for error in sender.errors} == {JournalUnavailable}


async def appended(journal: KafkaJournal, batch: Sequence[MaskedEvent]) -> Receipt:
    """Append as a client does: again while the brokers are on their way back."""
    async with asyncio.timeout(30):
        while True:
            with suppress(JournalUnavailable, Overloaded):
                return await journal.append("web", batch, [])
            await asyncio.sleep(0.1)


async def test_a_broker_that_answers_nothing_is_told_and_what_waits_is_bounded(
    broker: Broker, masker: EventMasker
) -> None:
    topic = broker.topic()
    small = KafkaTopic(KafkaBrokers(broker.servers), topic.name, max_message_bytes=1024 * 1024)
    with both_ends(small, Bounds(max_waiting_bytes=1024 * 1024, delivery_s=1.5)) as (journal, feed):
        batches = [fresh(masker, 100) for _ in range(60)]
        with broker.frozen():
            outcomes = await asyncio.gather(
                *(journal.append("web", batch, []) for batch in batches), return_exceptions=True
            )
        assert Counter(map(type, outcomes)).keys() == {Overloaded, JournalUnavailable}
        again = [await appended(journal, batch) for batch in batches]
        assert all(receipt.is_new == (True,) * 100 for receipt in again)
        assert set(lines(feed.read(0, MUCH))) == {event.to_bytes() for batch in batches for event in batch}


class NoGaps(KafkaBrokers):
    """Brokers whose producers end for good when a message is refused."""

    def client(self, make: Any, kind: str, *, fixed: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
        no_gaps = {"enable.gapless.guarantee": True} if kind == "producer" else {}
        return super().client(make, kind, fixed={**fixed, **no_gaps}, defaults=defaults)


async def test_a_producer_that_may_not_go_on_is_replaced(broker: Broker, masker: EventMasker) -> None:
    topic = broker.topic()
    with both_ends(KafkaTopic(NoGaps(broker.servers), topic.name), QUICK) as (journal, feed):
        largest = ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name, incremental_configs=[largest])
        admin = AdminClient({"bootstrap.servers": broker.servers})
        admin.incremental_alter_configs([resource])[resource].result()
        with pytest.raises((RecordTooLarge, JournalUnavailable)):
            await journal.append("web", fresh(masker, 200), [])
        async with sending(Sender(journal, masker, each=1)) as senders:
            await all_sent_more(senders)
        assert lines(feed.read(0, MUCH))[0] == senders[0].acknowledged[0].to_bytes()


@pytest.mark.slow
async def test_a_journal_opened_without_a_broker_refuses_until_there_is_one(
    broker: Broker, masker: EventMasker
) -> None:
    topic = broker.topic()
    broker.kill()
    try:
        journal = await asyncio.to_thread(KafkaJournal, KafkaTopic(KafkaBrokers(broker.servers), topic.name), QUICK)
        with pytest.raises(JournalUnavailable):
            await journal.append("web", fresh(masker, 1), [])
    finally:
        await asyncio.to_thread(broker.start)
    async with sending(Sender(journal, masker)) as senders:
        await all_sent_more(senders)
    journal.close()


async def test_what_is_on_its_way_is_there_after_close(broker: Broker, masker: EventMasker) -> None:
    with both_ends(broker.topic()) as (journal, feed):
        events = fresh(masker, 3)
        append = asyncio.create_task(journal.append("web", events, []))
        await asyncio.sleep(0)
        journal.close()
        assert (await append).is_new == (True, True, True)
        assert lines(feed.read(0, MUCH)) == [event.to_bytes() for event in events]
        with pytest.raises(JournalUnavailable):
            await journal.append("web", events, [])


async def test_a_journal_that_is_opened_again_goes_on_behind_what_is_there(broker: Broker, masker: EventMasker) -> None:
    topic = broker.topic()
    events = fresh(masker, 2)
    with both_ends(topic) as (journal, feed):
        await journal.append("web", events[:1], [])
        first = feed.journal_id
    with both_ends(KafkaTopic(KafkaBrokers(broker.servers), topic.name)) as (journal, feed):
        await journal.append("web", events[1:], [])
        assert feed.journal_id == first
        assert lines(feed.read(0, MUCH)) == [event.to_bytes() for event in events]
        assert lines(feed.read(1, MUCH)) == [events[1].to_bytes()]


async def test_the_same_event_sent_twice_at_once_is_kept_once(broker: Broker, masker: EventMasker) -> None:
    with both_ends(broker.topic()) as (journal, feed):
        events = fresh(masker, 1)
        receipts = await asyncio.gather(*(journal.append("web", events, []) for _ in range(5)))
        assert sum(receipt.is_new == (True,) for receipt in receipts) == 1
        assert lines(feed.read(0, MUCH)) == [events[0].to_bytes()]


async def test_large_batches_are_kept_whole_and_ones_that_are_too_large_refused(
    broker: Broker, masker: EventMasker
) -> None:
    topic = KafkaTopic(
        KafkaBrokers(broker.servers), f"events-{uuid.uuid4().hex[:8]}", max_message_bytes=2 * 1024 * 1024
    )
    topic.make(1, replicas=1)
    with both_ends(topic) as (journal, feed):
        large = [fresh(masker, 2500) for _ in range(3)]
        small = fresh(masker, 1)
        outcomes = await asyncio.gather(
            *(journal.append("web", batch, []) for batch in [*large, fresh(masker, 8000), small]),
            return_exceptions=True,
        )
        assert [type(o) for o in outcomes if isinstance(o, Exception)] == [RecordTooLarge]
        sent = [event.to_bytes() for batch in [*large, small] for event in batch]
        assert sorted(lines(feed.read(0, MUCH))) == sorted(sent)
        assert all(len(record.events) <= 2 * 1024 * 1024 for record in feed.read(0, MUCH))


async def test_records_that_were_removed_before_they_landed_are_told_not_skipped(
    broker: Broker, masker: EventMasker
) -> None:
    topic = broker.topic()
    with both_ends(topic) as (journal, feed):
        for _ in range(6):
            await journal.append("web", fresh(masker, 1), [])
        assert [record.sequence for record in feed.read(0, 1)] == [1]
        admin = AdminClient({"bootstrap.servers": broker.servers})
        (removed,) = admin.delete_records([TopicPartition(topic.name, 0, 4)]).values()
        removed.result()
        with pytest.raises(RecordsLost):
            feed.read(1, MUCH)
        assert [record.sequence for record in feed.read(4, MUCH)] == [5, 6]
        assert [record.sequence for record in feed.read(0, MUCH)] == [5, 6]
        with pytest.raises(RecordsLost):
            feed.read(7, MUCH)


async def test_a_topic_that_was_made_anew_is_another_journal(broker: Broker, masker: EventMasker) -> None:
    topic = broker.topic()
    with closing(KafkaFeeds(topic, "landers-anew")) as feeds, closing(KafkaJournal(topic, QUICK)) as journal:
        (old,) = feeds.assigned()
        await journal.append("web", fresh(masker, 1), [])
        old.forget(old.read(0, MUCH)[-1].sequence)
        identity = topic.identity()
        admin = AdminClient({"bootstrap.servers": broker.servers})
        admin.delete_topics([topic.name])[topic.name].result()

        def is_made_anew() -> bool:
            with suppress(KafkaTopicUnfit):
                return topic.identity() != identity
            topic.make(1, replicas=1)
            return False

        await until(is_made_anew)
        async with sending(Sender(journal, masker)) as senders:
            for _ in range(5):
                await all_sent_more(senders)

        def is_told() -> bool:
            with suppress(JournalUnavailable), pytest.raises(RecordsLost):
                old.read(1, MUCH)
            return not old.is_current

        await until(is_told)
        (new,) = feeds.assigned()
        assert new.journal_id != old.journal_id
        assert {event.to_bytes() for event in senders[0].acknowledged} <= set(lines(new.read(0, MUCH)))


OURS = {"format": b"1", "events": b"1", "refusals": b"0", "events-bytes": b"9"}


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"not ours\n", {}),
        (b"not ours\n", {**OURS, "format": b"2"}),
        (b"not ours\n", {**OURS, "events": b"2"}),
        (b"not ours\n", {**OURS, "refusals": b"many"}),
    ],
)
async def test_a_message_of_someone_else_is_told_and_what_came_before_it_is_read(
    broker: Broker, masker: EventMasker, value: bytes, headers: dict[str, bytes]
) -> None:
    topic = broker.topic()
    with both_ends(topic) as (journal, feed):
        await journal.append("web", fresh(masker, 1), [])
        stranger = Producer({"bootstrap.servers": broker.servers})
        stranger.produce(topic.name, value, headers=headers)
        stranger.flush()
        await journal.append("web", fresh(masker, 1), [])
        assert [record.sequence for record in feed.read(0, MUCH)] == [1]
        for _ in range(2):
            with pytest.raises(JournalDamaged):
                feed.read(1, MUCH)
        assert [record.sequence for record in feed.read(2, MUCH)] == [3]


async def test_who_looks_sees_what_waits_and_disturbs_no_lander(broker: Broker, masker: EventMasker) -> None:
    topic = broker.topic()
    with closing(KafkaFeeds(topic, "landers-seen")) as feeds, closing(KafkaJournal(topic)) as journal:
        (feed,) = feeds.assigned()
        for _ in range(3):
            await journal.append("web", fresh(masker, 10), [])
        with closing(KafkaPartitions(topic, "landers-seen")) as partitions:
            (seen,) = partitions.assigned()
            assert (seen.name, seen.journal_id) == (feed.name, feed.journal_id)
            assert seen.waiting()[0] == 30 and seen.waiting()[1] > 0
            feed.forget(feed.read(0, 1)[-1].sequence)
            await until(lambda: told(topic) == 20)
        assert feeds.assigned() == [feed]
        feed.forget(feed.read(1, MUCH)[-1].sequence)
        assert feed.waiting() == (0, 0.0)
        await until(lambda: told(topic) == 0)


def told(topic: KafkaTopic) -> int:
    with closing(KafkaPartitions(topic, "landers-seen")) as partitions:
        return sum(feed.waiting()[0] for feed in partitions.assigned())


def test_a_topic_that_could_lose_events_is_refused(broker: Broker) -> None:
    for config, word in (
        ({"flush.messages": "1000"}, "flush.messages=1"),
        ({"unclean.leader.election.enable": "true"}, "unclean.leader.election.enable=false"),
        ({"cleanup.policy": "compact"}, "cleanup.policy=delete"),
        ({"max.message.bytes": "1000000"}, "max.message.bytes=16777216"),
    ):
        with pytest.raises(KafkaTopicUnfit) as refused:
            KafkaJournal(broker.topic(config=config))
        assert word in refused.value.sentence


def test_a_missing_topic_is_told_to_both_ends(broker: Broker) -> None:
    topic = KafkaTopic(KafkaBrokers(broker.servers), "missing")
    with pytest.raises(KafkaTopicUnfit, match="missing"):
        KafkaJournal(topic)
    with closing(KafkaFeeds(topic, "landers")) as feeds, pytest.raises(KafkaTopicUnfit, match="missing"):
        feeds.assigned()
    with pytest.raises(KafkaTopicUnfit, match="3 copies"):
        topic.make(1, replicas=3)


def test_options_are_told_by_name_and_never_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "tell-nobody")
    servers = f"127.0.0.1:{free_port()}"
    for options in (
        {"sasl.password": "env:KAFKA_PASSWORD", "security.protocol": "tell-nobody"},
        {"acks": "1"},
        {"sasl.password": "env:KAFKA_PASSWORD_MISSING"},
        {"sasl.pasword": "env:KAFKA_PASSWORD"},
    ):
        with pytest.raises(SettingsInvalid) as refused:
            KafkaJournal(KafkaTopic(KafkaBrokers(servers, options), "events"))
        assert "tell-nobody" not in refused.value.sentence
        assert any(name in refused.value.sentence for name in options)
