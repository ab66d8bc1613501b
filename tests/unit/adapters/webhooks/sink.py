"""A collector that says what a test wants."""

from collections.abc import Sequence

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.edge.ports import EventSink


class FakeSink(EventSink):
    """Keeps what it was given; answers with `code` for every event, or raises `fails`."""

    def __init__(self) -> None:
        self.events: list[event_pb2.Event] = []
        self.keys: set[str] = set()
        self.code = collector_pb2.VERDICT_CODE_ACCEPTED
        self.fails: Exception | None = None

    async def collect(self, events: Sequence[event_pb2.Event], *, api_key: str = "") -> list[collector_pb2.Verdict]:
        if self.fails is not None:
            raise self.fails
        self.events += events
        self.keys.add(api_key)
        return [collector_pb2.Verdict(code=self.code) for _ in events]
