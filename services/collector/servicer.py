"""The collector's door: wire in, one handler, wire out."""

from datetime import UTC, datetime
from typing import Any

import grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from privacy.masking import EventMasker
from services.collector import wire
from services.collector.handlers import collect
from services.collector.ports import Journal
from services.grpc_server import current_caller

SERVICE = collector_pb2.DESCRIPTOR.services_by_name["CollectorService"].full_name


class CollectorServicer(collector_pb2_grpc.CollectorServiceServicer):
    """Answers `CollectorService`.

    Args:
        masker: Checks and masks events.
        journal: Where masked events are made durable.
        max_events: The most events a batch may hold.
    """

    def __init__(self, masker: EventMasker, journal: Journal, max_events: int) -> None:
        self._masker = masker
        self._journal = journal
        self._max_events = max_events

    async def Collect(  # noqa: N802 - the name is the protocol's
        self, request: collector_pb2.CollectRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> collector_pb2.CollectResponse:
        """Take a batch of events."""
        verdicts = await collect(
            wire.batch_from_proto(request),
            source=current_caller().name,
            received_at=datetime.now(UTC),
            masker=self._masker,
            journal=self._journal,
            max_events=self._max_events,
        )
        return wire.response(verdicts)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register the service on a server."""
        collector_pb2_grpc.add_CollectorServiceServicer_to_server(self, server)
