"""Clients that send each batch until it is acknowledged, and remember what was accepted."""

import threading
import uuid

import grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from tests.generated import an_event, identifier

TAKEN = (collector_pb2.VERDICT_CODE_ACCEPTED, collector_pb2.VERDICT_CODE_DUPLICATE)
PLANTED_PHONE, PLANTED_MAIL = "13800138000", "zhang.wei.planted@example.com"


class Sender(threading.Thread):
    """Sends batches and sends each again until it is acknowledged, as a client does.

    Every event holds planted personal data, as identifiers and in its text.
    """

    def __init__(self, address: str, api_key: str, stopping: threading.Event, patience_s: float = 5.0) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._stopping = stopping
        self._patience_s = patience_s
        self.accepted: set[str] = set()
        self.retries = 0
        self.acknowledged = threading.Event()

    def run(self) -> None:
        options = [
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        with grpc.insecure_channel(self._address, options) as channel:
            stub = collector_pb2_grpc.CollectorServiceStub(channel)
            while not self._stopping.is_set():
                self._deliver(stub, [_event(uuid.uuid4().hex) for _ in range(50)])

    def _deliver(self, stub: collector_pb2_grpc.CollectorServiceStub, events: list[event_pb2.Event]) -> None:
        request = collector_pb2.CollectRequest(events=events)
        while True:
            try:
                response = stub.Collect(request, metadata=self._metadata, timeout=self._patience_s, wait_for_ready=True)
            except grpc.RpcError:
                self.retries += 1
                if self._stopping.is_set():
                    return
                continue
            self.accepted |= {e.event_id for e, v in zip(events, response.verdicts, strict=True) if v.code in TAKEN}
            self.acknowledged.set()
            return


def _event(event_id: str) -> event_pb2.Event:
    text = f"我的电话是{PLANTED_PHONE}，邮箱{PLANTED_MAIL}"
    return an_event(
        event_id=event_id,
        channel=event_pb2.CHANNEL_CHAT,
        identifiers=[identifier("phone", PLANTED_PHONE), identifier("email", PLANTED_MAIL)],
        conversation_id=event_id,
        message_sent=event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text=text),
    )
