"""Sends batches to the collector over one long call, acknowledged in order, resumed after a break."""

import asyncio
import contextlib
import functools
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import structlog

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from services.clients.batches import cut
from services.clients.changes import Changes
from services.clients.connection import ClientTls, aio_channel, bearer
from services.clients.refusals import CollectorBusy, CollectorRefused
from services.clients.retries import Tries
from services.clients.sending import LAST_CHANCE_S
from services.clients.verdicts import OnVerdicts, Tally

log = structlog.get_logger()

_ACKNOWLEDGED_WITHIN_S = 30.0

_Call = grpc.aio.StreamStreamCall[collector_pb2.CollectStreamRequest, collector_pb2.CollectStreamResponse]


@dataclass(frozen=True, slots=True)
class _Sent:
    offset: int
    events: list[event_pb2.Event]


class CollectorStream:
    """Sends batches, numbered from 1, for as long as it is open; an async context manager.

    A batch is held until it is acknowledged or refused for good. When the call breaks, a new one begins with the
    first batch that is not acknowledged: the collector tells what it had taken of it as duplicates. Make it inside
    the event loop that uses it.

    Args:
        address: host:port of the collector.
        api_key: The source's API key.
        tls: How to reach it over TLS; None for plain text.
        gzip: Whether batches are compressed.
        max_held: How many batches are held, at most; `send` waits when that many are not acknowledged.
        give_up_after_s: How long it goes on without an acknowledgement before the caller is told, in seconds.
        on_verdicts: Called with each acknowledged batch and its verdicts.
    """

    def __init__(
        self,
        address: str,
        api_key: str,
        *,
        tls: ClientTls | None = None,
        gzip: bool = False,
        max_held: int = 16,
        give_up_after_s: float = 120.0,
        on_verdicts: OnVerdicts | None = None,
    ) -> None:
        self._channel = aio_channel(address, tls, gzip=gzip)
        self._stub = collector_pb2_grpc.CollectorServiceStub(self._channel)
        self._metadata = bearer(api_key)
        self._max_held = max_held
        self._give_up_after_s = give_up_after_s
        self._on_verdicts = on_verdicts
        self._changes = Changes()
        self._held: deque[_Sent] = deque()
        self._last = 0
        self._window = 0
        self._began_at = 0
        self._written = 0
        self._task = asyncio.get_running_loop().create_task(self._keep_calling())
        self.tally = Tally()

    async def send(self, events: Sequence[event_pb2.Event]) -> int:
        """Take events as a batch, or as several if they are more than one may hold; return the last one's number.

        When it raises, something went wrong with an earlier batch, and the events, or the last of them, were not
        taken: send all of them again.

        Raises:
            CollectorRefused: if a batch was refused for good; its events are counted as undelivered.
            CollectorBusy: if nothing was acknowledged in time; what is held is tried on.
        """
        for batch in cut(events):
            await self._changes.until_or_trouble(lambda: len(self._held) < self._max_held)
            self._last += 1
            self._held.append(_Sent(self._last, batch.events))
            self._changes.tell()
        return self._last

    @property
    def acknowledged(self) -> int:
        """The number of the last batch that is dealt with, as all before it are."""
        return self._held[0].offset - 1 if self._held else self._last

    async def flush(self) -> None:
        """Wait until all that was sent is acknowledged.

        Raises:
            CollectorRefused, CollectorBusy: as for `send`.
        """
        last = self._last
        await self._changes.until_or_trouble(lambda: self.acknowledged >= last)

    async def close(self) -> None:
        """Wait a few seconds for acknowledgements, and end the call.

        What is not acknowledged then is lost, counted as undelivered and logged; call `flush` before to know.
        """
        with contextlib.suppress(TimeoutError):
            grace_s = min(LAST_CHANCE_S, self._give_up_after_s)
            await asyncio.wait_for(self._changes.until(lambda: not self._held), grace_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._channel.close()
        lost = sum(len(batch.events) for batch in self._held)
        self.tally.undelivered += lost
        if lost:
            log.warning("events_not_delivered", events=lost)

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

    async def _keep_calling(self) -> None:
        tries = Tries(self._give_up_after_s)
        while True:
            if not self._held:
                await self._changes.until(lambda: bool(self._held))
                tries = Tries(self._give_up_after_s)
            self._began_at = self.acknowledged
            try:
                await self._call()
            except grpc.RpcError as failed:
                if self.acknowledged > self._began_at:
                    tries = Tries(self._give_up_after_s)
                tries = await self._pause(tries, failed)

    async def _pause(self, tries: Tries, failed: grpc.RpcError) -> Tries:
        """Wait before the next call; tell the caller, and begin to count anew, when there was enough of waiting."""
        try:
            await asyncio.sleep(tries.pause_s(failed))
            return tries
        except CollectorRefused as error:
            if not self._is_about_none():
                self.tally.undelivered += len(self._held.popleft().events)
                self._changes.report(error)
        except CollectorBusy as error:
            self._changes.report(error)
            await asyncio.sleep(error.retry_after_s)
        return Tries(self._give_up_after_s)

    def _is_about_none(self) -> bool:
        """Whether the call ended while nothing of it was on its way: what is sent next hears why."""
        return self._began_at < self.acknowledged >= self._written

    async def _call(self) -> None:
        """Make one call, which always ends with an error."""
        self._window = self._written = 0
        call: _Call = self._stub.CollectStream(metadata=self._metadata)
        writing = asyncio.create_task(self._write(call))
        try:
            await self._read(call)
        finally:
            call.cancel()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, call: _Call) -> None:
        for offset in itertools.count(self._held[0].offset):
            await self._changes.until(functools.partial(self._may_write, offset))
            events = self._held[offset - self.acknowledged - 1].events
            self._written = offset
            await call.write(collector_pb2.CollectStreamRequest(offset=offset, events=events))

    def _may_write(self, offset: int) -> bool:
        # The first batch of a call goes alone: grpc.aio hides what the server says when a write meets the end of a
        # call, so a refusal that was hidden is heard when the batch is sent again.
        ahead = self._window if self.acknowledged > self._began_at else min(self._window, 1)
        return offset <= min(self._last, self.acknowledged + ahead)

    async def _read(self, call: _Call) -> None:
        """Take acknowledgements in until the call ends, which always raises."""
        while True:
            reading = asyncio.ensure_future(call.read())
            while not reading.done():
                waits_for = self.acknowledged if self._held else None
                await asyncio.wait({reading}, timeout=min(_ACKNOWLEDGED_WITHIN_S, self._give_up_after_s))
                if not reading.done() and waits_for == self.acknowledged:
                    reading.cancel()
                    raise _broken(grpc.StatusCode.DEADLINE_EXCEEDED)
            response = reading.result()
            if not isinstance(response, collector_pb2.CollectStreamResponse):
                raise _broken(grpc.StatusCode.UNAVAILABLE)  # the end of the call
            self._window = response.window
            if response.offset:
                self._acknowledge(response)
            self._changes.tell()

    def _acknowledge(self, response: collector_pb2.CollectStreamResponse) -> None:
        batch = self._held[0] if self._held else None
        if batch is None or (response.offset, len(response.verdicts)) != (batch.offset, len(batch.events)):
            raise _broken(grpc.StatusCode.INTERNAL)  # not what the protocol says: nothing can be concluded from it
        self._held.popleft()
        self.tally.count(response.verdicts)
        if self._on_verdicts is not None:
            try:
                self._on_verdicts(batch.events, response.verdicts)
            except Exception as error:  # noqa: BLE001 - it is the caller's own, and goes back to the caller
                self._changes.report(error)


def _broken(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """A failure of the call that no server told."""
    nothing: Any = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing)
