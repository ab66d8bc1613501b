"""Messages of Segment's tracking API, as its libraries and RudderStack's send them, become events.

Every message becomes an event as far as it can be read: what breaks a rule of our schema is for the collector to
refuse, which keeps it masked in quarantine. Only shapes that no library sends are refused here.
"""

import hashlib
import ipaddress
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.adapters.segment_bodies import KINDS, body_of
from services.adapters.segment_consent import ConsentRules
from services.adapters.segment_values import MessageMalformed, as_object, as_text, as_time, text_in, unix_nano

__all__ = ["ConsentRules", "MessageMalformed", "event_from"]

_APP_LIBRARY = re.compile(r"(?i)\b(ios|android|swift|kotlin|flutter|unity|xamarin|react[-_.]native)\b")
_APP_SYSTEM = re.compile(r"(?i)(ios|iphone os|ipados|android|watchos|tvos)")
_CHANNELS = {
    "web": event_pb2.CHANNEL_WEB,
    "browser": event_pb2.CHANNEL_WEB,
    "app": event_pb2.CHANNEL_APP,
    "mobile": event_pb2.CHANNEL_APP,
    "chat": event_pb2.CHANNEL_CHAT,
    "voice": event_pb2.CHANNEL_VOICE,
    "email": event_pb2.CHANNEL_EMAIL,
    "social": event_pb2.CHANNEL_SOCIAL,
    "store": event_pb2.CHANNEL_STORE,
}
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}))?")
_LONGEST_USER_AGENT = 512


def event_from(
    message: object, *, kind: str = "", sent_at: object = None, received_at: datetime, consent: ConsentRules
) -> event_pb2.Event:
    """Return the event that a message is.

    Args:
        message: The message, parsed from JSON.
        kind: Its kind such as "track", where the route says it; empty for the message's own `type`.
        sent_at: When its batch was sent, by the sender's clock; a message's own `sentAt` goes first.
        received_at: When it arrived, by our clock, UTC.
        consent: How consent is read.

    Raises:
        MessageMalformed: if it is no object, of no kind that there is, or a part has a wrong type.
    """
    if not isinstance(message, dict):
        raise MessageMalformed
    kind = kind or as_text(message.get("type"))
    if kind not in KINDS:
        raise MessageMalformed
    context = as_object(message.get("context"))
    choices = consent.choices(context)
    channel, is_app = _channel(message, context)
    fields: dict[str, Any] = {
        "event_id": _event_id(message),
        "channel": channel,
        "occurred_at_unix_nano": _occurred_at(message, sent_at, received_at),
        "identifiers": _identifiers(kind, message, context, is_app=is_app),
        "consent": event_pb2.Consent(purposes=sorted(consent.allowed(choices))),
        "context": _context(context),
    }
    fields |= body_of(kind, message, context, choices)
    return event_pb2.Event(**fields)


def _event_id(message: Mapping[str, Any]) -> str:
    """Return the message's id; without one, a digest of a message that tells its time, so that it is sent once.

    The digest is as raw as the message itself: only the collector's keyed pseudonym of it is stored.
    """
    told = as_text(message.get("messageId"))
    if told:
        return told
    if message.get("timestamp") is None and message.get("originalTimestamp") is None:
        return f"edge-{uuid.uuid4()}"
    content = {key: value for key, value in message.items() if key not in ("sentAt", "writeKey")}
    try:
        packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise MessageMalformed from None
    return f"edge-{hashlib.blake2b(packed, digest_size=16).hexdigest()}"


def _occurred_at(message: Mapping[str, Any], batch_sent_at: object, received_at: datetime) -> int:
    """Return when it happened by our clock: receivedAt - (sentAt - originalTimestamp), as Segment documents it.

    What libraries send as `timestamp` is the original; beside an `originalTimestamp` it is settled already. Zero,
    which the collector refuses, if the message tells a time that cannot be read.
    """
    original, settled = message.get("originalTimestamp"), message.get("timestamp")
    if original is None:
        original, settled = settled, None
    if original is None:
        return unix_nano(received_at)
    if settled is not None:
        at = as_time(settled)
        return unix_nano(at) if at else 0
    happened = as_time(original)
    if happened is None:
        return 0
    own = message.get("sentAt")
    sent = as_time(batch_sent_at if own is None else own)
    try:
        return unix_nano(happened if sent is None else received_at - (sent - happened))
    except OverflowError:
        return 0


def _channel(message: Mapping[str, Any], context: Mapping[str, Any]) -> tuple["event_pb2.Channel.ValueType", bool]:
    """Return the channel that is told, else that of the device or library, else web; and whether an app sent it."""
    device = context.get("device")
    is_app = bool(
        _APP_SYSTEM.fullmatch(text_in(device, "type"))
        or _APP_LIBRARY.search(text_in(context.get("library"), "name"))
        or (text_in(device, "id") and _APP_SYSTEM.fullmatch(text_in(context.get("os"), "name")))
    )
    for told in (context.get("channel"), message.get("channel")):
        if isinstance(told, str) and told.lower() in _CHANNELS:
            channel = _CHANNELS[told.lower()]
            return channel, is_app or channel == event_pb2.CHANNEL_APP
    return event_pb2.CHANNEL_APP if is_app else event_pb2.CHANNEL_WEB, is_app


def _identifiers(
    kind: str, message: Mapping[str, Any], context: Mapping[str, Any], *, is_app: bool
) -> list[event_pb2.Identifier]:
    """Return the names of the customer, each once: ids, and e-mail and phone of the person's own traits."""
    anonymous = options_pb2.IDENTIFIER_TYPE_DEVICE if is_app else options_pb2.IDENTIFIER_TYPE_COOKIE
    traits = as_object(context.get("traits"))
    if kind == "identify":
        traits = traits | as_object(message.get("traits"))
    names = (
        (options_pb2.IDENTIFIER_TYPE_CUSTOMER, message.get("userId")),
        (anonymous, message.get("anonymousId")),
        # A library's anonymous id, as a rule: two customer numbers never join, so as one it would link nothing.
        (anonymous, message.get("previousId") if kind == "alias" else None),
        (options_pb2.IDENTIFIER_TYPE_DEVICE, as_object(context.get("device")).get("id")),
        (options_pb2.IDENTIFIER_TYPE_EMAIL, traits.get("email")),
        (options_pb2.IDENTIFIER_TYPE_PHONE, traits.get("phone")),
    )
    told = dict.fromkeys((type_, as_text(value).strip()) for type_, value in names)
    return [event_pb2.Identifier(type=type_, value=value) for type_, value in told if value]


def _context(context: Mapping[str, Any]) -> event_pb2.Context:
    """Return where and with what the customer was; what is not in our form is left out, nothing rests on it."""
    user_agent = context.get("userAgent")
    return event_pb2.Context(
        ip=_ip(context.get("ip")),
        # It is never stored, so that cutting it cannot hide anything from the masker.
        user_agent=user_agent[:_LONGEST_USER_AGENT] if isinstance(user_agent, str) else "",
        locale=_locale(context.get("locale")),
        location=_location(context.get("location")),
    )


def _ip(value: object) -> str:
    try:
        return str(ipaddress.ip_address(value.strip())) if isinstance(value, str) else ""
    except ValueError:
        return ""


def _locale(value: object) -> str:
    """Return zh-Hans-CN for zh_hans_cn and its like; empty for what is no locale."""
    match = _LOCALE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return ""
    language, script, region = match.groups()
    return "-".join([language.lower(), *([script.title()] if script else []), *([region.upper()] if region else [])])


def _location(value: object) -> event_pb2.Location | None:
    if not isinstance(value, dict):
        return None
    latitude, longitude = value.get("latitude"), value.get("longitude")
    if not (isinstance(latitude, int | float) and isinstance(longitude, int | float)):
        return None
    inside = -90 <= latitude <= 90 and -180 <= longitude <= 180
    return event_pb2.Location(latitude=latitude, longitude=longitude) if inside else None
