"""What happened, in a Segment message: our typed bodies where a semantic event fits one, else a custom event.

A typed body is only used when everything it needs is there and within our schema's limits; what does not fit stays
whole as a custom event. Names and properties are those of Segment's specs for e-commerce (V2, and V1's names for
cart and order), live chat and consent.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import struct_pb2

from mangrove.event.v1 import event_pb2
from services.adapters.schema_limits import fits
from services.adapters.segment_consent import Choices
from services.adapters.segment_profile import profile_of, without_personal
from services.adapters.segment_values import as_number, as_object, as_text, plain, text_in

Fields = dict[str, Any]
"""Fields of an event, by name: a body, and what a body says about its envelope."""

_Object = Mapping[str, Any]


def body_of(kind: str, message: _Object, context: _Object, choices: Choices | None) -> Fields:
    """Return the body of a message of one of the `KINDS`, with what it says about the envelope.

    Raises:
        MessageMalformed: if a part has a shape that no library sends.
    """
    if kind == "track":
        return _track(message, choices)
    return _BODIES[kind](message, context)


def _custom(name: str, properties: _Object) -> Fields:
    """Return a custom event; what its properties hold is searched for personal data by the collector."""
    held = struct_pb2.Struct()
    held.update(plain(properties))
    return {"custom": event_pb2.Custom(name=name, properties=held)}


def _track(message: _Object, choices: Choices | None) -> Fields:
    name = as_text(message.get("event"))
    properties = as_object(message.get("properties"))
    event = name.strip().lower()
    if event in _CONSENT_EVENTS and choices is not None:
        changed = event_pb2.ConsentChanged(granted=sorted(choices.granted), withdrawn=sorted(choices.withdrawn))
        return {"consent_changed": changed}
    envelope = _chat(properties) if event in _CHAT_EVENTS else {}
    return envelope | (_typed(event, properties) or _custom(name, properties))


def _typed(event: str, properties: _Object) -> Fields | None:
    build = _TYPED.get(event)
    if build is None:
        return None
    try:
        fields = build(properties)
    except ValueError:  # a number that the field's type cannot hold
        return None
    return fields if fields is not None and all(fits(body) for body in fields.values()) else None


def _page(message: _Object, context: _Object) -> Fields:
    properties = as_object(message.get("properties"))
    page = context.get("page")
    viewed = event_pb2.PageViewed(
        url=text_in(properties, "url", "path") or text_in(page, "url", "path"),
        title=text_in(properties, "title") or text_in(page, "title") or text_in(message, "name"),
        referrer=text_in(properties, "referrer") or text_in(page, "referrer"),
    )
    return {"page_viewed": viewed} if fits(viewed) else _custom("page", _named(message) | properties)


def _screen(message: _Object, _context: _Object) -> Fields:
    properties = as_object(message.get("properties"))
    name = text_in(message, "name") or text_in(properties, "name") or text_in(message, "category")
    viewed = event_pb2.ScreenViewed(screen=name)
    return {"screen_viewed": viewed} if fits(viewed) else _custom("screen", _named(message) | properties)


def _identify(message: _Object, context: _Object) -> Fields:
    traits = as_object(message.get("traits")) or as_object(context.get("traits"))
    profile, others = profile_of(traits), plain(without_personal(traits))
    if profile is None:
        return _custom("identify", others)
    profile.properties.update(others)
    return {"profile_updated": profile}


def _group(message: _Object, _context: _Object) -> Fields:
    traits = without_personal(as_object(message.get("traits")))
    return _custom("group", traits | {"groupId": as_text(message.get("groupId"))})


def _alias(_message: _Object, _context: _Object) -> Fields:
    return _custom("alias", {})


def _named(message: _Object) -> dict[str, Any]:
    return {key: text for key in ("name", "category") if (text := text_in(message, key))}


def _searched(properties: _Object) -> Fields | None:
    return {"searched": event_pb2.Searched(query=text_in(properties, "query"))}


def _cart(sign: int) -> Callable[[_Object], Fields | None]:
    def changed(properties: _Object) -> Fields | None:
        quantity = _whole(properties.get("quantity", 1))
        if quantity is None or quantity < 0:
            return None
        product = text_in(properties, "name", "sku", "product_id", "id")
        price = _money(properties, "price")
        return {"cart_changed": event_pb2.CartChanged(product=product, quantity=sign * quantity, price=price)}

    return changed


def _order(properties: _Object) -> Fields | None:
    number = text_in(properties, "order_id", "orderId")
    total, count = _money(properties, "total", "revenue", "value"), _pieces(properties.get("products"))
    return {"order_placed": event_pb2.OrderPlaced(order_id=number, total=total, item_count=count)}


def _clicked(properties: _Object) -> Fields | None:
    element = text_in(properties, "name", "creative", "promotion_id", "sku", "product_id")
    return {"clicked": event_pb2.Clicked(element=element, url=text_in(properties, "url"))}


def _chat(properties: _Object) -> Fields:
    """Return what a live chat event says about its envelope: the conversation, and that it was a chat."""
    return {
        "channel": event_pb2.CHANNEL_CHAT,
        "conversation_id": text_in(properties, "conversation_id"),
    }


def _customer_said(properties: _Object) -> Fields | None:
    text = text_in(properties, "message_body")
    return {"message_sent": event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text=text)} if text else None


def _agent_said(properties: _Object) -> Fields | None:
    text, agent = text_in(properties, "message_body"), text_in(properties, "agent_id")
    sent = event_pb2.MessageSent(party=event_pb2.PARTY_AGENT, text=text, agent_id=agent)
    return {"message_sent": sent} if text else None


def _started(properties: _Object) -> Fields | None:
    # The first message may come along: then it is kept whole.
    return None if properties.get("message_body") else {"conversation_started": event_pb2.ConversationStarted()}


def _money(properties: _Object, *keys: str) -> event_pb2.Money | None:
    """Return the first amount that there is, None if there is none.

    Raises:
        ValueError: if it is no amount.
    """
    value = next((properties[key] for key in keys if properties.get(key) is not None), None)
    if value is None:
        return None
    amount = as_number(value)
    if amount is None:
        raise ValueError
    return event_pb2.Money(amount_minor=round(amount * 100), currency=text_in(properties, "currency").upper())


def _whole(value: object) -> int | None:
    number = as_number(value)
    return int(number) if number is not None and number == int(number) else None


def _pieces(products: object) -> int:
    """Count the pieces of a list of products; 0, for unknown, without a list.

    Raises:
        ValueError: if they cannot be counted.
    """
    count = 0
    for product in products if isinstance(products, list) else ():
        pieces = _whole(product.get("quantity", 1)) if isinstance(product, dict) else None
        if pieces is None:
            raise ValueError
        count += pieces
    return count


_BODIES: dict[str, Callable[[_Object, _Object], Fields]] = {
    "page": _page,
    "screen": _screen,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
}
KINDS = frozenset({"track", *_BODIES})
"""The kinds of messages that there are."""

_CONSENT_EVENTS = frozenset({"segment consent preference", "segment consent preference updated"})
_CHAT_EVENTS = frozenset(
    f"live chat {what}" for what in ("conversation started", "conversation ended", "message sent", "message received")
)
_TYPED: dict[str, Callable[[_Object], Fields | None]] = {
    "products searched": _searched,
    "product added": _cart(1),
    "added product": _cart(1),
    "product removed": _cart(-1),
    "removed product": _cart(-1),
    "order completed": _order,
    "completed order": _order,
    "product clicked": _clicked,
    "promotion clicked": _clicked,
    "live chat conversation started": _started,
    "live chat message sent": _customer_said,
    "live chat message received": _agent_said,
}
