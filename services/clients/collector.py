"""Sends events to the collector: batches, retries with back-off, bounded memory, disk spill.

Sending again is safe: an event's id is its idempotency key.
"""

import atexit
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from mangrove.event.v1 import event_pb2
from services.clients.connection import ClientTls
from services.clients.delivery import Delivery
from services.clients.loop_thread import ClientUnusable, LoopThread
from services.clients.outbox import Outbox
from services.clients.refusals import CollectorBusy, CollectorRefused
from services.clients.sending import LAST_CHANCE_S, Sending
from services.clients.spill import Spill
from services.clients.verdicts import OnVerdicts, Tally

__all__ = ["CollectorBusy", "CollectorClient", "CollectorRefused", "Tally"]


class CollectorClient:
    """Sends events in batches, several at once; a context manager that flushes when it is left.

    What `send` took is held until the collector dealt with it, refused it for good, or it is durable in the spill
    folder. Memory is bounded by `max_in_flight + 1` batches: `send` waits when that many are on their way. Several
    threads may use one client. A client does not survive a fork: make it in the process that uses it.

    Args:
        address: host:port of the collector.
        api_key: The source's API key.
        tls: How to reach it over TLS; None for plain text.
        gzip: Whether requests are compressed.
        batch_events: Events a batch, 1 to 1000.
        max_in_flight: Batches on their way at once.
        linger_s: How long an event waits for its batch to fill, in seconds.
        give_up_after_s: How long a batch is tried before the caller is told that it is not delivered, in seconds.
        spill: Where batches wait while the collector is away. The client closes it.
        on_verdicts: Called with each acknowledged batch and its verdicts, from the sending thread; it must not call
            the client.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        address: str,
        api_key: str,
        *,
        tls: ClientTls | None = None,
        gzip: bool = False,
        batch_events: int = 100,
        max_in_flight: int = 4,
        linger_s: float = 1.0,
        give_up_after_s: float = 120.0,
        spill: Spill | None = None,
        on_verdicts: OnVerdicts | None = None,
    ) -> None:
        self.tally = Tally()
        self._grace_s = min(LAST_CHANCE_S, give_up_after_s)
        self._adding = threading.Lock()
        sending = Sending(batch_events, max_in_flight, linger_s, give_up_after_s, spill, on_verdicts)

        async def start() -> tuple[Delivery, Outbox]:
            delivery = Delivery(address, api_key, tls, gzip)
            return delivery, Outbox(delivery.deliver, sending, self.tally)

        self._loop = LoopThread("collector-client")
        try:
            self._delivery, self._outbox = self._loop.run(start())
        except BaseException:
            self._loop.stop()
            raise
        atexit.register(self.close)

    def send(self, event: event_pb2.Event) -> None:
        """Take an event, to be sent with its batch; wait while as many are on their way as may be.

        When it raises, something went wrong with an earlier batch, and this event was not taken.

        Raises:
            CollectorRefused: if a batch was refused for good. Its events are counted as undelivered, or wait in the
                spill folder if not the batch but who sends it was refused.
            CollectorBusy: if a batch could not be delivered in time; it is tried on.
            SpillFull: if the spill folder is full and set to say so.
            ClientUnusable: if the client was closed, or made before a fork.
        """
        if not self._loop.is_usable:
            raise ClientUnusable
        with self._adding:
            self._outbox.raise_trouble()
            while not self._outbox.add(event):
                self._loop.run(self._outbox.make_room())

    def send_all(self, events: Iterable[event_pb2.Event]) -> None:
        """Send many events and flush; it raises what `send` raises."""
        for event in events:
            self.send(event)
        self.flush()

    def flush(self) -> None:
        """Wait until what was sent is acknowledged, or durable in a spill folder whose key lasts.

        Raises:
            CollectorRefused, CollectorBusy, SpillFull, ClientUnusable: as for `send`.
        """
        self._loop.run(self._outbox.flush())

    def drain(self, timeout_s: float) -> bool:
        """Flush, and wait until nothing waits in the spill folder; False if something still does after `timeout_s`.

        Raises:
            CollectorRefused, CollectorBusy, SpillFull, ClientUnusable: as for `send`.
        """
        return self._loop.run(self._outbox.drain(timeout_s))

    def close(self) -> None:
        """Send or spill what is left, within a few seconds, and release the connection; also done at exit.

        What can be neither sent nor spilled is lost, counted as undelivered and logged; call `flush` before to know.
        """
        atexit.unregister(self.close)
        if self._loop.is_usable:
            self._loop.run(self._outbox.close(self._grace_s))
            self._loop.run(self._delivery.close())
            self._loop.stop()

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
