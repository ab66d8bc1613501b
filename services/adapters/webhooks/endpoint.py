"""Takes one webhook's deliveries: checks, turns into events, hands over, and answers when all of it is done."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.delivery import Delivery, Verifiable, VerificationRefused, Webhook
from services.adapters.webhooks.renewal import Renewing
from services.adapters.webhooks.replay import TakenDeliveries
from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.edge.bodies import Bodies
from services.edge.errors import BodySlow, CollectorAway, EdgeError, EncodingUnknown, Undetected, answer
from services.edge.ports import EventSink

_ANSWERED_WITHIN_S = 4.5
"""Platforms give up after about five seconds."""

_REFUSED_RETRY_S = 60.0
_FINAL = frozenset(
    {
        collector_pb2.VERDICT_CODE_ACCEPTED,
        collector_pb2.VERDICT_CODE_DUPLICATE,
        collector_pb2.VERDICT_CODE_REFUSED_INVALID,
        collector_pb2.VERDICT_CODE_REFUSED_CONSENT,
    }
)
"""The verdicts that sending an event again does not change."""

_log = structlog.get_logger()


class Endpoint:
    """One webhook behind its URL.

    Args:
        name: Its name in the configuration.
        renewing: The platform's side of it, and the API key of the source that its events are taken as.
        collector: Where its events go.
        bodies: Reads bodies.
    """

    def __init__(self, name: str, renewing: Renewing, collector: EventSink, bodies: Bodies) -> None:
        self._renewing = renewing
        self._collector = collector
        self._bodies = bodies
        self._taken = TakenDeliveries()
        self._log = _log.bind(webhook=name)

    async def post(self, request: Request) -> Response:
        """Take a delivery; 200 says that the collector dealt with every event of it, now or before."""
        webhook, api_key = self._renewing.current()
        try:
            if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise EncodingUnknown  # what is signed is the body as it comes
            async with self._bodies.read(request) as body:
                headers = _singles((name.lower(), value) for name, value in request.headers.items())
                delivery = Delivery(headers, _singles(request.query_params.multi_items()), body)
                await self._take(webhook, api_key, delivery)
        except EdgeError as refusal:
            return answer(refusal)
        except ClientDisconnect:
            return answer(BodySlow())
        return _plain(webhook.answer)

    async def _take(self, webhook: Webhook, api_key: str, delivery: Delivery) -> None:
        authentic = webhook.authenticate(delivery)
        try:
            if not self._taken.has(authentic):
                events = webhook.events(authentic)
                if events:
                    await self._hand_over(events, api_key)
                self._taken.remember(authentic)
        except EdgeError as refusal:  # only from here on, so that nobody without the secret fills the log
            self._log.warning("delivery_not_taken", reason=refusal.reason)
            raise

    async def _hand_over(self, events: Sequence[event_pb2.Event], api_key: str) -> None:
        """Have the collector deal with all events.

        Raises:
            CollectorAway: if it could not, or not within the time that platforms wait.
            Undetected: if it could not look for personal data in some of them.
        """
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S):
                verdicts = await self._collector.collect(events, api_key=api_key)
        except TimeoutError:
            raise CollectorAway from None
        except CollectorBusy as busy:
            raise CollectorAway(busy.retry_after_s) from None
        except CollectorRefused as refused:
            # Keys and limits are the operator's to mend. Until then the platform may send the delivery again.
            self._log.error("collector_refused", reason=refused.reason)
            raise CollectorAway(_REFUSED_RETRY_S) from None
        if any(verdict.code not in _FINAL for verdict in verdicts):
            raise Undetected


def verification(renewing: Renewing) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers a platform's question whether this is its webhook."""

    async def get(request: Request) -> Response:
        webhook, _ = renewing.current()
        try:
            if not isinstance(webhook, Verifiable):
                raise VerificationRefused
            return _plain(webhook.verify(_singles(request.query_params.multi_items())))
        except EdgeError as refusal:
            return answer(refusal)

    return get


def _plain(text: str) -> PlainTextResponse:
    return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})


def _singles(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Leave out names that come twice: which of the two would be meant, others may see differently."""
    pairs = list(items)
    times = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if times[name] == 1}
