"""What tests of the collector clients share."""

import time
from collections.abc import Callable, Iterable

from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorBusy, CollectorClient
from tests.generated import an_event


def events_of(count: int) -> list[event_pb2.Event]:
    return [an_event() for _ in range(count)]


def ids_of(events: Iterable[event_pb2.Event]) -> set[str]:
    return {event.event_id for event in events}


def until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


def flushed(client: CollectorClient) -> bool:
    """Whether the collector is there again, so that a flush does not complain."""
    try:
        client.flush()
    except CollectorBusy:
        return False
    return True
