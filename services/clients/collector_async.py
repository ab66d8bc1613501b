"""Sends events to the collector from asyncio code.

Sending again is safe: an event's id is its idempotency key.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.clients.batches import cut
from services.clients.connection import ClientTls
from services.clients.delivery import Delivery
from services.clients.outbox import Outbox
from services.clients.refusals import CollectorBusy, CollectorRefused
from services.clients.sending import LAST_CHANCE_S, Sending
from services.clients.spill import Spill
from services.clients.verdicts import OnVerdicts, Tally

__all__ = ["AsyncCollectorClient", "CollectorBusy", "CollectorRefused", "Tally"]


class AsyncCollectorClient:
    """Sends events to the collector; an async context manager. Make it inside the event loop that uses it.

    `collect` sends a batch and returns its verdicts. `send` gathers single events into batches and sends them in the
    background, several at once; `flush` waits for them. What `send` took is held until the collector dealt with it,
    refused it for good, or it is durable in the spill folder. `tally` counts what became of what `send` took.

    Args:
        address: host:port of the collector.
        api_key: The source's API key.
        tls: How to reach it over TLS; None for plain text.
        timeout_s: How long a batch is tried, again and again, before it counts as not delivered, in seconds.
        gzip: Whether requests are compressed.
        batch_events: Events a batch of `send`, 1 to 1000.
        max_in_flight: Batches of `send` on their way at once; `send` waits when so many are, and one more is full.
        linger_s: How long an event given to `send` waits for its batch to fill, in seconds.
        spill: Where batches of `send` wait while the collector is away. The client closes it.
        on_verdicts: Called with each acknowledged batch of `send` and its verdicts.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        address: str,
        api_key: str = "",
        *,
        tls: ClientTls | None = None,
        timeout_s: float = 10.0,
        gzip: bool = False,
        batch_events: int = 100,
        max_in_flight: int = 4,
        linger_s: float = 1.0,
        spill: Spill | None = None,
        on_verdicts: OnVerdicts | None = None,
    ) -> None:
        self.tally = Tally()
        self._timeout_s = timeout_s
        self._delivery = Delivery(address, api_key, tls, gzip)
        sending = Sending(batch_events, max_in_flight, linger_s, timeout_s, spill, on_verdicts)
        self._outbox = Outbox(self._delivery.deliver, sending, self.tally)

    async def collect(self, events: Sequence[event_pb2.Event], *, api_key: str = "") -> list[collector_pb2.Verdict]:
        """Send events and return one verdict each, in their order; more than a batch may hold go as several.

        It is tried again while the collector says that it is busy or cannot be reached; events that had been taken
        are told as duplicates then. When it raises, some of the events may have been taken: send all of them again.

        Args:
            events: What is sent.
            api_key: The key of another source than the client's.

        Raises:
            CollectorRefused: if the collector refused for a reason that does not pass.
            CollectorBusy: if the events could not be delivered within `timeout_s`.
        """
        until = time.monotonic() + self._timeout_s
        verdicts: list[collector_pb2.Verdict] = []
        for batch in cut(events):
            response = await self._delivery.deliver(batch.request(), until - time.monotonic(), api_key)
            verdicts += response.verdicts
        return verdicts

    async def send(self, event: event_pb2.Event) -> None:
        """Take an event, to be sent with its batch; wait while as many are on their way as may be.

        When it raises, something went wrong with an earlier batch, and this event was not taken.

        Raises:
            CollectorRefused: if a batch was refused for good. Its events are counted as undelivered, or wait in the
                spill folder if not the batch but who sends it was refused.
            CollectorBusy: if a batch could not be delivered in time; it is tried on.
            SpillFull: if the spill folder is full and set to say so.
        """
        self._outbox.raise_trouble()
        while not self._outbox.add(event):
            await self._outbox.make_room()

    async def flush(self) -> None:
        """Wait until what was sent is acknowledged, or durable in a spill folder whose key lasts.

        Raises:
            CollectorRefused, CollectorBusy, SpillFull: as for `send`.
        """
        await self._outbox.flush()

    async def drain(self, timeout_s: float) -> bool:
        """Flush, and wait until nothing waits in the spill folder; False if something still does after `timeout_s`.

        Raises:
            CollectorRefused, CollectorBusy, SpillFull: as for `send`.
        """
        return await self._outbox.drain(timeout_s)

    async def close(self) -> None:
        """Send or spill what is left, within a few seconds, and release the connection.

        What can be neither sent nor spilled is lost, counted as undelivered and logged; call `flush` before to know.
        """
        await self._outbox.close(min(LAST_CHANCE_S, self._timeout_s))
        await self._delivery.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.close()
