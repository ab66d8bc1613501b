"""Chooses the journals that the configuration names, for both ends. Kafka's client is loaded only where it is used."""

from typing import TYPE_CHECKING

from services.collector.journals import sqlite_writer
from services.collector.journals.sqlite import SqliteJournal
from services.collector.journals.sqlite_feed import SqliteFeeds
from services.collector.journals.sqlite_file import SUFFIX
from services.collector.ports import Feeds, Journal
from services.collector.status import JournalState
from services.settings import Home

if TYPE_CHECKING:
    from services.collector.journals.kafka_topic import KafkaTopic


def journal_at(home: Home, worker: int = 0, wait_s: float = 0.0) -> Journal:
    """Return a worker's journal, waiting for its last user to let it go.

    Raises:
        JournalInUse: if another process appends to it.
        JournalUnavailable: if it cannot be opened.
    """
    return _journal(home, f"collector-{worker}", wait_s)


def replay_journal_at(home: Home) -> Journal:
    """Return the journal that replayed events go through."""
    return _journal(home, "replay", wait_s=0.0)


def feeds_at(home: Home) -> Feeds:
    """Return the lander's end of all journals."""
    settings = home.settings.journal
    if settings.kind == "kafka":
        from services.collector.journals.kafka_group import KafkaFeeds

        return KafkaFeeds(_topic(home), settings.kafka_group)
    return SqliteFeeds(home.path(settings.folder))


def journal_states(home: Home) -> list[JournalState]:
    """Return how each journal is doing; landers are not disturbed."""
    settings = home.settings.journal
    if settings.kind == "kafka":
        from services.collector.journals.kafka_group import KafkaPartitions

        feeds: Feeds = KafkaPartitions(_topic(home), settings.kafka_group)
    else:
        feeds = SqliteFeeds(home.path(settings.folder))
    try:
        return [JournalState(feed.name, *feed.waiting(), feed.size()) for feed in feeds.assigned()]
    finally:
        feeds.close()


def lost_through(home: Home, journal_id: str) -> int:
    """Return through which sequence a journal's records are gone; 0 if none are, or if it is none that loses any."""
    if home.settings.journal.kind != "kafka":
        return 0
    from services.collector.journals.kafka_group import KafkaPartitions

    partitions = KafkaPartitions(_topic(home), home.settings.journal.kafka_group)
    try:
        return max((f.lost_through() for f in partitions.assigned() if f.journal_id == journal_id), default=0)
    finally:
        partitions.close()


def _journal(home: Home, name: str, wait_s: float) -> Journal:
    settings = home.settings.journal
    if settings.kind == "kafka":
        from services.collector.journals.kafka import Bounds, KafkaJournal

        return KafkaJournal(
            _topic(home), Bounds(home.settings.collector.max_held_bytes, remembered=settings.remembered)
        )
    bounds = sqlite_writer.Bounds(settings.max_waiting_events, settings.min_free_bytes, settings.remembered)
    return SqliteJournal(home.path(settings.folder) / f"{name}{SUFFIX}", bounds, wait_s)


def _topic(home: Home) -> "KafkaTopic":
    from services.collector.journals.kafka_brokers import KafkaBrokers
    from services.collector.journals.kafka_topic import KafkaTopic

    settings = home.settings.journal
    brokers = KafkaBrokers(settings.kafka_servers, settings.kafka_options)
    # Masked JSON is larger than what was sent, and batches that wait together become one message.
    largest = 4 * home.settings.collector.max_batch_bytes
    return KafkaTopic(brokers, settings.kafka_topic, max_message_bytes=largest)
