"""Requests that no client would send: bytes that are nearly events, far too much of them, or nothing at all.

Everything holds the same planted personal data, so that whatever is written can be searched for it.
"""

import random
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mangrove.event.v1 import event_pb2
from tests.generated import an_event, identifier

MIB = 1024 * 1024
PHONE, MAIL, CARD, HEADER = "13800138000", "zhang.wei.planted@example.com", "4111111111111111", "planted-header-7f3a"
PLANTED = (PHONE, MAIL, CARD, HEADER)

# Between ideographs, so that a flipped bit beside a value makes no other value of it.
_TEXT = f"，我的电话是，{PHONE}，邮箱是，{MAIL}，卡号是，{CARD}，"


def varint(number: int) -> bytes:
    octets = bytearray()
    while number > 127:
        octets.append(number & 127 | 128)
        number >>= 7
    return bytes([*octets, number])


def field(number: int, body: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def request(*events: bytes) -> bytes:
    return b"".join(field(1, event) for event in events)


def planted_event(**body: object) -> event_pb2.Event:
    """A valid event that holds every planted value."""
    return an_event(
        event_id=uuid.uuid4().hex,
        channel=event_pb2.CHANNEL_CHAT,
        identifiers=[identifier("phone", PHONE), identifier("email", MAIL)],
        conversation_id="c-1",
        context=event_pb2.Context(ip="203.0.113.7", user_agent=f"agent {MAIL}", locale="zh-CN"),
        **(body or {"message_sent": event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text=_TEXT)}),
    )


def planted_custom() -> event_pb2.Event:
    custom = event_pb2.Custom(name=f"x {_TEXT}", labels={"k": _TEXT, _TEXT: "v"}, attachment=_TEXT.encode())
    custom.properties.update({"a": {"b": [_TEXT, 1, None]}, "n": float(PHONE), _TEXT: "v"})
    return planted_event(custom=custom)


def valid_request(rng: random.Random) -> bytes:
    page = event_pb2.PageViewed(url=f"https://shop.example.com/?tel=，{PHONE}，&mail=，{MAIL}，", title=_TEXT)
    kinds = (planted_event, planted_custom, lambda: planted_event(page_viewed=page))
    return request(*(rng.choice(kinds)().SerializeToString() for _ in range(rng.randint(1, 3))))


def _flipped(rng: random.Random, octets: bytes) -> bytes:
    changed = bytearray(octets)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _spliced(rng: random.Random, octets: bytes) -> bytes:
    """The beginning of one request and the end of another, cut where digits do not join to longer numbers."""
    ends, other = [n for n in range(len(octets)) if not octets[n : n + 1].isalnum()], valid_request(rng)
    return octets[: rng.choice(ends) + 1] + other[rng.randrange(len(other)) :]


def _with_unknown(rng: random.Random, octets: bytes) -> bytes:
    """A field that no message has, of any wire type, at any place."""
    number = rng.choice((1000, 19_000, 536_870_911, 0, rng.randrange(1, 1 << 29)))
    kind = rng.randrange(8)
    body = {0: varint(rng.getrandbits(64)), 1: rng.randbytes(8), 2: varint(len(_TEXT.encode())) + _TEXT.encode()}
    piece = varint(number << 3 | kind) + body.get(kind, rng.randbytes(4))
    if kind == 3:
        piece += field(1, _TEXT.encode()) + varint(number << 3 | 4)
    at = rng.choice((0, len(octets), rng.randrange(len(octets))))
    return octets[:at] + piece + octets[at:]


def _with_another_length(rng: random.Random, octets: bytes) -> bytes:
    at = rng.randrange(len(octets))
    length = rng.choice((0, 127, 2**31 - 1, 2**31, 2**32, 2**63, 2**64 - 1))
    return octets[:at] + varint(length) + octets[at + 1 :]


MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "random": lambda rng, _: rng.randbytes(rng.choice((0, 1, 7, 100, 5000))),
    "truncated": lambda rng, octets: octets[: rng.randrange(len(octets))],
    "flipped": _flipped,
    "spliced": _spliced,
    "unknown": _with_unknown,
    "length": _with_another_length,
    "twice": lambda _, octets: octets + octets,
}


def mutated(rng: random.Random) -> tuple[str, bytes]:
    """A valid request with something done to it, and what."""
    kind = rng.choice(tuple(MUTATIONS))
    return kind, MUTATIONS[kind](rng, valid_request(rng))


def as_stream(offset: int, body: bytes) -> bytes:
    """A request as one of a stream: its first events where a stream has them."""
    return b"\x08" + varint(offset) + body.replace(b"\x0a", b"\x12", 1)


def invalid_utf8() -> Iterator[tuple[str, bytes]]:
    """For every string field of an event, a request in which it is no UTF-8."""
    for path, event in _with_bad_text(event_pb2.Event.DESCRIPTOR):
        yield path, request(an_event().SerializeToString() + event)


def _with_bad_text(message: Descriptor, above: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    for one in message.fields:
        if one.type == FieldDescriptor.TYPE_STRING:
            yield one.name, field(one.number, b"\xff\xfe" + PHONE.encode() + b"\xc3")
        elif one.message_type is not None and one.message_type.full_name not in above:
            for path, inner in _with_bad_text(one.message_type, (*above, message.full_name)):
                yield f"{one.name}.{path}", field(one.number, inner)


def _event(*more: bytes) -> bytes:
    return an_event().SerializeToString() + b"".join(more)


def _custom(properties: bytes) -> bytes:
    return _event(field(36, field(1, b"x") + field(2, properties)))


def _nested(levels: int, kind: int) -> bytes:
    """A Struct that holds itself so often: 5 in Structs, 6 in lists."""
    value = field(3, PHONE.encode())
    for _ in range(levels):
        value = field(5, field(1, field(1, b"k") + field(2, value))) if kind == 5 else field(6, field(1, value))
    return field(1, field(1, b"k") + field(2, value))


def _doubles(latitude: float) -> bytes:
    location = struct.pack("<BdBd", 1 << 3 | 1, latitude, 2 << 3 | 1, latitude)
    return _event(field(6, field(4, location)))


def request_of(size: int) -> bytes:
    """A request of so many bytes, more than 2 MiB, most of them in a text."""
    event = _event()
    tags_and_lengths = 16
    return request(event + field(28, field(2, b"a" * (size - len(event) - tags_and_lengths))))


def zeros_gzipped(megabytes: int) -> bytes:
    """The beginning of a gzip stream of so many megabytes of zeros, a thousandth as long."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, block = (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + block * (megabytes - 1)


def _crowded() -> dict[str, bytes]:
    """Events that hold far too much of something, by what it is; each of about 200 KB."""
    labels = b"".join(field(3, field(1, b"%x" % n)) for n in range(20_000))
    many = 100_000
    return {
        "entries of a struct": _custom(_crowded_struct(15_000)),
        "values of a list": _custom(field(1, field(1, b"k") + field(2, field(6, b"\x0a\x00" * many)))),
        "labels": _event(field(36, field(1, b"x") + labels)),
        "identifiers": _event(b"\x22\x00" * many),
        "purposes": _event(field(5, field(1, b"\x02" * 2 * many))),
        "unknown fields": _event(b"\xc0\x3e\x01" * 60_000),
        "unknown groups": _event(b"\xc3\x3e\xc4\x3e" * 50_000),
        "bodies": _event(field(20, field(1, b"https://shop.example.com/")) * 6000),
        "texts of 8,000 characters": _custom(field(1, field(1, b"k") + field(2, field(3, _TEXT.encode() * 80)))),
        "digits": _event(field(28, b"\x08\x01" + field(2, b"1 3 8 0 " * 1000))),
    }


@cache
def monsters() -> dict[str, bytes]:
    """Requests beyond every limit, or just below so many of them, by name."""
    crowded = _crowded()
    return {
        "nothing": b"",
        "1001 events": request(*[_event()] * 1001),
        "two million empty events": b"\x0a\x00" * (2 * MIB - 1000),
        "a million fields beside the events": request(_event()) + b"\xc0\x3e\x01" * MIB,
        "4 MiB": request_of(4 * MIB),
        "4 MiB and a byte": request_of(4 * MIB + 1),
        "more than the transport takes": request_of(17 * MIB),
        "a struct 10,000 deep": request(_custom(_nested(10_000, 5))),
        "a struct 30 deep": request(_custom(_nested(30, 5))),
        "a list 10,000 deep": request(_custom(_nested(10_000, 6))),
        "groups 10,000 deep": request(_event(b"\xc3\x3e" * 10_000 + b"\xc4\x3e" * 10_000)),
        "a group that ends before it began": request(_event(b"\xc4\x3e")),
        "a varint of eleven bytes": request(_event(b"\x10" + b"\x80" * 10 + b"\x01")),
        "an enum far out": request(_event(b"\x10" + varint(2**31), field(36, field(1, b"x")))),
        "an enum below zero": request(_event(b"\x10" + varint(2**64 - 1))),
        "not a number": request(_doubles(float("nan"))),
        "infinity": request(_doubles(float("inf")), _doubles(float("-inf"))),
        "the end of time": request(_event(b"\x19" + b"\xff" * 8), _event(b"\x19" + bytes(8))),
        "a thousand broken events": request(*[_event(b"\x22\x00" * 300)] * 1000),
        **{f"too many {name} in every event": _as_many_as_fit(event) for name, event in crowded.items()},
        "too many entries of a struct in one event": request(_custom(_crowded_struct(250_000))),
    }


def _crowded_struct(entries: int) -> bytes:
    return b"".join(field(1, field(1, b"%x" % n) + field(2, b"\x20\x01")) for n in range(entries))


def _as_many_as_fit(event: bytes) -> bytes:
    """As many of these events as a request may hold."""
    return request(*[event] * min(1000, (4 * MIB - 1000) // (len(event) + 5)))
