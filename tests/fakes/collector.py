"""A collector in memory: checks keys, consent and the schema's rules as the real one does, and masks nothing."""

from collections.abc import Sequence

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from privacy.consent import may_store
from privacy.errors import MangroveError
from privacy.masking import compile_plan
from privacy.masking.validate import violations
from services.clients.collector_async import CollectorRefused
from services.edge.ports import EventSink, Readiness

_PLAN = compile_plan(event_pb2.Event.DESCRIPTOR)


class FakeCollector(EventSink):
    """Keeps what it accepts; `failure` is raised instead while it is set, `unmaskable` ids fail a detector."""

    def __init__(self, *keys: str) -> None:
        self.keys = frozenset(keys)
        self.accepted: list[event_pb2.Event] = []
        self.batches: list[list[event_pb2.Event]] = []
        self.failure: MangroveError | None = None
        self.unmaskable: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    async def collect(self, events: Sequence[event_pb2.Event], *, api_key: str = "") -> list[collector_pb2.Verdict]:
        if self.failure is not None:
            raise self.failure
        if api_key not in self.keys:
            raise CollectorRefused("UNAUTHENTICATED", "This call needs a valid API key.")
        request = collector_pb2.CollectRequest(events=events)
        arrived = collector_pb2.CollectRequest.FromString(request.SerializeToString()).events
        self.batches.append(list(arrived))
        return [self._verdict(event, api_key) for event in arrived]

    def _verdict(self, event: event_pb2.Event, api_key: str) -> collector_pb2.Verdict:
        purposes = [event_pb2.Purpose.Name(p).removeprefix("PURPOSE_").lower() for p in event.consent.purposes]
        body = event.WhichOneof("body")
        if body is not None and not may_store(body, purposes):
            return collector_pb2.Verdict(code=collector_pb2.VERDICT_CODE_REFUSED_CONSENT)
        broken = [
            collector_pb2.FieldViolation(field=b.field, reason=b.reason, description=b.description)
            for b in violations(event, _PLAN)
        ]
        if broken:
            return collector_pb2.Verdict(code=collector_pb2.VERDICT_CODE_REFUSED_INVALID, violations=broken)
        if event.event_id in self.unmaskable:
            return collector_pb2.Verdict(code=collector_pb2.VERDICT_CODE_REFUSED_UNMASKABLE)
        if (api_key, event.event_id) in self._seen:
            return collector_pb2.Verdict(code=collector_pb2.VERDICT_CODE_DUPLICATE)
        self._seen.add((api_key, event.event_id))
        self.accepted.append(event)
        return collector_pb2.Verdict(code=collector_pb2.VERDICT_CODE_ACCEPTED)


class FakeReadiness(Readiness):
    """Is ready as long as nobody says otherwise."""

    def __init__(self) -> None:
        self.ready = True

    async def is_ready(self) -> bool:
        return self.ready
