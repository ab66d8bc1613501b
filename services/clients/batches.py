"""Gathers events into batches that the collector takes."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2

MOST_EVENTS = 1000
MOST_BYTES = 3_500_000

# What the wire adds to an event: its field's tag and its length.
_FRAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are sent in one piece; `number` grows by one with each batch of a cutter."""

    number: int
    events: list[event_pb2.Event]

    def request(self) -> collector_pb2.CollectRequest:
        """The batch as the collector takes it."""
        return collector_pb2.CollectRequest(events=self.events)


class Cutter:
    """One open batch that grows until it is full; safe to use from several threads.

    Args:
        most_events: Events a batch, at most.
        most_bytes: Bytes a batch, at most; an event that is larger by itself becomes a batch of its own.
    """

    def __init__(self, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._events: list[event_pb2.Event] = []
        self._bytes = 0
        self._closed = False
        self._opened_at = 0.0
        self.number = 1

    def add(self, event: event_pb2.Event) -> bool:
        """Take an event into the open batch; False, and the batch is full, if it has no room for it."""
        size = event.ByteSize() + _FRAME_BYTES
        with self._lock:
            if self._events and self._bytes + size > self._most_bytes:
                self._closed = True
            if self._closed:
                return False
            if not self._events:
                self._opened_at = time.monotonic()
            self._events.append(event)
            self._bytes += size
            self._closed = len(self._events) >= self._most_events
            return True

    @property
    def is_full(self) -> bool:
        """Whether the open batch has no room left."""
        return self._closed

    @property
    def is_empty(self) -> bool:
        """Whether the open batch has no event yet."""
        return not self._events

    @property
    def age_s(self) -> float:
        """How long ago the first event of the open batch came, in seconds; 0 without one."""
        with self._lock:
            return time.monotonic() - self._opened_at if self._events else 0.0

    def take(self) -> Batch:
        """Take the open batch out, full or not, and begin the next one."""
        with self._lock:
            batch = Batch(self.number, self._events)
            self._events, self._bytes, self._closed = [], 0, False
            self.number += 1
            return batch


def cut(events: Iterable[event_pb2.Event]) -> Iterator[Batch]:
    """Cut events into batches in their order, as large as the collector takes them."""
    cutter = Cutter()
    for event in events:
        if not cutter.add(event):
            yield cutter.take()
            cutter.add(event)
    if not cutter.is_empty:
        yield cutter.take()
