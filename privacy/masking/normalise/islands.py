"""Finds texts written in base64 or hexadecimal inside other texts."""

import base64
import binascii
import re
import sys
from collections.abc import Iterator

SHORTEST = 12
PADDING = 2
ISLAND = re.compile("[A-Za-z0-9+/]{12,}={0,2}|[A-Za-z0-9_-]{24,}={0,2}")
"""Every text with an island matches it: SHORTEST characters or more, and up to PADDING signs of equality."""

_RUN = re.compile("(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile("(?:[0-9a-fA-F]{2}){7,}")
_UNSEEN = "\r\n\t\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u3000\ufeff"
_LONGEST = 1 << 20
_SHORTEST_HEX = 14


def islands(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[tuple[int, int, str]]:
    """Give (start, end, what it says) of each run in a part of a text that decodes to a readable text."""
    for match in _RUN.finditer(text, start, end):
        written = match.group()
        if len(written) > _LONGEST or (written.isdigit() and len(written) < _SHORTEST_HEX):
            continue
        for plain in (_from_base64(written), _from_hex(written)):
            if plain is not None:
                yield match.start(), match.end(), plain


def _from_base64(written: str) -> str | None:
    core = written.rstrip("=").replace("-", "+").replace("_", "/")
    if len(core) % 4 == 1 or core.isdigit() or (core.isalpha() and core.islower()):
        return None
    try:
        return _readable(base64.b64decode(core + "=" * (-len(core) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_hex(written: str) -> str | None:
    return _readable(bytes.fromhex(written)) if _HEX.fullmatch(written) else None


def _readable(plain: bytes) -> str | None:
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or all(c.isprintable() or c in _UNSEEN for c in text) else None
