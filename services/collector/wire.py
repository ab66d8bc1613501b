"""Turns wire messages into the collector's own types and back."""

from collections.abc import Sequence
from functools import lru_cache

from google.protobuf import json_format

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from privacy.errors import MangroveError
from privacy.masking import MessagePlan, compile_plan
from services.collector.handlers import Outcome, RawEvent, Verdict

_CODES = {outcome: collector_pb2.VerdictCode.Value(f"VERDICT_CODE_{outcome.value}") for outcome in Outcome}
_TAKEN = {o: collector_pb2.Verdict(code=_CODES[o]) for o in (Outcome.ACCEPTED, Outcome.DUPLICATE)}
_PURPOSES = {v.number: v.name.removeprefix("PURPOSE_").lower() for v in event_pb2.Purpose.DESCRIPTOR.values}
_CHANNELS = {v.number: v.name.removeprefix("CHANNEL_").lower() for v in event_pb2.Channel.DESCRIPTOR.values}


class EventMalformed(MangroveError):
    """A text is not the JSON form of an event."""

    reason = "EVENT_MALFORMED"

    def __init__(self) -> None:
        super().__init__("It is not an event in JSON. Write one a line, with the field names of the schema.")


def event_plan() -> MessagePlan:
    """Compile the plan of the event message from its schema's treatments."""
    return compile_plan(event_pb2.Event.DESCRIPTOR)


def event_from_json(line: str) -> RawEvent:
    """Return the event that its JSON form (ProtoJSON) says.

    Raises:
        EventMalformed: if it is none.
    """
    try:
        return _raw_event(json_format.Parse(line, event_pb2.Event()))
    except (json_format.ParseError, RecursionError):
        raise EventMalformed from None


def events_from_proto(request: collector_pb2.CollectRequest | collector_pb2.CollectStreamRequest) -> list[RawEvent]:
    """Return the raw events of a request, in its order."""
    return [_raw_event(event) for event in request.events]


def _raw_event(event: event_pb2.Event) -> RawEvent:
    purposes = _purposes(tuple(event.consent.purposes))
    return RawEvent(event, event.WhichOneof("body"), _CHANNELS.get(event.channel, ""), purposes)


@lru_cache(maxsize=1024)
def _purposes(numbers: tuple[int, ...]) -> tuple[str, ...]:
    return tuple([_PURPOSES.get(number, "") for number in numbers])


def response(verdicts: Sequence[Verdict]) -> collector_pb2.CollectResponse:
    """Return the answer to a batch."""
    return collector_pb2.CollectResponse(verdicts=_told(verdicts))


def stream_response(offset: int, verdicts: Sequence[Verdict], window: int) -> collector_pb2.CollectStreamResponse:
    """Return the answer to one batch of a stream."""
    return collector_pb2.CollectStreamResponse(offset=offset, verdicts=_told(verdicts), window=window)


def _told(verdicts: Sequence[Verdict]) -> list[collector_pb2.Verdict]:
    return [_TAKEN.get(verdict.outcome) or _refused(verdict) for verdict in verdicts]


def _refused(verdict: Verdict) -> collector_pb2.Verdict:
    told = collector_pb2.Verdict(code=_CODES[verdict.outcome])
    for broken in verdict.violations:
        told.violations.add(field=broken.field, reason=broken.reason, description=broken.description)
    return told
