"""The collector's end of a journal in Kafka: acknowledged by every copy of the topic that must be in sync."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
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
from services.collector.ports import JournalUnavailable, Overloaded, Receipt

log = structlog.get_logger()

_GATHER_S = 0.003
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
    done: "asyncio.Future[Receipt]"

    @property
    def size(self) -> int:
        return sum(map(len, self.events)) + sum(map(len, self.refusals))


class KafkaJournal:
    """A journal in a Kafka topic.

    Batches that come within milliseconds are one message, which is there as a whole or not at all; their senders are
    told that they are durable when the brokers say so (`acks=all`, idempotent producer). Batches that they did not
    acknowledge in time may be there all the same: the sender sends them again, and the lander leaves repeats out by
    their event ids. Which events were there before is remembered by this process only, from the acknowledgement on.

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
        self._gathered: list[_Append] = []
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
        append = _Append(keys, lines, refused, loop.create_future())
        if not self._gathered:
            loop.call_later(_GATHER_S, self._send_gathered, loop)
        self._gathered.append(append)
        return await append.done

    def close(self) -> None:
        """Wait for what the brokers have not acknowledged yet, as long as a batch may wait, and let go."""
        if self._closing.is_set():
            return
        if self._gathered:
            self._send_gathered(self._gathered[0].done.get_loop())
        self._closing.set()
        self._thread.join()
        with suppress(KafkaException):
            self._producer.flush(self._bounds.delivery_s)
        _give_up(self._producer)

    def _send_gathered(self, loop: asyncio.AbstractEventLoop) -> None:
        gathered, self._gathered = self._gathered, []
        for part in _parts([append for append in gathered if not append.done.cancelled()]):
            self._send(part, loop)

    def _send(self, part: list[_Append], loop: asyncio.AbstractEventLoop) -> None:
        """Produce batches as one message; a repeat inside it is left out, as one may not be there without the other."""
        keys = np.concatenate([append.keys for append in part])
        novel = self._seen.novel(keys)
        told = novel.tolist()
        receipts = []
        events: list[bytes] = []
        for append in part:
            receipts.append(Receipt(tuple(told[: len(append.events)])))
            del told[: len(append.events)]
            events += compress(append.events, receipts[-1].is_new)
        refusals = [refusal for append in part for refusal in append.refusals]

        def settle(failure: MangroveError | None) -> None:
            if failure is None:
                self._seen.add(keys[novel])
            for append, receipt in zip(part, receipts, strict=True):
                _settle(append.done, failure or receipt)

        if not events and not refusals:
            settle(None)
            return

        def delivered(error: KafkaError | None, _: Message) -> None:
            # When the loop is closed, nobody waits for the outcome.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, self._failure(error))

        value, headers = to_message(events, refusals)
        try:
            self._producer.produce(self._topic.name, value, headers=headers, on_delivery=delivered)
        except BufferError:
            settle(Overloaded())
        except KafkaException as error:
            settle(self._failure(error.args[0]))

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
        most_bytes = self._topic.max_message_bytes
        producer: Producer = self._topic.brokers.client(
            Producer,
            "producer",
            fixed={
                "acks": "all",
                "enable.idempotence": True,
                "message.max.bytes": most_bytes,
                "queue.buffering.max.kbytes": max(self._bounds.max_waiting_bytes, most_bytes) // 1024,
                "message.timeout.ms": int(self._bounds.delivery_s * 1000),
            },
            # Batches are gathered before they are produced.
            defaults={"linger.ms": 0, "compression.type": "lz4", "reconnect.backoff.max.ms": 1000},
        )
        return producer


def _parts(gathered: list[_Append]) -> Iterator[list[_Append]]:
    """Cut what was gathered into messages of a megabyte at most, but for a batch that is larger itself."""
    part: list[_Append] = []
    size = 0
    for append in gathered:
        if part and size + append.size > _BYTES_TOGETHER:
            yield part
            part, size = [], 0
        part.append(append)
        size += append.size
    if part:
        yield part


def _settle(done: "asyncio.Future[Receipt]", outcome: Receipt | MangroveError) -> None:
    if done.cancelled():
        return
    if isinstance(outcome, Receipt):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)


def _give_up(producer: Producer) -> None:
    """Tell the senders of everything that still waits in a producer that it was not made durable."""
    producer.purge()
    with suppress(KafkaException):
        producer.flush(1.0)
