"""Chatwoot: live chat, and every inbox that Chatwoot joins to it.

Signed as "Verify webhook signatures" of Chatwoot's API reference says (since version 4): HMAC-SHA256 over the
timestamp, a dot and the raw body.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.adapters.webhooks import chatwoot_payload as payload
from services.adapters.webhooks.delivery import Authentic, Delivery, SignatureInvalid
from services.adapters.webhooks.origin import Origin, Thread, context_of
from services.adapters.webhooks.payloads import json_of, part_of
from services.adapters.webhooks.signatures import hmac_sha256, same, seconds_near

_CHANNEL_OF_INBOX = {
    "Channel::Email": event_pb2.CHANNEL_EMAIL,
    "Channel::FacebookPage": event_pb2.CHANNEL_SOCIAL,
    "Channel::Instagram": event_pb2.CHANNEL_SOCIAL,
    "Channel::Tiktok": event_pb2.CHANNEL_SOCIAL,
    "Channel::TwitterProfile": event_pb2.CHANNEL_SOCIAL,
}
_CUSTOMER, _BOT, _AGENT = event_pb2.PARTY_CUSTOMER, event_pb2.PARTY_BOT, event_pb2.PARTY_AGENT
_SPOKEN = frozenset({"incoming", "outgoing", "template"})
_PARTY_OF_HAND_OVER = {("pending", "open"): (_BOT, _AGENT), ("open", "pending"): (_AGENT, _BOT)}


class Chatwoot:
    """Chatwoot's webhook.

    Args:
        secret: The webhook's secret.
        origin: What its ids are prefixed with and its consent.
        tolerance_s: How far a delivery's time may be from now, in seconds.
        clock: Seconds since the Unix epoch.
    """

    answer = "taken"

    def __init__(
        self, secret: str, origin: Origin, tolerance_s: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._origin = origin
        self._tolerance_s = tolerance_s
        self._clock = clock
        self._readers: dict[str, Callable[[dict[str, Any], Authentic], list[event_pb2.Event]]] = {
            "message_created": self._message_created,
            "message_updated": self._message_updated,
            "conversation_created": self._conversation_created,
            "conversation_status_changed": self._status_changed,
            "conversation_updated": self._assignee_changed,
            "contact_created": self._contact_created,
            "contact_updated": self._contact_updated,
            "webwidget_triggered": self._widget_opened,
        }

    def authenticate(self, delivery: Delivery) -> Authentic:
        """Return what was signed: the body, and when."""
        timestamp = delivery.headers.get("x-chatwoot-timestamp", "")
        presented = delivery.headers.get("x-chatwoot-signature", "")
        expected = hmac_sha256(self._secret, timestamp.encode() + b"." + delivery.body)
        signed_at_s = seconds_near(timestamp, self._clock(), self._tolerance_s)
        if not same(presented, expected) or signed_at_s is None:
            raise SignatureInvalid
        return Authentic(expected, delivery.body, signed_at_s * 1_000_000_000)

    def events(self, authentic: Authentic) -> list[event_pb2.Event]:
        """Return what a delivery says; other events, private notes and activity lines say nothing."""
        parsed = json_of(authentic.content)
        reader = self._readers.get(str(parsed.get("event")))
        return reader(parsed, authentic) if reader else []

    def _message_created(self, parsed: dict[str, Any], _: Authentic) -> list[event_pb2.Event]:
        message = part_of(payload.MessageEvent, parsed)
        if message.private or message.message_type not in _SPOKEN:
            return []
        said = event_pb2.MessageSent(party=_party_of(message), text=message.content or "")
        if said.party != _CUSTOMER and message.sender and message.sender.type not in (None, "contact"):
            said.agent_id = self._origin.name(str(message.sender.type), message.sender.id)
        return [self._origin.event(("message", message.id), message.created_at, self._thread_of(message), said)]

    def _message_updated(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        """What a customer submitted on a message: a survey's judgement, or an answer to a bot's question."""
        message = part_of(payload.MessageEvent, parsed)
        submitted = message.content_attributes.submitted_values if message.content_attributes else None
        if message.private or not submitted:
            return []
        about: tuple[str, ...]
        body: Message
        if isinstance(submitted, list):
            about = ("message", message.id, "answer")
            text = "\n".join(str(answer.title or answer.value or "") for answer in submitted)
            body = event_pb2.MessageSent(party=_CUSTOMER, text=text)
        elif submitted.csat_survey_response is not None and 1 <= submitted.csat_survey_response.rating <= 5:
            # The comment comes in an update of its own, after the rating: two judgements, of which the later counts.
            response = submitted.csat_survey_response
            kind = "judged" if response.feedback_message else "rated"
            about = ("message", message.id, kind, str(response.rating))
            body = event_pb2.FeedbackGiven(
                kind=event_pb2.FEEDBACK_KIND_CSAT, score=response.rating, comment=response.feedback_message or ""
            )
        else:
            return []
        return [self._origin.event(about, authentic.signed_at_ns, self._thread_of(message), body)]

    def _conversation_created(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        talk = part_of(payload.ConversationEvent, parsed)
        topic = talk.additional_attributes.mail_subject if talk.additional_attributes else None
        at_ns = talk.created_at or talk.timestamp or authentic.signed_at_ns
        started = event_pb2.ConversationStarted(topic=topic or "")
        return [self._origin.event(("conversation", talk.id, "created"), at_ns, self._thread(talk), started)]

    def _status_changed(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        talk = part_of(payload.ConversationEvent, parsed)
        body: Message
        hand_over = _PARTY_OF_HAND_OVER.get((str(talk.change("status").previous_value), str(talk.status)))
        if talk.status == "resolved":
            body = event_pb2.ConversationEnded(reason=event_pb2.END_REASON_RESOLVED)
        elif hand_over is not None:
            body = event_pb2.ConversationTransferred(from_party=hand_over[0], to_party=hand_over[1])
        else:
            return []
        at_ns = _changed_at(talk, authentic)
        about = ("conversation", talk.id, str(talk.status), str(at_ns))
        return [self._origin.event(about, at_ns, self._thread(talk), body)]

    def _assignee_changed(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        talk = part_of(payload.ConversationEvent, parsed)
        agents, bots = talk.change("assignee_id"), talk.change("assignee_agent_bot_id")
        agent, bot = agents.current_id, bots.current_id
        if not agent and not bot:
            return []
        taker = ("user", agent) if agent else ("agent_bot", bot)
        had_it = _AGENT if agents.previous_value else _BOT if bots.previous_value else event_pb2.PARTY_UNSPECIFIED
        at_ns = _changed_at(talk, authentic)
        body = event_pb2.ConversationTransferred(
            from_party=had_it, to_party=_AGENT if agent else _BOT, agent_id=self._origin.name(*taker)
        )
        about = ("conversation", talk.id, "assigned", *taker, str(at_ns))
        return [self._origin.event(about, at_ns, self._thread(talk), body)]

    def _contact_created(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        contact = part_of(payload.ContactEvent, parsed)
        thread = Thread(event_pb2.CHANNEL_CHAT, self._identifiers(contact))
        body = event_pb2.Custom(name="contact_created")
        return [self._origin.event(("contact", contact.id, "created"), authentic.signed_at_ns, thread, body)]

    def _contact_updated(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        contact = part_of(payload.ContactEvent, parsed)
        thread = Thread(event_pb2.CHANNEL_CHAT, self._identifiers(contact))
        at_ns = _changed_at(contact, authentic)
        body = event_pb2.Custom(name="contact_updated")
        return [self._origin.event(("contact", contact.id, "updated", str(at_ns)), at_ns, thread, body)]

    def _widget_opened(self, parsed: dict[str, Any], authentic: Authentic) -> list[event_pb2.Event]:
        opened = part_of(payload.WidgetEvent, parsed)
        info = opened.event_info or payload.WidgetInfo()
        context = context_of(info.browser_language)
        thread = Thread(event_pb2.CHANNEL_CHAT, self._identifiers(opened.contact), context=context)
        body = event_pb2.Clicked(element="chat widget", url=info.referer or "")
        # The payload has no time and no id of its own, so that the signature's time tells two openings apart.
        about = ("widget", str(authentic.signed_at_ns), sha256(authentic.content).hexdigest())
        return [self._origin.event(about, authentic.signed_at_ns, thread, body)]

    def _thread_of(self, message: payload.MessageEvent) -> Thread:
        contact = message.contact or (message.sender if message.message_type == "incoming" else None)
        return self._thread(message.conversation, contact)

    def _thread(self, talk: payload.Conversation, contact: payload.Person | None = None) -> Thread:
        person = talk.meta.sender or contact
        language = talk.additional_attributes.browser_language if talk.additional_attributes else None
        return Thread(
            _CHANNEL_OF_INBOX.get(talk.channel or "", event_pb2.CHANNEL_CHAT),
            self._identifiers(person) if person else (),
            f"conversation:{talk.id}",
            context_of(language),
        )

    def _identifiers(self, contact: payload.Person) -> tuple[event_pb2.Identifier, ...]:
        named = (
            (options_pb2.IDENTIFIER_TYPE_CUSTOMER, contact.identifier),
            (options_pb2.IDENTIFIER_TYPE_EMAIL, contact.email),
            (options_pb2.IDENTIFIER_TYPE_PHONE, contact.phone_number),
        )
        known = tuple(event_pb2.Identifier(type=kind, value=value) for kind, value in named if value)
        return (*known, self._origin.social(f"contact:{contact.id}"))


def _party_of(message: payload.MessageEvent) -> event_pb2.Party.ValueType:
    """The contact writes what comes in; of what goes out, a user is a human, everything else a machine."""
    if message.message_type == "incoming":
        return _CUSTOMER
    is_human = message.message_type == "outgoing" and message.sender is not None and message.sender.type == "user"
    return _AGENT if is_human else _BOT


def _changed_at(changed: payload.Changed, authentic: Authentic) -> int:
    """When something changed, nanoseconds: the same for a delivery that is sent again, where Chatwoot tells it."""
    told = changed.change("updated_at").current_value
    if isinstance(told, str):
        exact = part_of(payload.Changed, {"updated_at": told}).updated_at
        return exact or authentic.signed_at_ns
    return changed.updated_at or changed.timestamp or authentic.signed_at_ns
