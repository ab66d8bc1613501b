"""The collector's end of a journal in Kafka: acknowledged by every copy of the topic that must be in sync."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress

import numpy as np
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal
from services.collector.journals.kafka_record import to_message
from services.collector.journals.kafka_topic import KafkaTopic, KafkaTopicUnfit
from services.collector.journals.recent import Keys, RecentKeys, keys_of
from services.collector.journals.settling import settle
from services.collector.ports import JournalUnavailable, Overloaded, Receipt

log = structlog.get_logger()

_ON_THEIR_WAY = 2
_BYTES_TOGETHER = 1024 * 1024
_POLL_S = 0.1
_LOOK_AGAIN_S = 1.0


class RecordTooLarge(MangroveError):
    """A batch is larger than the topic's messages may be."""

    reason = "BATCH_TOO_LARGE"

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(
            f"Masked, the batch takes more than the {max_message_bytes} bytes that the journal keeps at once, so "
            "nothing was taken. Send fewer events in a batch."
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a journal holds.

    Attributes:
        max_waiting_bytes: How many bytes of batches may wait for the brokers.
        delivery_s: How long a batch may wait for the brokers before the sender is told to try again.
        remembered: How many event ids are remembered to tell duplicates, at least.
    """

    max_waiting_bytes: int = 64 * 1024 * 1024
    delivery_s: float = 10.0
    remembered: int = 500_000


@dataclass(slots=True)
class _Append:
    keys: Keys
    events: list[bytes]
    refusals: list[bytes]
    size: int
    done: "asyncio.Future[Receipt]"


@dataclass(frozen=True, slots=True)
class _Sent:
    """The batches of a message, what to tell their senders when it is durable, and the keys of its events."""

    appends: Sequence[_Append]
    receipts: Sequence[Receipt]
    new_keys: Keys


class KafkaJournal:
    """A journal in a Kafka topic.

    A few messages are on their way at a time; the batches that come meanwhile are gathered into the next one, which is
    there as a whole or not at all. Senders are told that their batches are durable when the brokers say so (`acks=all`,
    idempotent producer). Batches that they did not acknowledge in time may be there all the same: the sender sends them
    again, and the lander leaves repeats out by their event ids. Which events were there before is remembered by this
    process only, from the acknowledgement on.

    Make it in the process that appends, as librdkafka's threads do not survive a fork, and use it from one event loop.

    Args:
        topic: The topic.
        bounds: How much it holds.

    Raises:
        KafkaTopicUnfit: if the topic is missing or could lose what was acknowledged. Brokers that do not answer are
            no reason: batches are refused until they do.
        SettingsInvalid: if librdkafka does not take the settings.
    """

    def __init__(self, topic: KafkaTopic, bounds: Bounds | None = None) -> None:
        self._topic = topic
        self._bounds = bounds or Bounds()
        self._seen = RecentKeys(self._bounds.remembered)
        self._gathered: deque[_Append] = deque()
        self._waiting_bytes = 0
        self._on_their_way = 0
        self._producer = self._new_producer()
        self._checked = self._check()
        self._failing = False
        self._broken = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll_forever, name="journal", daemon=True)
        self._thread.start()

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        """Make a batch durable; see the port.

        Raises:
            JournalUnavailable: if the brokers did not acknowledge it in time.
            Overloaded: if too much waits for the brokers.
            RecordTooLarge: if it is larger than a message may be.
        """
        if not self._checked or self._closing.is_set():
            raise JournalUnavailable
        loop = asyncio.get_running_loop()
        keys = keys_of(source, [event.event_id for event in events])
        lines, refused = [event.to_bytes() for event in events], [refusal.to_bytes() for refusal in refusals]
        append = _Append(keys, lines, refused, sum(map(len, lines + refused)), loop.create_future())
        if self._waiting_bytes and self._waiting_bytes + append.size > self._bounds.max_waiting_bytes:
            raise Overloaded
        self._waiting_bytes += append.size
        self._gathered.append(append)
        if len(self._gathered) == 1:
            loop.call_soon(self._send_gathered)
        return await append.done

    def close(self) -> None:
        """Wait for what the brokers have not acknowledged yet, as long as a batch may wait, and let go."""
        if self._closing.is_set():
            return
        while self._gathered:
            self._send(self._take())
        self._closing.set()
        self._thread.join()
        with suppress(KafkaException):
            self._producer.flush(self._bounds.delivery_s)
        _give_up(self._producer)

    def _send_gathered(self) -> None:
        while self._gathered and self._on_their_way < _ON_THEIR_WAY:
            self._send(self._take())

    def _take(self) -> list[_Append]:
        """Take batches for a message of a megabyte at most, but for a batch that is larger itself."""
        taken = [self._gathered.popleft()]
        size = taken[0].size
        while self._gathered and size + self._gathered[0].size <= _BYTES_TOGETHER:
            taken.append(self._gathered.popleft())
            size += taken[-1].size
        return taken

    def _send(self, appends: list[_Append]) -> None:
        """Produce batches as one message; a repeat inside it is left out, as one may not be there without the other."""
        keys = np.concatenate([append.keys for append in appends])
        novel = self._seen.novel(keys)
        told = novel.tolist()
        receipts = []
        events: list[bytes] = []
        for append in appends:
            receipts.append(Receipt(tuple(told[: len(append.events)])))
            del told[: len(append.events)]
            events += compress(append.events, receipts[-1].is_new)
        sent = _Sent(appends, receipts, keys[novel])
        refusals = [refusal for append in appends for refusal in append.refusals]
        if not events and not refusals:
            self._settle(sent, None)
            return
        value, headers = to_message(events, refusals)
        try:
            self._producer.produce(self._topic.name, value, headers=headers, on_delivery=self._telling(sent))
            self._on_their_way += 1
        except BufferError:
            self._settle(sent, Overloaded())
        except KafkaException as error:
            self._settle(sent, self._failure(error.args[0]))

    def _telling(self, sent: _Sent) -> Callable[[KafkaError | None, Message], None]:
        loop = sent.appends[0].done.get_loop()

        def delivered(error: KafkaError | None, _: Message) -> None:
            # When the loop is closed, nobody waits for the outcome.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._arrived, sent, self._failure(error))

        return delivered

    def _arrived(self, sent: _Sent, failure: MangroveError | None) -> None:
        self._on_their_way -= 1
        self._settle(sent, failure)
        if isinstance(failure, JournalUnavailable):
            # Brokers that did not answer in time would let what waits behind it wait as long again.
            while self._gathered:
                self._tell(self._gathered.popleft(), failure)
        self._send_gathered()

    def _settle(self, sent: _Sent, failure: MangroveError | None) -> None:
        if failure is None:
            self._seen.add(sent.new_keys)
        for append, receipt in zip(sent.appends, sent.receipts, strict=True):
            self._tell(append, failure or receipt)

    def _tell(self, append: _Append, outcome: Receipt | MangroveError) -> None:
        self._waiting_bytes -= append.size
        settle(append.done, outcome)

    def _failure(self, error: KafkaError | None) -> MangroveError | None:
        """Return what to tell the senders, None on success; the log is told when it begins to fail and when it ends."""
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return RecordTooLarge(self._topic.max_message_bytes)
        if error is None:
            if self._failing:
                log.info("journal_writes_again", topic=self._topic.name)
            self._failing = False
            return None
        if not self._failing:
            log.error("journal_write_failed", topic=self._topic.name, code=error.name())
        self._failing = True
        self._broken = self._broken or error.fatal()
        return JournalUnavailable()

    def _poll_forever(self) -> None:
        while not self._closing.is_set():
            if not self._checked:
                self._closing.wait(_LOOK_AGAIN_S)
                self._checked = self._check_again()
            try:
                self._producer.poll(_POLL_S)
            except KafkaException as error:
                self._failure(error.args[0])
            if self._broken:
                self._start_anew()

    def _start_anew(self) -> None:
        """Make another producer: after a fatal error, such as a gap in its sequence, this one sends no more."""
        log.error("journal_producer_made_anew", topic=self._topic.name)
        old, self._producer = self._producer, self._new_producer()
        self._broken = False
        _give_up(old)

    def _check(self) -> bool:
        try:
            self._topic.check()
        except KafkaTopicUnfit:
            raise
        except JournalUnavailable:
            return False
        return True

    def _check_again(self) -> bool:
        try:
            return self._check()
        except KafkaTopicUnfit as error:
            log.error("journal_topic_unfit", topic=self._topic.name, sentence=error.sentence)
            return False

    def _new_producer(self) -> Producer:
        producer: Producer = self._topic.brokers.client(
            Producer,
            "producer",
            fixed={
                "acks": "all",
                "enable.idempotence": True,
                "message.max.bytes": self._topic.max_message_bytes,
                "message.timeout.ms": int(self._bounds.delivery_s * 1000),
            },
            # Batches are gathered before they are produced.
            defaults={"linger.ms": 0, "compression.type": "lz4", "reconnect.backoff.max.ms": 1000},
        )
        return producer


def _give_up(producer: Producer) -> None:
    """Tell the senders of everything that still waits in a producer that it was not made durable."""
    producer.purge()
    with suppress(KafkaException):
        producer.flush(1.0)
