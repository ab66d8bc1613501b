"""WeChat official accounts: messages of followers, and what they do with the account.

After "接入概述" (Getting Started: the GET with echostr and the signature), "接收普通消息" (Receiving Standard
Messages), "接收事件推送" (Receiving Event Pushes), "消息加解密说明" (Message Encryption and Decryption) and
"会话状态通知事件" (customer service sessions) of WeChat's documentation for official accounts.
"""

import time
from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.delivery import Authentic, Delivery, SignatureInvalid, VerificationRefused
from services.adapters.webhooks.origin import Origin, Thread
from services.adapters.webhooks.signatures import challenge, same, seconds_near, sha1_of_sorted
from services.adapters.webhooks.wechat_crypto import MessageCipher
from services.adapters.webhooks.wechat_xml import Fields

_CUSTOMER, _AGENT = event_pb2.PARTY_CUSTOMER, event_pb2.PARTY_AGENT
_ALL_PURPOSES = (event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS, event_pb2.PURPOSE_LEARNING)
_WORDLESS = frozenset({"image", "video", "shortvideo"})


class WeChat:
    """A WeChat official account's webhook.

    Args:
        token: The account's token.
        cipher: Decrypts the account's messages; None for plain mode. With one, plain messages are refused: in
            plain mode the signature does not cover the message.
        origin: What its ids are prefixed with and its consent.
        tolerance_s: How far a delivery's time may be from now, in seconds.
        clock: Seconds since the Unix epoch.
    """

    answer = "success"

    def __init__(
        self,
        token: str,
        cipher: MessageCipher | None,
        origin: Origin,
        tolerance_s: float,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token = token
        self._cipher = cipher
        self._origin = origin
        self._tolerance_s = tolerance_s
        self._clock = clock

    def verify(self, query: Mapping[str, str]) -> str:
        """Return the echostr of a question that is signed with the token, just now."""
        try:
            self._signed(query)
        except SignatureInvalid:
            raise VerificationRefused from None
        return challenge(query.get("echostr", ""))

    def authenticate(self, delivery: Delivery) -> Authentic:
        """Return the message: as it came in plain mode, else decrypted.

        The signature of the query is checked before anything is read; that of the encrypted message lies over a
        part of the XML, so this much is read in between.
        """
        signature, signed_at_ns = self._signed(delivery.query)
        if self._cipher is None:
            return Authentic(signature, delivery.body, signed_at_ns)
        encrypted = Fields(delivery.body).text("Encrypt")
        parts = (self._token, delivery.query["timestamp"], delivery.query.get("nonce", ""), encrypted)
        expected = sha1_of_sorted(*parts)
        if not encrypted or not same(delivery.query.get("msg_signature", ""), expected):
            raise SignatureInvalid
        return Authentic(expected, self._cipher.decrypt(encrypted), signed_at_ns)

    def events(self, authentic: Authentic) -> list[event_pb2.Event]:
        """Return what a message or an event says; kinds that are not read say nothing."""
        fields = Fields(authentic.content)
        person = fields.required("FromUserName")
        at_s = fields.seconds("CreateTime")
        kind = fields.required("MsgType")
        happening = fields.text("Event")
        # As WeChat recommends: MsgId where there is one, else who and when; two events of one second differ in kind.
        about = ("event", person, str(at_s), happening) if kind == "event" else ("message", fields.required("MsgId"))
        bodies = self._happened(fields, happening) if kind == "event" else _said(fields, kind)
        thread = Thread(
            event_pb2.CHANNEL_SOCIAL,
            (self._origin.social(person),),
            f"thread:{person}",
            _context(fields, happening if kind == "event" else kind),
        )
        return [
            self._origin.event((*about, str(place)) if place else about, at_s * 1_000_000_000, thread, body)
            for place, body in enumerate(bodies)
        ]

    def _signed(self, query: Mapping[str, str]) -> tuple[str, int]:
        timestamp = query.get("timestamp", "")
        expected = sha1_of_sorted(self._token, timestamp, query.get("nonce", ""))
        at_s = seconds_near(timestamp, self._clock(), self._tolerance_s)
        if not same(query.get("signature", ""), expected) or at_s is None:
            raise SignatureInvalid
        return expected, at_s * 1_000_000_000

    def _happened(self, fields: Fields, happening: str) -> list[Message]:
        """What an event says: following and leaving change what is allowed; sessions pass to human agents."""
        key = fields.text("EventKey")
        if happening in ("subscribe", "SCAN"):
            scene = key.removeprefix("qrscene_")
            scanned: list[Message] = (
                [event_pb2.Custom(name="qr_code_scanned", labels={"scene": scene})] if scene else []
            )
            follows = event_pb2.ConsentChanged(granted=self._origin.purposes)
            return [follows, *scanned] if happening == "subscribe" else scanned
        if happening == "unsubscribe":
            return [event_pb2.ConsentChanged(withdrawn=_ALL_PURPOSES)]
        if happening == "CLICK":
            return [event_pb2.Clicked(element=key)]
        if happening == "VIEW":
            return [event_pb2.Clicked(element="menu", url=key)]
        if happening == "LOCATION":
            return [event_pb2.Custom(name="location_shared")]
        return self._session(fields, happening)

    def _session(self, fields: Fields, happening: str) -> list[Message]:
        if happening == "kf_close_session":
            return [event_pb2.ConversationEnded(reason=event_pb2.END_REASON_RESOLVED)]
        taker = {"kf_create_session": "KfAccount", "kf_switch_session": "ToKfAccount"}.get(happening)
        if taker is None:
            return []
        from_party = _AGENT if happening == "kf_switch_session" else event_pb2.PARTY_UNSPECIFIED
        agent_id = self._origin.name("agent", fields.required(taker))
        return [event_pb2.ConversationTransferred(from_party=from_party, to_party=_AGENT, agent_id=agent_id)]


def _said(fields: Fields, kind: str) -> list[Message]:
    """What a message says in words: of pictures nothing, of speech what WeChat recognised."""
    if kind == "text":
        text = fields.text("Content")
    elif kind == "voice":
        text = fields.text("Recognition")
    elif kind == "location":
        text = fields.text("Label")
    elif kind == "link":
        text = "\n".join(filter(None, (fields.text("Title"), fields.text("Description"), fields.text("Url"))))
    elif kind in _WORDLESS:
        text = ""
    else:
        return []
    return [event_pb2.MessageSent(party=_CUSTOMER, text=text)]


def _context(fields: Fields, kind: str) -> event_pb2.Context | None:
    """Where the customer was: both the message and the event say it, each with names of its own."""
    names = {"location": ("Location_X", "Location_Y"), "LOCATION": ("Latitude", "Longitude")}.get(kind)
    if names is None:
        return None
    latitude, longitude = (fields.degrees(name) for name in names)
    return event_pb2.Context(location=event_pb2.Location(latitude=latitude, longitude=longitude))
