"""Reads what is written in escapes: percent, backslash, HTML entities, quoted-printable, ligatures."""

import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from privacy.masking.normalise.fold import expands
from privacy.masking.normalise.reading import Reading

MAY_BE_ESCAPED = re.compile(
    r"%[0-9A-Fa-fu][0-9A-Fa-f]|\\[uUxnrt/\"0-7]|&#|&[A-Za-z]{2,31};|=[0-9A-F]{2}[^=\n]{0,8}=[0-9A-F]{2}|=\r?\n"
)
"""Every text with an escape matches it, but for characters that stand for several."""

# Compatibility characters that stand for several: ⑩ ⒛ ㏒ ﬁ ㍘ and their like. A look-alike of a ligature is enough
# for the automaton, which sees folded text.
LIGATURE = re.compile(
    "[\u2469-\u2473\u247d-\u2487\u2491-\u249b\u24eb-\u24f4\u24fe\u3200-\u33ff"
    "\ufb00-\ufb06\u20a8\u2100-\u2109\u2116\u2121]"
)

# Escapes are nested to hide; real texts go two deep (an encoded URL inside JSON).
_DEEPEST = 4

_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2}){1,400})"
    r"|(?P<wide>(?:(?:%u|\\u)[0-9A-Fa-f]{4}){1,200})"
    r"|\\(?:U(?P<long>[0-9A-Fa-f]{8})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\})"
    r"|(?P<bytes>(?:\\x[0-9A-Fa-f]{2}){1,400})"
    r"|\\(?P<octal>[0-3][0-7]{2})"
    r"|\\(?P<short>[nrt/\"])"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});?)"
)
_PRINTABLE = re.compile(r"(?P<printable>(?:=[0-9A-F]{2}){1,400})|(?P<soft>=\r?\n(?:[ \t]{0,3}>){0,9})")
_SHORT = {"n": "\n", "r": "\n", "t": " ", "/": "/", '"': '"'}


def readings(reading: Reading) -> Iterator[Reading]:
    """Give what a text says when its escapes are read, also nested ones; nothing if there are none.

    Quoted-printable is read apart from the rest: in a query of a URL "=13" is the beginning of a number.
    """
    plain = unescape(reading)
    if plain is not reading:
        yield plain
    printed = _unescaped(reading, _PRINTABLE)
    if printed is not reading:
        yield unescape(printed)


def unescape(reading: Reading) -> Reading:
    """Return the reading with escapes read, but for quoted-printable; the same object if there are none."""
    return _unescaped(reading, _ESCAPE)


def _unescaped(reading: Reading, escape: re.Pattern[str]) -> Reading:
    for _ in range(_DEEPEST):
        before = reading
        reading = reading.rewritten(escape, _read)
        if reading is before:
            break
    if LIGATURE.search(reading.text):
        reading = reading.rewritten(LIGATURE, lambda match: expands(match.group()) or None)
    return reading


def _read(match: re.Match[str]) -> str | None:
    kind = match.lastgroup or ""
    return _READERS[kind](match.group(kind))


def _bytes(written: str) -> str:
    return unquote_to_bytes(written.replace("\\x", "%").replace("=", "%")).decode("utf-8", "replace")


def _wide(written: str) -> str:
    units = bytes.fromhex("".join(written[i + 2 : i + 6] for i in range(0, len(written), 6)))
    return units.decode("utf-16-be", "replace")


def _code_point(written: str) -> str | None:
    code = int(written, 16)
    return chr(code) if code < 0x11_0000 else None


def _entity(written: str) -> str | None:
    plain = html.unescape(written)
    return plain if plain != written else None


_READERS: dict[str, Callable[[str], str | None]] = {
    "percent": _bytes,
    "bytes": _bytes,
    "printable": _bytes,
    "wide": _wide,
    "long": _code_point,
    "braced": _code_point,
    "octal": lambda written: chr(int(written, 8)),
    "short": lambda written: _SHORT[written],
    "entity": _entity,
    "soft": lambda _: "",
}
