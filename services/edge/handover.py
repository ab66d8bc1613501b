"""Hands events over to the collector, and tells operators when that begins and ceases to work."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import Counter

from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.edge.ports import EventSink

log = structlog.get_logger()

HANDOVERS = Counter(
    "mangrove_edge_handovers", "Batches handed over to the collector: OK, or why nothing became of it.", ["reason"]
)

_TELL_AGAIN_S = 60.0
_GIVEN_UP = "GIVEN_UP"
# About one sender; the collector itself is well.
_ABOUT_SENDER = frozenset({"QUOTA_EXCEEDED"})


class ToldSink(EventSink):
    """Another sink, told about in the log and in a metric: when it fails, once a minute while it does, when it is back.

    Args:
        sink: Where events go.
    """

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._failing_since: float | None = None
        self._told_at = 0.0
        self._failed = 0

    async def collect(self, events: Sequence[Any], *, api_key: str = "") -> list[Any]:
        """Hand events over; see `EventSink`."""
        try:
            verdicts = await self._sink.collect(events, api_key=api_key)
        except CollectorBusy as busy:
            self._count(busy.reason, fails=busy.reason not in _ABOUT_SENDER)
            raise
        except CollectorRefused as refused:
            self._count(refused.reason, fails=False)
            raise
        except asyncio.CancelledError:  # a platform, or the edge's own stop, does not wait any longer
            self._count(_GIVEN_UP, fails=True)
            raise
        self._count("OK", fails=False)
        return verdicts

    def _count(self, reason: str, *, fails: bool) -> None:
        HANDOVERS.labels(reason).inc()
        now = time.monotonic()
        if not fails:
            if self._failing_since is not None:
                log.info("collector_is_back", after_s=round(now - self._failing_since, 1), failed=self._failed)
            self._failing_since, self._failed = None, 0
            return
        self._failed += 1
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._told_at < _TELL_AGAIN_S:
            return
        self._told_at = now
        log.warning("collector_takes_nothing", reason=reason, failed=self._failed)
