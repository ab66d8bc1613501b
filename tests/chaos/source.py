"""A source of events that sends one batch at a time and remembers what it was told."""

import time
from types import TracebackType

import grpc
from deltalake import DeltaTable

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from privacy.pseudonyms import Pseudonymiser
from services.clients.refusals import Refusal, refusal_of
from services.collector.bootstrap import lander_at
from services.installation import api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.generated import an_event


class Source:
    """Sends events to an installation's collector; a context manager."""

    def __init__(self, home: Home, timeout_s: float = 20.0) -> None:
        self._home = home
        self._timeout_s = timeout_s
        options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(home.settings.collector.address, options)
        self._stub = collector_pb2_grpc.CollectorServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {api_key_of(home, 'web')}"),)
        self.accepted: set[str] = set()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._channel.close()

    def send(self, count: int = 1, padding: int = 0) -> Refusal | None:
        """Send so many messages with texts of about so many characters; return why nothing was taken, or None."""
        said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="good morning " * (1 + padding // 13))
        return self.send_events([an_event(message_sent=said) for _ in range(count)])

    def send_events(self, events: list[event_pb2.Event]) -> Refusal | None:
        """Send a batch; return why nothing was taken, or None."""
        request = collector_pb2.CollectRequest(events=events)
        try:
            response = self._stub.Collect(
                request, metadata=self._metadata, timeout=self._timeout_s, wait_for_ready=True
            )
        except grpc.RpcError as error:
            return refusal_of(error)
        taken = (event for event, verdict in zip(events, response.verdicts, strict=True) if verdict.code == 1)
        self.accepted.update(event.event_id for event in taken)
        return None

    def delivers(self, count: int = 1, within_s: float = 5.0) -> bool:
        """Send a batch, and again as a client does while it is told to; return whether it was taken in time."""
        events, until = [an_event() for _ in range(count)], time.monotonic() + within_s
        while (refusal := self.send_events(events)) is not None:
            if not refusal.passes or time.monotonic() > until:
                return False
            time.sleep(min(refusal.retry_after_s or 0.1, 0.2))
        return time.monotonic() <= until

    def stream(self, count: int) -> Refusal | None:
        """Send so many batches of one event over one stream; return why it ended early, or None."""
        batches = ([an_event()] for _ in range(count))
        requests = (collector_pb2.CollectStreamRequest(offset=n, events=b) for n, b in enumerate(batches, 1))
        try:
            answers = list(self._stub.CollectStream(requests, metadata=self._metadata, timeout=self._timeout_s))
        except grpc.RpcError as error:
            return refusal_of(error)
        assert [answer.offset for answer in answers] == list(range(count + 1))
        return None

    def fill(self) -> Refusal:
        """Send smaller and smaller batches until not even one event is taken; return why."""
        size = 500
        while True:
            refusal = self.send(size, padding=1500)
            if refusal is not None and size == 1:
                return refusal
            if refusal is not None:
                size = max(size // 5, 1)

    def landed_once(self) -> bool:
        """Land what waits, and say whether every accepted event is in bronze and none is there twice."""
        lander_at(self._home).drain()
        landed = event_ids_in_bronze(self._home)
        token = Pseudonymiser(key_provider(self._home)).token
        missing = {token("event", event_id) for event_id in self.accepted} - set(landed)
        return not missing and len(landed) == len(set(landed))


def event_ids_in_bronze(home: Home) -> list[str]:
    """The pseudonyms of all events that landed, journal by journal in the order in which they were taken."""
    place = ["journal_id", "sequence", "position"]
    bronze = DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_table(columns=[*place, "event_id"])
    return bronze.sort_by([(column, "ascending") for column in place])["event_id"].to_pylist()  # type: ignore[no-any-return]
