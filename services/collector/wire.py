"""Turns wire messages into the collector's own types and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from google.protobuf import json_format

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from privacy.errors import MangroveError
from privacy.masking import MessagePlan, compile_plan
from services.collector.handlers import Outcome, RawEvent, Verdict, batch_too_large
from services.collector.places import Place, places_of

MAX_EVENT_BYTES = 256 * 1024
"""What one event may have on the wire; a larger one is refused unread."""

_CODES = {outcome: collector_pb2.VerdictCode.Value(f"VERDICT_CODE_{outcome.value}") for outcome in Outcome}
_TAKEN = {o: collector_pb2.Verdict(code=_CODES[o]) for o in (Outcome.ACCEPTED, Outcome.DUPLICATE)}
_PURPOSES = {v.number: v.name.removeprefix("PURPOSE_").lower() for v in event_pb2.Purpose.DESCRIPTOR.values}
_CHANNELS = {v.number: v.name.removeprefix("CHANNEL_").lower() for v in event_pb2.Channel.DESCRIPTOR.values}
_EVENTS_OF_REQUEST, _EVENTS_OF_STREAM = 1, 2
_TOO_LARGE = RawEvent(event_pb2.Event(), None, "", (), is_too_large=True)
_Request = TypeVar("_Request", collector_pb2.CollectRequest, collector_pb2.CollectStreamRequest)


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


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request holds: its events, its size in bytes, and its number in a stream."""

    events: list[RawEvent]
    size: int
    offset: int = 0


def collect_request(data: bytes, max_events: int) -> Sent:
    """Read a `CollectRequest`.

    Raises:
        DecodeError: if it is none.
        BatchRefused: if it holds too many events; they are counted before any is built.
    """
    return _read(data, collector_pb2.CollectRequest, _EVENTS_OF_REQUEST, max_events)


def stream_request(data: bytes, max_events: int) -> Sent:
    """Read a `CollectStreamRequest`; see `collect_request`."""
    return _read(data, collector_pb2.CollectStreamRequest, _EVENTS_OF_STREAM, max_events)


def _read(data: bytes, kind: type[_Request], field: int, max_events: int) -> Sent:
    if len(data) <= MAX_EVENT_BYTES:
        return _built(kind.FromString(data), len(data), max_events)
    places = places_of(data, field, max_events)
    if places is None:
        raise batch_too_large(max_events)
    large = [place for place in places if place[2] - place[1] > MAX_EVENT_BYTES]
    if not large:
        return _built(kind.FromString(data), len(data), max_events)
    # Its size alone refuses an event: building it could take seconds, and the others are not to blame.
    rest = kind.FromString(_without(data, large))
    others = iter(rest.events)
    events = [_TOO_LARGE if place in large else _raw_event(next(others)) for place in places]
    return Sent(events, len(data), _offset(rest))


def _built(request: _Request, size: int, max_events: int) -> Sent:
    if len(request.events) > max_events:
        raise batch_too_large(max_events)
    return Sent([_raw_event(event) for event in request.events], size, _offset(request))


def _offset(request: _Request) -> int:
    return request.offset if isinstance(request, collector_pb2.CollectStreamRequest) else 0


def _without(data: bytes, places: list[Place]) -> bytes:
    kept, at = [], 0
    for start, _, end in places:
        kept.append(data[at:start])
        at = end
    return b"".join([*kept, data[at:]])


def _raw_event(event: event_pb2.Event) -> RawEvent:
    purposes = _purposes(tuple(event.consent.purposes[:]))
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
