"""What the edge needs from the outside."""

from collections.abc import Sequence
from typing import Protocol

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2


class EventSink(Protocol):
    """Where events go: the collector, or what stands for it."""

    async def collect(self, events: Sequence[event_pb2.Event], *, api_key: str = "") -> list[collector_pb2.Verdict]:
        """Hand events over and return one verdict each, in their order.

        Args:
            events: The events; at least one.
            api_key: The key of the source they come from.

        Raises:
            CollectorRefused: if nothing helps but a change at the sender or the operator.
            CollectorBusy: if they could not be delivered in time; some may have been taken.
        """
        ...


class Readiness(Protocol):
    """Tells whether events can be handed over now."""

    async def is_ready(self) -> bool:
        """Return whether the collector serves; what cannot be reached does not."""
        ...
