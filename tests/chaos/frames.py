"""Octets that no gRPC client sends: other protocols, broken frames, floods, headers that are odd or far too many."""

import contextlib
import random
import ssl
import struct
from collections.abc import Iterator, Sequence

from tests.chaos.hostile import HEADER, MIB, valid_request
from tests.chaos.http2 import (
    COLLECT,
    COLLECT_STREAM,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    HEALTH_CHECK,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    call_headers,
    frame,
    header_block,
    message,
    settings,
)

_PRIORITY, _PUSH_PROMISE, _CONTINUATION = 0x2, 0x5, 0x9
_HELLO = PREFACE + settings()


def client_hello() -> bytes:
    """What a TLS client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="collector.example.com").do_handshake()
    return outgoing.read()


def _headers(stream: int, block: bytes, flags: int = END_HEADERS | END_STREAM) -> bytes:
    return _HELLO + frame(HEADERS, flags, stream, block)


def _whole_block(stream: int, block: bytes) -> bytes:
    """A header block of any length, in as many frames as it takes."""
    first, rest = block[:16_384], block[16_384:]
    parts = [rest[at : at + 16_384] for at in range(0, len(rest), 16_384)]
    octets = _HELLO + frame(HEADERS, END_STREAM | (0 if parts else END_HEADERS), stream, first)
    for number, part in enumerate(parts, 1):
        octets += frame(_CONTINUATION, END_HEADERS if number == len(parts) else 0, stream, part)
    return octets


def broken_connections(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """What is sent on a fresh connection, by name."""
    yield "random octets", rng.randbytes(5000)
    yield "HTTP/1.1", f"POST {COLLECT} HTTP/1.1\r\nHost: x\r\nAuthorization: {HEADER}\r\n\r\n".encode()
    yield "TLS on the plain port", client_hello()
    yield "half a preface", PREFACE[:10]
    yield "random frames", _HELLO + b"".join(_random_frame(rng) for _ in range(200))
    yield "a frame of 16 MB", _HELLO + b"\xff\xff\xff" + bytes(6) + rng.randbytes(100_000)
    yield from _broken_frames()
    yield from _floods()
    yield from _broken_blocks()


def mutated_connection(rng: random.Random, metadata: Sequence[tuple[str, str]]) -> bytes:
    """Some valid calls on one connection, of which a few octets were changed, cut off, repeated or put in."""
    octets = _HELLO
    for number in range(rng.randint(1, 3)):
        stream, path = 2 * number + 1, rng.choice((COLLECT, COLLECT_STREAM, HEALTH_CHECK))
        octets += frame(HEADERS, END_HEADERS, stream, header_block(call_headers(path, metadata)))
        octets += frame(DATA, END_STREAM, stream, message(valid_request(rng))[:16_000])
    for _ in range(rng.choice((1, 1, 3, 10))):
        at, length = rng.randrange(len(octets)), rng.choice((0, 1, 9, 100))
        piece = rng.choice((rng.randbytes(length), octets[at : at + length] * 2, b"", _random_frame(rng)))
        octets = octets[:at] + piece + octets[at + length :]
    return octets


def _random_frame(rng: random.Random) -> bytes:
    kind = rng.choice((*range(10), 0xFA))
    return frame(kind, rng.randrange(256), rng.choice((0, 1, 2, 3, 2**31 - 1)), rng.randbytes(rng.randrange(64)))


def _broken_frames() -> Iterator[tuple[str, bytes]]:
    call = header_block(call_headers(COLLECT))
    yield "DATA of no stream", _HELLO + frame(DATA, 0, 0, b"x")
    yield "DATA of an idle stream", _HELLO + frame(DATA, 0, 5, b"x")
    yield "HEADERS of no stream", _headers(0, call)
    yield "a stream of even number", _headers(2, call)
    yield "streams that go backwards", _headers(9, call) + frame(HEADERS, END_HEADERS, 3, call)
    yield "padding longer than the frame", _HELLO + frame(HEADERS, END_HEADERS | 0x8, 1, b"\xff" + call)
    yield "a window of nothing more", _HELLO + frame(WINDOW_UPDATE, 0, 0, bytes(4))
    yield "a window that overflows", _HELLO + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 3
    yield "settings of odd length", _HELLO + frame(SETTINGS, 0, 0, b"\x00" * 5)
    yield "an initial window too large", _HELLO + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 2**32 - 1))
    yield "a promise of a client", _HELLO + frame(_PUSH_PROMISE, END_HEADERS, 1, bytes(4) + call)
    yield "a stream that waits for itself", _HELLO + frame(_PRIORITY, 0, 1, struct.pack(">IB", 1, 0))
    yield "a continuation of nothing", _HELLO + frame(_CONTINUATION, END_HEADERS, 1, call)
    yield "farewell, then a call", _HELLO + frame(GOAWAY, 0, 0, bytes(8)) + frame(HEADERS, END_HEADERS, 1, call)
    yield "a message without its end", _headers(1, call, END_HEADERS) + frame(DATA, END_STREAM, 1, message(b"")[:3])
    yield (
        "a message of a negative length",
        _headers(1, call, END_HEADERS) + frame(DATA, END_STREAM, 1, message(b"x", length=2**32 - 1)),
    )


def _floods() -> Iterator[tuple[str, bytes]]:
    call = header_block(call_headers(COLLECT))
    yield "10,000 settings", _HELLO + settings() * 10_000
    yield "10,000 pings", _HELLO + frame(PING, 0, 0, bytes(8)) * 10_000
    yield "10,000 empty frames", _headers(1, call, END_HEADERS) + frame(DATA, 0, 1) * 10_000
    yield (
        "2,000 calls, each reset at once",
        _HELLO
        + b"".join(
            frame(HEADERS, END_HEADERS, number, call) + frame(RST_STREAM, 0, number, bytes(4))
            for number in range(1, 4001, 2)
        ),
    )
    yield (
        "headers without an end",
        _HELLO
        + frame(HEADERS, 0, 1, call)
        + (frame(_CONTINUATION, 0, 1, header_block([("x-more", HEADER * 700)])) * 2000),
    )


def _broken_blocks() -> Iterator[tuple[str, bytes]]:
    call = header_block(call_headers(COLLECT))
    yield "an index of no header", _headers(1, b"\xff\xff\xff\xff\x0f")
    yield "an integer without an end", _headers(1, call + b"\x7f" + b"\xff" * 100)
    yield "a huge table", _headers(1, b"\x3f\xff\xff\xff\x7f" + call)
    yield "a name of nothing", _headers(1, call + header_block([("", "x")]))
    yield "broken Huffman code", _headers(1, call + b"\x00\x84\xff\xff\xff\xff\x84\xff\xff\xff\xff")
    # One header of 4,000 octets is remembered, and then referred to 16,000 times with one octet each.
    remembered = b"\x40" + header_block([("x-bomb", "x" * 3900)])[1:]
    yield "a bomb of headers", _whole_block(1, call + remembered + b"\xbe" * 16_000)


def odd_metadata() -> Iterator[tuple[str, list[tuple[str, bytes | str]]]]:
    """Headers of calls, by name; all hold the planted header."""
    key = f"Bearer {HEADER}"
    usual = call_headers(COLLECT)
    yield "10,000 keys", [*usual, *[("authorization", key)] * 10_000]
    yield "two keys", [*usual, ("authorization", key), ("authorization", f"Bearer other-{HEADER}")]
    yield "a key of 1 MB", [*usual, ("authorization", key + "x" * MIB)]
    yield "a key of 6 KB", [*usual, ("authorization", key + "x" * 6000)]
    yield "a key that is no text", [*usual, ("authorization", b"Bearer \xff\xfe" + HEADER.encode())]
    yield "a key of other scripts", [*usual, ("authorization", f"Bearer 钥匙{HEADER}")]
    yield "a key of two lines", [*usual, ("authorization", f"{key}\r\nx: {HEADER}\x00")]
    yield "a name with capitals", [*usual, ("Authorization", key)]
    yield "binary that is no base64", [*usual, ("x-odd-bin", f"!!{HEADER}!!")]
    yield "a deadline that is none", [*usual, ("grpc-timeout", HEADER)]
    yield "a deadline far out", [*usual, ("grpc-timeout", "99999999999999999999H")]
    yield "a deadline that is over", [*usual, ("grpc-timeout", "0n")]
    yield "a compression that is none", [*usual, ("grpc-encoding", HEADER)]
    yield "a trace that is none", [*usual, ("traceparent", HEADER), ("tracestate", HEADER)]
    yield "another content type", [*usual[:5], ("content-type", f"text/html; {HEADER}")]
    yield "no content type", usual[:5]
    yield "another verb", [(":method", "GET"), *usual[1:]]
    yield "no path", [*usual[:2], *usual[3:]]
    yield "two paths", [*usual[:3], (":path", f"/{HEADER}"), *usual[3:]]
    yield "a path of no service", call_headers(f"/{HEADER}/{HEADER}")
    yield "a path that climbs", call_headers(f"{COLLECT}/../{HEADER}?x={HEADER}")
    yield "a path that is no text", [*usual[:2], (":path", b"/\xff\xfe" + HEADER.encode()), *usual[3:]]
    yield "a path of 60 KB", call_headers("/" + HEADER * 3000)
    yield "an unknown pseudo-header", [*usual, (":planted", HEADER)]
    yield "a body of another length", [*usual, ("content-length", "5")]


def octets_of(metadata: list[tuple[str, bytes | str]]) -> bytes:
    """A connection with one call of such headers and an empty message."""
    block = header_block(metadata)
    if len(block) > 16_384:
        return _whole_block(1, block)
    return _headers(1, block, END_HEADERS) + frame(DATA, END_STREAM, 1, message(b""))
