"""Reads the bodies of requests: in time, never more bytes than allowed, unpacked without being blown up."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from starlette.requests import Request

from services.edge.errors import BodyMalformed, BodySlow, BodyTooLarge, EdgeFull, EncodingUnknown

MOST_HELD_BYTES = 64 * 1024 * 1024

_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """Reads bodies, and bounds what all requests together hold.

    Args:
        most_bytes: The most bytes of one body, as it comes and unpacked.
        receive_s: How long a body may take to arrive, in seconds.
        most_held_bytes: The most bytes of bodies that are held at once.
    """

    def __init__(self, most_bytes: int, receive_s: float, most_held_bytes: int = MOST_HELD_BYTES) -> None:
        self.most_bytes = most_bytes
        self._receive_s = receive_s
        self._free = most_held_bytes

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield a request's body, unpacked; it counts as held until the block is left.

        Raises:
            BodyTooLarge, BodySlow, BodyMalformed, EncodingUnknown, EdgeFull: if it cannot be had.
        """
        unpack = _unpacking(request.headers.get("content-encoding", ""))
        told = request.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told) > self.most_bytes:
            raise BodyTooLarge(self.most_bytes)
        held = 0
        try:
            parts: list[bytes] = []
            try:
                async with asyncio.timeout(self._receive_s):
                    async for part in request.stream():
                        held += self._hold(len(part))
                        if held > self.most_bytes:
                            raise BodyTooLarge(self.most_bytes)
                        parts.append(part)
            except TimeoutError:
                raise BodySlow from None
            body = b"".join(parts)
            if unpack:
                body = _gunzip(body, self.most_bytes)
                held += self._hold(len(body))
            yield body
        finally:
            self._free += held

    def _hold(self, size: int) -> int:
        if size > self._free:
            raise EdgeFull
        self._free -= size
        return size


def _unpacking(encoding: str) -> bool:
    match encoding.strip().lower():
        case "" | "identity":
            return False
        case "gzip" | "x-gzip":
            return True
    raise EncodingUnknown


def _gunzip(body: bytes, most_bytes: int) -> bytes:
    """Unpack one gzip member, and stop one byte behind what is allowed."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, most_bytes + 1)
    except zlib.error:
        raise BodyMalformed("The body is not gzip, although its Content-Encoding says so.") from None
    if len(plain) > most_bytes:
        raise BodyTooLarge(most_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise BodyMalformed("The body is not one whole gzip member. Send it again in full.")
    return plain


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object that a body is, whatever its content type says: browsers send it as plain text.

    Raises:
        BodyMalformed: if it is none.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BodyMalformed("The body is not JSON in UTF-8. See docs/edge.md for what each route takes.") from None
    if not isinstance(document, dict):
        raise BodyMalformed("The body is not a JSON object. See docs/edge.md for what each route takes.")
    return document
