"""The collector's door: wire in, one handler, wire out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc

from mangrove.collector.v1 import collector_pb2
from services.collector import wire
from services.collector.handlers import Batch, Collecting, collect
from services.collector.metrics import ACK_SECONDS
from services.collector.streams import acknowledged
from services.grpc_gate import current_call

SERVICE = collector_pb2.DESCRIPTOR.services_by_name["CollectorService"].full_name


class CollectorServicer:
    """Answers `CollectorService`.

    Args:
        collecting: What batches are handled with.
        stream_window: How many batches of a stream may be on their way at once.
    """

    def __init__(self, collecting: Collecting, stream_window: int) -> None:
        self._collecting = collecting
        self._stream_window = stream_window

    async def collect(
        self, sent: wire.Sent, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> collector_pb2.CollectResponse:
        """Take a batch of events."""
        call = current_call()
        batch = Batch(sent.events, call.caller, sent.size, datetime.now(UTC))
        with ACK_SECONDS.labels("Collect").time():
            return wire.response(await collect(batch, self._collecting, call.seconds_left))

    async def collect_stream(
        self, requests: AsyncIterator[wire.Sent], _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[collector_pb2.CollectStreamResponse]:
        """Take batches over one call, several at once, and acknowledge them in order."""

        async def answer(sent: wire.Sent) -> collector_pb2.CollectStreamResponse:
            batch = Batch(sent.events, current_call().caller, sent.size, datetime.now(UTC))
            with ACK_SECONDS.labels("CollectStream").time():
                verdicts = await collect(batch, self._collecting)
            return wire.stream_response(sent.offset, verdicts, self._stream_window)

        yield wire.stream_response(0, [], self._stream_window)
        async for response in acknowledged(requests, answer, self._stream_window):
            yield response

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register the service on a server. Requests are read by our own hand, which counts before it builds."""
        most = self._collecting.max_events
        methods = {
            "Collect": grpc.unary_unary_rpc_method_handler(
                self.collect,
                request_deserializer=lambda data: wire.collect_request(data, most),
                response_serializer=collector_pb2.CollectResponse.SerializeToString,
            ),
            "CollectStream": grpc.stream_stream_rpc_method_handler(
                self.collect_stream,
                request_deserializer=lambda data: wire.stream_request(data, most),
                response_serializer=collector_pb2.CollectStreamResponse.SerializeToString,
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
