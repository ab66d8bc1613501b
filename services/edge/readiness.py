"""Asks the collector's health service."""

from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.clients.connection import ClientTls, aio_channel
from services.edge.ports import Readiness

_SERVICE = "mangrove.collector.v1.CollectorService"
_ANSWER_S = 2.0


class CollectorHealth(Readiness):
    """Is ready while the collector says SERVING; an async context manager. Make it inside the loop that uses it.

    Args:
        address: host:port of the collector.
        tls: How to reach it over TLS; None for plain text.
    """

    def __init__(self, address: str, tls: ClientTls | None = None) -> None:
        self._channel = aio_channel(address, tls)
        self._stub = health_pb2_grpc.HealthStub(self._channel)

    async def is_ready(self) -> bool:
        """Ask, and wait two seconds at most."""
        try:
            told = await self._stub.Check(health_pb2.HealthCheckRequest(service=_SERVICE), timeout=_ANSWER_S)
        except grpc.RpcError:
            return False
        return bool(told.status == health_pb2.HealthCheckResponse.SERVING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()
