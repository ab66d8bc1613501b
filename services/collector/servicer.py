"""The collector's door: wire in, one handler, wire out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from services.collector import wire
from services.collector.handlers import Batch, Collecting, collect
from services.collector.metrics import ACK_SECONDS
from services.collector.streams import acknowledged
from services.grpc_gate import current_call

SERVICE = collector_pb2.DESCRIPTOR.services_by_name["CollectorService"].full_name


class CollectorServicer(collector_pb2_grpc.CollectorServiceServicer):
    """Answers `CollectorService`.

    Args:
        collecting: What batches are handled with.
        stream_window: How many batches of a stream may be on their way at once.
    """

    def __init__(self, collecting: Collecting, stream_window: int) -> None:
        self._collecting = collecting
        self._stream_window = stream_window

    async def Collect(  # noqa: N802 - the name is the protocol's
        self, request: collector_pb2.CollectRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> collector_pb2.CollectResponse:
        """Take a batch of events."""
        call = current_call()
        batch = Batch(wire.events_from_proto(request), call.caller, request.ByteSize(), datetime.now(UTC))
        with ACK_SECONDS.labels("Collect").time():
            return wire.response(await collect(batch, self._collecting, call.seconds_left))

    async def CollectStream(  # noqa: N802 - the name is the protocol's
        self,
        requests: AsyncIterator[collector_pb2.CollectStreamRequest],
        _context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[collector_pb2.CollectStreamResponse]:
        """Take batches over one call, several at once, and acknowledge them in order."""

        async def answer(request: collector_pb2.CollectStreamRequest) -> collector_pb2.CollectStreamResponse:
            events, caller = wire.events_from_proto(request), current_call().caller
            batch = Batch(events, caller, request.ByteSize(), datetime.now(UTC))
            with ACK_SECONDS.labels("CollectStream").time():
                verdicts = await collect(batch, self._collecting)
            return wire.stream_response(request.offset, verdicts, self._stream_window)

        yield wire.stream_response(0, [], self._stream_window)
        async for response in acknowledged(requests, answer, self._stream_window):
            yield response

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register the service on a server."""
        collector_pb2_grpc.add_CollectorServiceServicer_to_server(self, server)
