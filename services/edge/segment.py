"""The routes of Segment's tracking API: a request becomes events, verdicts become an answer."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import Counter as Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.adapters.segment import ConsentRules, MessageMalformed, event_from
from services.clients.collector_async import CollectorBusy, CollectorRefused, Tally
from services.edge.bodies import Bodies, json_object
from services.edge.credentials import write_key
from services.edge.errors import BodyMalformed, BodyTooLarge, CollectorAway, TooManyEvents, Undetected, answer, as_told
from services.edge.ports import EventSink

EVENTS = Metric("mangrove_edge_events", "Events of the tracking API by what became of them.", ["verdict"])

MOST_EVENT_BYTES = 32 * 1024
"""The most bytes of one message, as Segment and RudderStack document it."""

MOST_EVENTS = 2500
"""The most messages of a batch, as Segment documents it."""

# After so many, other requests get their turn.
_MESSAGES_A_SLICE = 100

_UNREADABLE = "unreadable"
# Nothing becomes of these by sending them again.
_STAYS = frozenset({"accepted", "duplicate", "refused_invalid", "refused_consent", _UNREADABLE})

_PATHS: Mapping[str, tuple[str, ...]] = {
    "track": ("/v1/track", "/v1/t"),
    "identify": ("/v1/identify", "/v1/i"),
    "page": ("/v1/page", "/v1/p"),
    "screen": ("/v1/screen", "/v1/s"),
    "group": ("/v1/group", "/v1/g"),
    "alias": ("/v1/alias", "/v1/a"),
    "": ("/v1/batch", "/v1/b", "/v1/import"),
}


@dataclass(frozen=True, slots=True)
class _Batch:
    """The messages of a request, and what holds for all of them; `kind` is empty where each tells its own."""

    messages: list[Any]
    kind: str
    sent_at: object
    context: object


class SegmentApi:
    """Answers the routes of the tracking API.

    Args:
        sink: Where events go.
        consent: How consent is read.
        bodies: Reads the bodies of requests.
    """

    def __init__(self, sink: EventSink, consent: ConsentRules, bodies: Bodies) -> None:
        self._sink = sink
        self._consent = consent
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return the routes, long and short."""
        return [Route(path, self._route(kind), methods=["POST"]) for kind, paths in _PATHS.items() for path in paths]

    def _route(self, kind: str) -> Any:
        async def take(request: Request) -> Response:
            return await self.take(request, kind)

        return take

    async def take(self, request: Request, kind: str) -> Response:
        """Hand the events of a request to the collector and say what became of them.

        The answer is 200 when every event has a verdict that stays, so that nobody sends it again in vain; it says
        how many of each there are, and which rules of the schema were broken, never a value.

        Raises:
            EdgeError: if nothing, or not all for certain, was dealt with.
        """
        received_at = datetime.now(UTC)
        async with self._bodies.read(request) as body:
            document = json_object(body)
            key = write_key(request.headers.get("authorization"), document.get("writeKey"))
            batch = _batch(document, kind, len(body))
            events, unreadable = await self._events(batch, received_at)
            if not events:
                raise BodyMalformed("No message of the request can be read. See docs/edge.md for what they look like.")
            try:
                verdicts = await self._sink.collect(events, api_key=key)
            except (CollectorRefused, CollectorBusy) as error:
                raise as_told(error) from None
        if len(verdicts) != len(events):
            raise CollectorAway
        tally = Tally()
        tally.count(verdicts)
        return _answer(tally, unreadable)

    async def _events(self, batch: _Batch, received_at: datetime) -> tuple[list[Any], int]:
        """Return the events of a batch, and how many of its messages cannot be read."""
        events = []
        for number, message in enumerate(batch.messages, 1):
            with contextlib.suppress(MessageMalformed):
                whole = _with_context(message, batch.context)
                events.append(
                    event_from(
                        whole,
                        kind=batch.kind,
                        sent_at=batch.sent_at,
                        received_at=received_at,
                        consent=self._consent,
                    )
                )
            if number % _MESSAGES_A_SLICE == 0:
                await asyncio.sleep(0)
        return events, len(batch.messages) - len(events)


def _batch(document: dict[str, Any], kind: str, size: int) -> _Batch:
    if kind:
        if size > MOST_EVENT_BYTES:
            raise BodyTooLarge(MOST_EVENT_BYTES)
        return _Batch([document], kind, None, None)
    messages = document.get("batch")
    if not isinstance(messages, list) or not messages:
        raise BodyMalformed("The body has no list of messages under 'batch', or an empty one.")
    if len(messages) > MOST_EVENTS:
        raise TooManyEvents(MOST_EVENTS)
    if size > MOST_EVENT_BYTES:
        messages = [message if _is_small(message) else None for message in messages]
    return _Batch(messages, "", document.get("sentAt"), document.get("context"))


def _is_small(message: object) -> bool:
    try:
        return len(orjson.dumps(message)) <= MOST_EVENT_BYTES
    except orjson.JSONEncodeError:  # nested deeper than any message is
        return False


def _with_context(message: Any, shared: object) -> Any:
    """Return a message with its batch's context under its own, as Segment documents it."""
    if not shared or not isinstance(message, dict):
        return message
    own = message.get("context")
    if not isinstance(shared, dict) or not isinstance(own, dict | None):
        raise MessageMalformed
    return message | {"context": shared | (own or {})}


def _answer(tally: Tally, unreadable: int) -> Response:
    told = {name.lower(): count for name, count in tally.verdicts.items()}
    if unreadable:
        told[_UNREADABLE] = unreadable
    for verdict, count in told.items():
        EVENTS.labels(verdict).inc(count)
    counts: dict[str, Any] = {"events": told, "broken": dict(tally.refused)}
    if tally.to_send_again:
        return answer(Undetected(), **counts)
    if not told.keys() <= _STAYS:
        return answer(CollectorAway(), **counts)
    return JSONResponse({"success": True, **counts})
