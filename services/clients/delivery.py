"""Delivers one batch to the collector, trying again while that may help."""

import asyncio

import grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from services.clients.connection import ClientTls, aio_channel, bearer
from services.clients.refusals import CollectorRefused
from services.clients.retries import Tries

# An answer takes milliseconds; a call that takes longer than this is better made anew, over another connection.
_CALL_TIMEOUT_S = 30.0


class Delivery:
    """A connection to the collector for the event loop in which it is made.

    Args:
        address: host:port.
        api_key: The source's API key.
        tls: How to reach it over TLS; None for plain text.
        gzip: Whether requests are compressed.
    """

    def __init__(self, address: str, api_key: str, tls: ClientTls | None, gzip: bool) -> None:
        self._channel = aio_channel(address, tls, gzip=gzip)
        self._stub = collector_pb2_grpc.CollectorServiceStub(self._channel)
        self._api_key = api_key

    async def deliver(
        self, request: collector_pb2.CollectRequest, give_up_after_s: float, api_key: str = ""
    ) -> collector_pb2.CollectResponse:
        """Send a batch until it is answered; another source's `api_key` takes the place of the connection's.

        Raises:
            CollectorRefused: if the collector refused for a reason that does not pass.
            CollectorBusy: if it did not take the batch within `give_up_after_s`.
        """
        metadata = bearer(api_key or self._api_key)
        tries = Tries(give_up_after_s)
        while True:
            try:
                timeout_s = min(tries.left_s, _CALL_TIMEOUT_S)
                response: collector_pb2.CollectResponse = await self._stub.Collect(
                    request, metadata=metadata, timeout=timeout_s
                )
            except grpc.RpcError as failed:
                await asyncio.sleep(tries.pause_s(failed))
                continue
            if len(response.verdicts) != len(request.events):
                raise CollectorRefused(
                    "ANSWER_INVALID",
                    "The collector's answer does not fit the batch. See that client and collector fit each other.",
                )
            return response

    async def close(self) -> None:
        """Release the connection."""
        await self._channel.close()
