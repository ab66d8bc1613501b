"""Meta's messaging: Messenger and Instagram.

Signed and verified as "Webhooks: Getting Started" of Meta's Graph API says: HMAC-SHA256 of the raw body under the
app's secret; a GET with the verify token before the first delivery; what is not answered with 200 comes again for
36 hours.
"""

import time
from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks import messenger_payload as payload
from services.adapters.webhooks.delivery import Authentic, Delivery, SignatureInvalid, VerificationRefused
from services.adapters.webhooks.origin import Origin, Thread
from services.adapters.webhooks.payloads import json_of, part_of
from services.adapters.webhooks.signatures import challenge, hmac_sha256, same

_SENT_AGAIN_S = 36 * 3600
_PREFIX_OF = {"page": "messenger", "instagram": "instagram"}
_CUSTOMER, _BOT, _AGENT = event_pb2.PARTY_CUSTOMER, event_pb2.PARTY_BOT, event_pb2.PARTY_AGENT

_INBOXES = frozenset({"263902037430900", "1217981644879628"})
"""Meta's own apps in which humans answer: the inbox of Pages and that of Instagram ("Handover Protocol")."""

_Told = tuple[tuple[str, ...], Message]
"""What makes an event's id, and its body."""


class Messenger:
    """Meta's webhook for messages.

    Args:
        secret: The app's secret.
        token: The verify token.
        bot_app_id: The app that answers by itself; empty: every app but Meta's inboxes does.
        purposes: What customers allowed.
        tolerance_s: How far ahead of now a delivery's time may be, in seconds, and how long after the 36 hours
            in which Meta sends it again.
        clock: Seconds since the Unix epoch.
    """

    answer = "taken"

    def __init__(
        self,
        secret: str,
        token: str,
        purposes: tuple[event_pb2.Purpose.ValueType, ...],
        tolerance_s: float,
        *,
        bot_app_id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._token = token
        self._bot_app_id = bot_app_id
        self._purposes = purposes
        self._tolerance_s = tolerance_s
        self._clock = clock

    def verify(self, query: Mapping[str, str]) -> str:
        """Return the challenge of a question that shows the verify token."""
        if query.get("hub.mode") != "subscribe" or not same(query.get("hub.verify_token", ""), self._token):
            raise VerificationRefused
        return challenge(query.get("hub.challenge", ""))

    def authenticate(self, delivery: Delivery) -> Authentic:
        """Return what was signed: the body. The times in it are looked at when it is read."""
        expected = hmac_sha256(self._secret, delivery.body)
        if not same(delivery.headers.get("x-hub-signature-256", ""), expected):
            raise SignatureInvalid
        return Authentic(expected, delivery.body)

    def events(self, authentic: Authentic) -> list[event_pb2.Event]:
        """Return what a delivery says, of all its pages; kinds of items that are not read say nothing.

        Raises:
            SignatureInvalid: if an entry's time is ahead of now, or so old that Meta would not send it any more.
            PayloadMalformed: if it is not what Meta documents.
        """
        notification = part_of(payload.Notification, json_of(authentic.content))
        now_s = self._clock()
        for entry in notification.entry:
            age_s = now_s - entry.time / 1000
            if not -self._tolerance_s <= age_s <= _SENT_AGAIN_S + self._tolerance_s:
                raise SignatureInvalid
        return [
            event
            for entry in notification.entry
            for item in (*entry.messaging, *entry.standby)
            for event in self._events_of(item, entry.id, _PREFIX_OF[notification.object])
        ]

    def _events_of(self, item: payload.Item, page: str, network: str) -> list[event_pb2.Event]:
        origin = Origin(f"{network}:{page}", self._purposes)
        # The page sends echoes and receives the rest; the other one is the person.
        person = item.recipient.id if item.sender.id == page else item.sender.id
        identifiers = (origin.social(person),) if person else ()
        thread = Thread(event_pb2.CHANNEL_SOCIAL, identifiers, f"thread:{person}" if person else "")
        at_ns = item.timestamp * 1_000_000
        told = self._told(item, person or "", origin) or _done(item, person or "")
        return [origin.event(told[0], at_ns, thread, told[1])] if told else []

    def _told(self, item: payload.Item, person: str, origin: Origin) -> _Told | None:
        """What was said, and who takes over."""
        control = item.pass_thread_control or item.take_thread_control
        if item.message is not None and not item.message.is_deleted:
            return self._said(item.message, origin)
        if item.postback is not None:
            said = event_pb2.MessageSent(party=_CUSTOMER, text=item.postback.title or "")
            return ("postback", item.postback.mid or f"{person}:{item.timestamp}"), said
        if control is not None and control.new_owner_app_id:
            owner, before = control.new_owner_app_id, control.previous_owner_app_id
            body = event_pb2.ConversationTransferred(
                from_party=self._party_of(before) if before else event_pb2.PARTY_UNSPECIFIED,
                to_party=self._party_of(owner),
                agent_id=origin.name("app", owner),
            )
            return ("control", person, owner, str(item.timestamp)), body
        return None

    def _said(self, message: payload.Said, origin: Origin) -> _Told:
        body = event_pb2.MessageSent(party=_CUSTOMER, text=message.text or "")
        if message.is_echo:
            body.party = self._party_of(message.app_id)
            body.agent_id = origin.name("app", message.app_id) if message.app_id else ""
        return ("message", message.mid), body

    def _party_of(self, app_id: str | None) -> event_pb2.Party.ValueType:
        """Say whether an app is a bot; without an app it was a human, at the page itself."""
        is_bot = app_id == self._bot_app_id if self._bot_app_id else bool(app_id) and app_id not in _INBOXES
        return _BOT if is_bot else _AGENT


def _done(item: payload.Item, person: str) -> _Told | None:
    """What a person did without saying anything."""
    if item.read is not None:
        return ("read", person, item.read.mid or str(item.read.watermark)), event_pb2.Custom(name="message_read")
    if item.delivery is not None:
        return ("delivered", person, str(item.delivery.watermark)), event_pb2.Custom(name="message_delivered")
    if item.reaction is not None:
        labels = {"action": item.reaction.action, "reaction": item.reaction.reaction or ""}
        about = ("reaction", person, item.reaction.mid, item.reaction.action, str(item.timestamp))
        return about, event_pb2.Custom(name="message_reaction", labels=labels)
    if item.referral is not None:
        told = {"source": item.referral.source, "type": item.referral.type, "ref": item.referral.ref}
        labels = {key: value for key, value in told.items() if value}
        return ("referral", person, str(item.timestamp)), event_pb2.Custom(name="referral", labels=labels)
    return None
