"""Personal data for tests: made up, with checksums that are valid; and events that hold it."""

import time
import uuid

from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def with_id_check(first_17: str) -> str:
    total = sum(int(d) * w for d, w in zip(first_17, _ID_WEIGHTS, strict=True))
    return first_17 + "10X98765432"[total % 11]


def with_luhn(payload: str) -> str:
    doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(payload))]
    return payload + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def _digits(size: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=size, max_size=size)


mobiles = st.builds(lambda a, b: f"1{a}{b}", st.sampled_from("3456789"), _digits(9))
resident_ids = st.builds(
    lambda region, year, month, day, rest: with_id_check(f"{region}{year}{month:02}{day:02}{rest}"),
    st.sampled_from(["110101", "310115", "440305"]),
    st.integers(1940, 2010),
    st.integers(1, 12),
    st.integers(1, 28),
    _digits(3),
)
cards = st.builds(lambda p, rest: with_luhn(p + rest), st.sampled_from(["622202", "456351", "543098"]), _digits(9))
emails = st.builds(
    lambda local, domain: f"{local}@{domain}",
    st.from_regex(r"[a-z][a-z0-9]{2,10}(\.[a-z0-9]{2,8})?", fullmatch=True),
    st.sampled_from(["example.com", "example.org", "mail.example.net"]),
)
addresses = st.builds(lambda last: f"203.0.113.{last}", st.integers(1, 254))
plates = st.builds(
    lambda region, letter, rest: f"{region}{letter}{rest}",
    st.sampled_from("京沪粤浙"),
    st.sampled_from("ABCD"),
    _digits(5),
)

KINDS = {
    "PHONE_NUMBER": mobiles,
    "CN_RESIDENT_ID": resident_ids,
    "CREDIT_CARD": cards,
    "EMAIL_ADDRESS": emails,
    "IP_ADDRESS": addresses,
    "CN_LICENSE_PLATE": plates,
}

ALLOWED = event_pb2.Consent(purposes=[event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS])


def an_event(**fields: object) -> event_pb2.Event:
    """A valid event with a fresh id; fields given replace the defaults, a body replaces the default page view."""
    values: dict[str, object] = {
        "event_id": uuid.uuid4().hex,
        "channel": event_pb2.CHANNEL_WEB,
        "occurred_at_unix_nano": time.time_ns(),
        "consent": ALLOWED,
        **fields,
    }
    event = event_pb2.Event(**values)  # type: ignore[arg-type]
    if event.WhichOneof("body") is None:
        event.page_viewed.url = "https://shop.example.com/"
    return event


def identifier(kind: str, value: str) -> event_pb2.Identifier:
    return event_pb2.Identifier(type=options_pb2.IdentifierType.Value(f"IDENTIFIER_TYPE_{kind.upper()}"), value=value)
