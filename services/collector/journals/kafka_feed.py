"""The lander's end of a journal in Kafka: the records of one partition, from where the lake's own log says."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from privacy.errors import MangroveError
from services.collector.journals.kafka_brokers import ErrorLog
from services.collector.journals.kafka_record import to_record
from services.collector.journals.kafka_topic import KafkaTopic, TopicIdentity
from services.collector.ports import JournalDamaged, JournalUnavailable, Record

log = structlog.get_logger()

_ANSWER_S = 5.0
_POLL_S = 0.1
_MADE_ANEW = "its topic was deleted and made anew"

Commit = Callable[[TopicPartition], None]


class RecordsLost(JournalDamaged):
    """Records were taken out of the topic before they landed, or the topic is not the one that they were in."""

    def __init__(self, name: str, what: str) -> None:
        MangroveError.__init__(
            self,
            f"The journal '{name}' has lost records: {what}. Nothing more of it lands until you decide: see "
            "docs/operations.md on how to go on from it.",
        )


class KafkaFeed:
    """The records of one partition.

    It has a consumer of its own that starts where the lake's own log says, so the position that the group commits
    is only for those who look. A record's sequence is its offset and one.

    Args:
        topic: The topic.
        identity: Which topic it is, by which the journal is named.
        partition: The partition's number.
        group: The landers' group, for the brokers' access rules; the consumer does not join it.
        commit: Commits a position for the group; None if this feed is only looked at.
    """

    def __init__(
        self, topic: KafkaTopic, identity: TopicIdentity, partition: int, group: str, commit: Commit | None = None
    ) -> None:
        self._topic = topic
        self._identity = identity
        self._partition = partition
        self._commit = commit
        self._journal_id = f"kafka:{identity.cluster_id}:{topic.name}:{identity.topic_id}:{partition}"
        self._consumer = _reader(topic, group)
        self._tell = ErrorLog(self.name)
        self._delivered: int | None = None
        self._next = 0
        self._end = 0
        self._forgotten: int | None = None
        self._unforgotten: deque[tuple[int, float]] = deque()
        self._events_a_message = 1.0
        self.is_current = True

    @property
    def name(self) -> str:
        """The topic and the partition."""
        return f"{self._topic.name}-{self._partition}"

    @property
    def journal_id(self) -> str:
        """A name made of the cluster's id, the topic, its id, and the partition."""
        return self._journal_id

    def read(self, after: int, max_bytes: int) -> list[Record]:
        """Return the oldest records behind a sequence; see the port.

        Raises:
            RecordsLost: if records were removed before they landed; `is_current` is False when the topic is another.
            JournalDamaged: if a message is none of the collector's.
            JournalUnavailable: if the brokers do not answer.
        """
        start, self._end = self._range(after)
        if self._delivered != after:
            self._consumer.assign([self._at(start)])
            self._delivered, self._next = after, start
            self._unforgotten.clear()
        messages = self._messages(max_bytes) if self._next < self._end else []
        if not messages:
            return []
        # A topic that was made anew meanwhile has the same name and other messages at the same offsets.
        if not self._is_same_topic():
            raise RecordsLost(self.name, _MADE_ANEW)
        return self._records(messages)

    def forget(self, through: int) -> None:
        """Tell the group's position, for those who look; the brokers remove records by the topic's retention."""
        self._forgotten = through
        while self._unforgotten and self._unforgotten[0][0] <= through:
            self._unforgotten.popleft()
        if self._commit is not None:
            self._commit(self._at(through))

    def waiting(self) -> tuple[int, float]:
        """Return about how many events wait, and the age of the oldest; see the port.

        Messages are counted, each taken to hold as many events as the oldest ones.

        Raises:
            JournalUnavailable: if the brokers do not answer.
        """
        low, high = self._topic.ends(self._partition)
        start = max(low, self._landed())
        if start >= high:
            return 0, 0.0
        if not self._unforgotten:
            with suppress(JournalDamaged):
                self.read(start, 1)
        written_at = self._unforgotten[0][1] if self._unforgotten else time.time()
        return round((high - start) * self._events_a_message), max(time.time() - written_at, 0.0)

    def size(self) -> int:
        """Return 0: it lies with the brokers."""
        return 0

    def close(self) -> None:
        """Let go of the partition."""
        self._consumer.close()

    def lost_through(self) -> int:
        """Return the last sequence that the topic does not hold any more, 0 if it holds all."""
        return self._topic.ends(self._partition)[0]

    def _range(self, after: int) -> tuple[int, int]:
        """Return the offset at which the records behind a sequence begin, and the one at which they end."""
        low, high = self._topic.ends(self._partition)
        if after > high or low > after > 0:
            what = f"{after} landed, and what there is begins behind {low} and ends with {high}"
            raise RecordsLost(self.name, what if self._is_same_topic() else _MADE_ANEW)
        if low > after:
            log.warning("journal_begins_late", journal=self.name, first=low + 1)
        return max(after, low), high

    def _is_same_topic(self) -> bool:
        self.is_current = self._topic.identity() == self._identity
        return self.is_current

    def _landed(self) -> int:
        """Return the sequence through which records landed: what was told here, else what the group's landers told."""
        if self._forgotten is None:
            try:
                (position,) = self._consumer.committed([self._at(0)], timeout=_ANSWER_S)
            except KafkaException as error:
                self._unavailable(error.args[0])
            return max(position.offset, 0)
        return self._forgotten

    def _messages(self, max_bytes: int) -> list[Message]:
        messages: list[Message] = []
        size = 0
        until = time.monotonic() + _ANSWER_S
        while size < max_bytes and self._next < self._end:
            message = self._poll()
            if message is None:
                if time.monotonic() < until:
                    continue
                if messages:
                    break
                raise JournalUnavailable
            self._see_to_error(message)
            offset = message.offset()
            if offset is None or offset < self._next:
                continue
            if message.error() is not None:
                # The end of the partition: what lies between was no record, but a mark of a transaction.
                self._next = offset
                continue
            messages.append(message)
            self._next = offset + 1
            size += len(message.value() or b"")
        return messages

    def _poll(self) -> Message | None:
        try:
            return self._consumer.poll(_POLL_S)
        except KafkaException as error:
            self._unavailable(error.args[0])

    def _records(self, messages: list[Message]) -> list[Record]:
        """Return what the messages hold, up to one that is damaged; that one is told when it is the first."""
        records: list[Record] = []
        for message in messages:
            try:
                records.append(to_record(message, self.name))
            except JournalDamaged:
                self._delivered = None
                if not records:
                    raise
                break
        else:
            self._delivered = records[-1].sequence
        written_at = (message.timestamp()[1] / 1000 for message in messages)
        self._unforgotten.extend((r.sequence, at) for r, at in zip(records, written_at, strict=False))
        self._events_a_message = sum(record.count for record in records) / len(records)
        return records

    def _see_to_error(self, message: Message) -> None:
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return
        self._delivered = None
        if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            raise RecordsLost(self.name, f"what lies behind {self._next} was removed")
        self._unavailable(error)

    def _at(self, offset: int) -> TopicPartition:
        return TopicPartition(self._topic.name, self._partition, offset)

    def _unavailable(self, error: KafkaError) -> NoReturn:
        self._tell(error)
        raise JournalUnavailable


def _reader(topic: KafkaTopic, group: str) -> Consumer:
    consumer: Consumer = topic.brokers.client(
        Consumer,
        "feed",
        fixed={
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "check.crcs": True,
        },
        defaults={"queued.max.messages.kbytes": 16 * 1024, "reconnect.backoff.max.ms": 1000},
    )
    return consumer
