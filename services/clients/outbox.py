"""Events on their way: gathered, sent several batches at once, spilled to disk while the collector is away.

The one implementation behind the asyncio and the sync client. It lives in one event loop; only `add` may be called
from other threads.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.clients.batches import Batch, Cutter
from services.clients.changes import Changes
from services.clients.refusals import CollectorBusy, CollectorRefused
from services.clients.sending import Sending
from services.clients.spill import Spill, SpillFull
from services.clients.verdicts import Tally

log = structlog.get_logger()

_FOREVER_S = float("inf")

# How long draining rests when the collector refuses the sender, which an operator can mend, and how long something
# rests when nobody said how long.
_REFUSED_PAUSE_S = 30.0
_PAUSE_S = 1.0

T = TypeVar("T")
Deliver = Callable[[collector_pb2.CollectRequest, float], Awaitable[collector_pb2.CollectResponse]]


class Outbox:
    """Takes events in and sees every batch through.

    A batch is held until the collector dealt with it or refused it for good, or until it is durable on disk. While
    none of that happens the caller is told from time to time, and the batch is tried on.

    Args:
        deliver: Sends a request, again and again for so many seconds; raises CollectorBusy or CollectorRefused.
        sending: How events are sent.
        tally: Where verdicts are counted.
    """

    def __init__(self, deliver: Deliver, sending: Sending, tally: Tally) -> None:
        self._deliver = deliver
        self._how = sending
        self._spill = sending.spill
        self._tally = tally
        self._cutter = Cutter(sending.batch_events)
        self._held: dict[int, Batch] = {}
        self._flushed_to = 0
        self._is_away = self._spill is not None and not self._spill.is_empty
        self._loop = asyncio.get_running_loop()
        self._changes = Changes()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        if self._spill is not None:
            self._start()

    def raise_trouble(self) -> None:
        """Raise what went wrong with an earlier batch, once."""
        self._changes.raise_trouble()

    def add(self, event: event_pb2.Event) -> bool:
        """Take an event in; False if there is no room for it. Safe to call from any thread."""
        added = self._cutter.add(event)
        if self._cutter.is_full or self._timer is None:
            self._loop.call_soon_threadsafe(self._look)
        return added

    async def make_room(self) -> None:
        """Wait until an event can be added.

        Raises:
            CollectorBusy, CollectorRefused, SpillFull: if something went wrong with an earlier batch.
        """
        await self._changes.until_or_trouble(lambda: not self._cutter.is_full)

    async def flush(self) -> None:
        """Wait until everything that was added is dealt with, or durable on disk under a key that lasts.

        Raises:
            CollectorBusy, CollectorRefused, SpillFull: if something went wrong with a batch.
        """
        target = self._cutter.number - self._cutter.is_empty
        self._flushed_to = max(self._flushed_to, target)
        self._changes.tell()
        await self._changes.until_or_trouble(lambda: self._is_sent(target))
        if not self._is_safe() and not await self._emptied(self._how.give_up_after_s):
            raise CollectorBusy(
                "SPILL_FLEETING",
                "Events wait on disk under a key that ends with this process. Flush again, or give the spill folder a "
                "key that lasts.",
                _PAUSE_S,
            )

    async def drain(self, timeout_s: float) -> bool:
        """Flush, and wait until nothing waits on disk; False if time runs out first.

        Raises:
            CollectorBusy, CollectorRefused, SpillFull: if something went wrong with a batch.
        """
        await self.flush()
        return await self._emptied(timeout_s)

    async def close(self, grace_s: float) -> None:
        """Send what is left for so many seconds, spill what is left then, and count what is lost."""
        self._flushed_to = self._cutter.number
        self._changes.tell()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changes.until(self._is_settled), grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        left = list(self._held.values())
        lost = sum(self._put_away(batch) for batch in [*left, self._cutter.take()] if batch.events)
        if self._spill is not None:
            lost += 0 if self._is_safe() else self._spill.events
            self._spill.close()
        self._tally.undelivered += lost
        if lost:
            log.warning("events_not_delivered", events=lost)

    async def _emptied(self, timeout_s: float) -> bool:
        spill = self._spill
        try:
            await asyncio.wait_for(self._changes.until(lambda: spill is None or spill.is_empty), timeout_s)
        except TimeoutError:
            return False
        return True

    def _is_safe(self) -> bool:
        """Whether what waits on disk, if anything does, outlives the process."""
        return self._spill is None or self._spill.is_lasting or self._spill.is_empty

    def _is_sent(self, number: int) -> bool:
        return self._cutter.number > number and all(held > number for held in self._held)

    def _is_settled(self) -> bool:
        return self._cutter.is_empty and not self._held and self._is_safe()

    def _put_away(self, batch: Batch) -> int:
        """Spill a batch at the end; return how many events are lost."""
        try:
            if self._spill is not None:
                self._spill.put(batch.request().SerializeToString(), len(batch.events))
                return 0
        except SpillFull as full:
            log.warning("spill_full", why=full.sentence)
        return len(batch.events)

    def _start(self) -> None:
        self._tasks = [self._loop.create_task(self._send()) for _ in range(self._how.max_in_flight)]
        if self._spill is not None:
            self._tasks.append(self._loop.create_task(self._drain(self._spill)))

    def _look(self) -> None:
        """Wake a sender when the open batch is due, and look again when it will be."""
        if not self._tasks:
            self._start()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._cutter.is_empty:
            return
        due_s = self._how.linger_s - self._cutter.age_s
        if self._cutter.is_full or due_s <= 0:
            self._changes.tell()
        else:
            self._timer = self._loop.call_later(due_s, self._look)

    def _is_due(self) -> bool:
        cutter = self._cutter
        if cutter.is_empty:
            return False
        return cutter.is_full or cutter.number <= self._flushed_to or cutter.age_s >= self._how.linger_s

    async def _send(self) -> None:
        while True:
            await self._changes.until(self._is_due)
            batch = self._cutter.take()
            self._held[batch.number] = batch
            self._changes.tell()
            await self._see_through(batch)
            del self._held[batch.number]
            self._changes.tell()

    async def _see_through(self, batch: Batch) -> None:
        request = batch.request()
        while True:
            try:
                response = await self._deliver_or_spill(request)
            except CollectorRefused as error:
                self._tally.undelivered += len(batch.events)
                self._changes.report(error)
                return
            except CollectorBusy as error:
                self._changes.report(error)
                await asyncio.sleep(error.retry_after_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, the batch is held on to and the caller is told
                self._changes.report(error)
                await asyncio.sleep(_PAUSE_S)
            else:
                self._acknowledge(batch.events, response)
                return

    async def _deliver_or_spill(self, request: collector_pb2.CollectRequest) -> collector_pb2.CollectResponse | None:
        """Deliver a request; None if it is durable on disk instead."""
        spill = self._spill
        if spill is None:
            return await self._deliver(request, self._how.give_up_after_s)
        try:
            if not self._is_away:
                return await self._deliver(request, spill.after_s)
        except CollectorBusy:
            self._is_away = True
        except CollectorRefused as error:
            if error.is_about_batch:
                raise
            self._is_away = True
            self._changes.report(error)
        try:
            await _on_disk(spill.put, request.SerializeToString(), len(request.events))
        except SpillFull as full:
            log.warning("spill_full", why=full.sentence)
            if spill.raises_when_full:
                self._changes.report(full)
            response = await self._deliver(request, self._how.give_up_after_s)
            self._is_away = False
            return response
        return None

    def _acknowledge(self, events: Sequence[event_pb2.Event], response: collector_pb2.CollectResponse | None) -> None:
        if response is None:
            return
        self._tally.count(response.verdicts)
        if self._how.on_verdicts is not None:
            try:
                self._how.on_verdicts(events, response.verdicts)
            except Exception as error:  # noqa: BLE001 - it is the caller's own, and goes back to the caller
                self._changes.report(error)

    async def _drain(self, spill: Spill) -> None:
        while True:
            await self._changes.until(lambda: not spill.is_empty)
            found = await _on_disk(spill.oldest)
            if found is None:
                self._changes.tell()
                continue
            waiting, payload = found
            request = collector_pb2.CollectRequest.FromString(payload)
            try:
                response = await self._deliver(request, _FOREVER_S)
            except CollectorBusy as error:
                await asyncio.sleep(error.retry_after_s)
            except CollectorRefused as error:
                if error.is_about_batch:
                    await _on_disk(spill.set_aside, waiting, error.sentence)
                    self._changes.tell()
                else:
                    self._changes.report(error)
                    await asyncio.sleep(_REFUSED_PAUSE_S)
            else:
                self._is_away = False
                await _on_disk(spill.remove, waiting)
                self._acknowledge(request.events, response)
                self._changes.tell()


async def _on_disk(work: Callable[..., T], *arguments: object) -> T:
    """Do work that waits for a disk beside the loop; in the loop, when the interpreter ends and lends no threads."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except RuntimeError:
        return work(*arguments)
