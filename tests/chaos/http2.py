"""HTTP/2 connections whose frames are written by hand: slow, greedy, deaf or broken in ways no library allows."""

import asyncio
import contextlib
import struct
from collections import defaultdict
from collections.abc import Sequence

COLLECT = "/mangrove.collector.v1.CollectorService/Collect"
COLLECT_STREAM = "/mangrove.collector.v1.CollectorService/CollectStream"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
_INITIAL_WINDOW = 0x4
_WINDOW = 65_535
_LARGEST_FRAME = 16_384

Metadata = Sequence[tuple[str, bytes | str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values: int) -> bytes:
    """A SETTINGS frame; `initial_window=0` lets the other side send no DATA."""
    held = [struct.pack(">HI", _INITIAL_WINDOW, values["initial_window"])] if "initial_window" in values else []
    return frame(SETTINGS, 0, 0, b"".join(held))


def header_block(metadata: Metadata) -> bytes:
    """Headers as HPACK literals that neither side remembers."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in metadata)


def _text(text: bytes | str) -> bytes:
    octets = text.encode() if isinstance(text, str) else text
    length = len(octets)
    if length < 127:
        return bytes([length]) + octets
    packed, rest = bytearray([127]), length - 127
    while rest >= 128:
        packed.append(rest % 128 + 128)
        rest //= 128
    return bytes([*packed, rest]) + octets


def call_headers(path: str, metadata: Metadata = ()) -> list[tuple[str, bytes | str]]:
    """What a gRPC call begins with."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "127.0.0.1"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *metadata,
    ]


def message(body: bytes, *, length: int | None = None, compressed: bool = False) -> bytes:
    """A message of gRPC; `length` is what its prefix claims instead of the truth."""
    return struct.pack(">BI", compressed, len(body) if length is None else length) + body


class RawConnection:
    """A client's connection that keeps to the server's flow control and to nothing else.

    Attributes:
        ended: The streams that the server ended, with headers or a reset.
        closed: Whether the server closed the connection.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._room: defaultdict[int, int] = defaultdict(lambda: self._first_room)
        self._first_room = _WINDOW
        self._room[0] = _WINDOW
        self._grown = asyncio.Event()
        self.ended: set[int] = set()
        self.closed = False
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, **values: int) -> "RawConnection":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PREFACE + settings(**values))
        return cls(reader, writer)

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    def call(self, stream: int, path: str, metadata: Metadata = (), *, ends: bool = False) -> None:
        """Begin a call."""
        flags = END_HEADERS | (END_STREAM if ends else 0)
        self.write(frame(HEADERS, flags, stream, header_block(call_headers(path, metadata))))

    async def send(self, stream: int, octets: bytes, *, ends: bool = False) -> None:
        """Send DATA as the server gives room for it; stop when it ended the stream."""
        rest = memoryview(octets)
        while rest and not self.closed and stream not in self.ended:
            room = min(self._room[0], self._room[stream], _LARGEST_FRAME, len(rest))
            if room <= 0:
                self._grown.clear()
                await self._grown.wait()
                continue
            part, rest = rest[:room], rest[room:]
            self._room[0] -= room
            self._room[stream] -= room
            self.write(frame(DATA, END_STREAM if ends and not rest else 0, stream, bytes(part)))
            with contextlib.suppress(OSError):
                await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await self._task

    async def _read(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                self._take(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        self.closed = True
        self._grown.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._room[stream] += int.from_bytes(payload, "big")
        elif kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
            self.ended.add(stream)
        self._grown.set()

    def _take_settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _INITIAL_WINDOW:
                for stream in self._room.keys() - {0}:
                    self._room[stream] += value - self._first_room
                self._first_room = value
        self.write(frame(SETTINGS, ACK, 0))
