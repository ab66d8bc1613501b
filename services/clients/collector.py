"""Sends events to the collector: batches, retries with back-off, bounded memory.

Sending again is safe: an event's id is its idempotency key.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import tenacity

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from privacy.errors import MangroveError
from services.clients.refusals import refusal_of

_TRY_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)
_MOST_BATCH_BYTES = 3_500_000
_CALL_TIMEOUT_S = 30.0


class CollectorRefused(MangroveError):
    """The collector refused a whole batch, and sending it again would not help."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]


@dataclass(slots=True)
class Tally:
    """What became of the events so far, by verdict name such as ACCEPTED; `refused` counts field:RULE.

    A code that this client does not know counts as UNKNOWN_6 and its like.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """Events that are durable and were new."""
        return self.verdicts["ACCEPTED"]

    @property
    def to_send_again(self) -> int:
        """Sound events of which nothing was stored, because a detector failed: send them when it is mended."""
        return self.verdicts["REFUSED_UNMASKABLE"]


OnVerdicts = Callable[[Sequence[event_pb2.Event], Sequence[collector_pb2.Verdict]], None]


class CollectorClient:
    """Sends events in batches, several at once; a context manager that flushes when it is left.

    Memory is bounded by `max_in_flight + 1` batches: `send` waits when that many are on their way.

    Args:
        address: host:port of the collector.
        api_key: The source's API key.
        tls_ca: PEM file of the authority that signed the server's certificate; None for plain text.
        batch_events: Events a batch, 1 to 1000.
        max_in_flight: Batches on their way at once.
        give_up_after_s: How long a batch is tried again before it counts as failed, in seconds.
        on_verdicts: Called with each acknowledged batch and its verdicts, from the sending threads.
    """

    def __init__(
        self,
        address: str,
        api_key: str,
        *,
        tls_ca: Path | None = None,
        batch_events: int = 100,
        max_in_flight: int = 4,
        give_up_after_s: float = 120.0,
        on_verdicts: OnVerdicts | None = None,
    ) -> None:
        credentials = grpc.ssl_channel_credentials(tls_ca.read_bytes()) if tls_ca else None
        self._channel = grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address)
        self._stub = collector_pb2_grpc.CollectorServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._batch_events = batch_events
        self._max_in_flight = max_in_flight
        self._give_up_after_s = give_up_after_s
        self._on_verdicts = on_verdicts
        self._senders = ThreadPoolExecutor(max_in_flight, thread_name_prefix="collector-client")
        self._in_flight: set[Future[None]] = set()
        self._open: list[event_pb2.Event] = []
        self._open_bytes = 0
        self._lock = threading.Lock()
        self.tally = Tally()

    def send(self, event: event_pb2.Event) -> None:
        """Queue one event; a full batch is sent in the background.

        Raises:
            CollectorRefused: if an earlier batch was refused for good or could not be delivered.
        """
        size = event.ByteSize() + 8
        if self._open and self._open_bytes + size > _MOST_BATCH_BYTES:
            self._submit()
        self._open.append(event)
        self._open_bytes += size
        if len(self._open) >= self._batch_events:
            self._submit()

    def send_all(self, events: Iterable[event_pb2.Event]) -> None:
        """Queue many events and flush."""
        for event in events:
            self.send(event)
        self.flush()

    def flush(self) -> None:
        """Send what is queued and wait until all of it is acknowledged.

        Raises:
            CollectorRefused: if a batch was refused for good or could not be delivered.
        """
        if self._open:
            self._submit()
        self._settle(wait(self._in_flight).done)

    def close(self) -> None:
        """Release the connection; what is not flushed is dropped."""
        self._senders.shutdown(wait=True, cancel_futures=True)
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def _submit(self) -> None:
        batch, self._open, self._open_bytes = self._open, [], 0
        while len(self._in_flight) >= self._max_in_flight:
            self._settle(wait(self._in_flight, return_when=FIRST_COMPLETED).done)
        self._in_flight.add(self._senders.submit(self._deliver, batch))

    def _settle(self, done: set[Future[None]]) -> None:
        self._in_flight -= done
        for future in done:
            future.result()

    def _deliver(self, batch: list[event_pb2.Event]) -> None:
        request = collector_pb2.CollectRequest(events=batch)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, grpc.RpcError) and e.code() in _TRY_AGAIN),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=2.0),
            stop=tenacity.stop_after_delay(self._give_up_after_s),
            reraise=True,
        )
        try:
            response = retrying(self._stub.Collect, request, metadata=self._metadata, timeout=_CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            raise CollectorRefused(refusal.reason, refusal.sentence) from None
        with self._lock:
            self._count(response)
        if self._on_verdicts is not None:
            self._on_verdicts(batch, response.verdicts)

    def _count(self, response: collector_pb2.CollectResponse) -> None:
        for verdict in response.verdicts:
            self.tally.verdicts[_name_of(verdict.code)] += 1
            for violation in verdict.violations:
                self.tally.refused[f"{violation.field}:{violation.reason}"] += 1


def _name_of(code: int) -> str:
    """Return a verdict's name; a newer collector may give one that this client does not know."""
    known = collector_pb2.VerdictCode.DESCRIPTOR.values_by_number.get(code)
    return known.name.removeprefix("VERDICT_CODE_") if known else f"UNKNOWN_{code}"
