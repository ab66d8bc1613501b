"""Ways in which a value is written so that a filter does not see it, while a reader still does.

Each keeps the value: what is written is its disguise from the first to the last character, nothing around it.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

from privacy.masking.evaluation.entities import (
    CN_LICENSE_PLATE,
    CN_RESIDENT_ID,
    CREDIT_CARD,
    EMAIL_ADDRESS,
    IBAN_CODE,
    IP_ADDRESS,
    PHONE_NUMBER,
    SOCIAL_HANDLE,
)
from privacy.masking.evaluation.values import grouped

_NUMBERS = frozenset({PHONE_NUMBER, CN_RESIDENT_ID, CREDIT_CARD})
_LETTERED = frozenset({EMAIL_ADDRESS, IBAN_CODE, CN_LICENSE_PLATE, SOCIAL_HANDLE})
_MARKED = frozenset({EMAIL_ADDRESS, IP_ADDRESS, IBAN_CODE}) | _NUMBERS

DIGITS = {
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "parenthesised": "0⑴⑵⑶⑷⑸⑹⑺⑻⑼",
    "mathematical": "".join(chr(0x1D7CE + d) for d in range(10)),
    "monospaced": "".join(chr(0x1D7F6 + d) for d in range(10)),
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "arabic": "٠١٢٣٤٥٦٧٨٩",
    "persian": "۰۱۲۳۴۵۶۷۸۹",
    "devanagari": "०१२३४५६७८९",
    "chinese": "〇一二三四五六七八九",
    "radio": "洞幺二三四五六拐八勾",
    "financial": "零壹贰叁肆伍陆柒捌玖",
}
"""Other writings of the digits 0 to 9."""

_WORDS = "zero one two three four five six seven eight nine".split()
_INVISIBLE = {"zero-width": "\u200b\u200c\u200d\u2060\ufeff", "soft-hyphen": "\u00ad",
              "bidi": "\u200e\u200f\u202a\u2069"}  # fmt: skip
_SEPARATORS = {
    "dot": ".", "dash": "-", "slash": "/", "underscore": "_", "middle-dot": "·", "tilde": "~", "asterisk": "*",
    "space": " ", "wide-space": "\u3000", "long-dash": "—",
}  # fmt: skip
_LOOK_ALIKES = str.maketrans("aceiopxyABCEHKMOPTXY", "асеіорхуАВСЕНКМОРТХΥ")
_AT_DOT = {
    "english-words": (" at ", " dot "), "brackets": ("[at]", "[dot]"), "parentheses": ("(at)", "(dot)"),
    "chinese-words": ("艾特", "点"), "hash": ("#", "."), "mixed-words": (" AT ", "."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disguise:
    """One way of writing; `write` takes a plain value of one of `entities` and returns its disguise."""

    name: str
    entities: frozenset[str]
    write: Callable[[str, Random], str]


def _bare(value: str) -> str | None:
    """Return a number without what groups it; None if it is more than one number, as with an extension."""
    compact = value.translate({ord(c): None for c in " -()"})
    return compact if compact.isascii() and compact[1:-1].isdigit() else None


def _with_digits(writing: str, value: str, _: Random) -> str:
    return value.translate({ord("0") + d: c for d, c in enumerate(writing)})


def _mixed(value: str, rng: Random) -> str:
    """Write every other digit or so in some other writing."""
    writings = ["0123456789", *DIGITS.values()]
    return "".join(rng.choice(writings)[int(c)] if c.isascii() and c.isdigit() else c for c in value)


def _full_width(value: str, _: Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value)


def _sprinkled(marks: str, value: str, rng: Random) -> str:
    """Put invisible characters between the characters, here and there and at least once."""
    places = {place for place in range(1, len(value)) if rng.random() < 0.4} or {len(value) // 2}
    return "".join((rng.choice(marks) if place in places else "") + c for place, c in enumerate(value))


def _separated(separator: str, value: str, _: Random) -> str:
    """Put the separator where the value has one; where it has none, between the usual groups."""
    if any(c in " -" for c in value):
        return value.replace("-", separator).replace(" ", separator)
    country = next(
        (code for code in ("+86", "0086", "86") if value.startswith(code) and len(value) == len(code) + 11), ""
    )
    sizes = {11: (3, 4), 18: (6, 8, 4)}.get(len(value) - len(country), (4,))
    return (country + separator if country else "") + grouped(value.removeprefix(country), sizes, separator)


def _spaced_out(value: str, rng: Random) -> str:
    return rng.choice((" ", "-")).join(_bare(value) or [value])


def _escaped(shape: str, every: bool, value: str, rng: Random) -> str:
    """Write characters as escapes: every one, or the signs, and digits here and there and at least one."""
    return "".join(
        shape.format(ord(c)) if c.isascii() and (every or not c.isalnum() or place == 2 or rng.random() < 0.3) else c
        for place, c in enumerate(value)
    )


def _named(value: str, _: Random) -> str:
    return value.replace("@", "&commat;").replace(".", "&period;")


def _base64(value: str, _: Random) -> str:
    return base64.b64encode(value.encode()).decode()


def _base64_url(value: str, _: Random) -> str:
    """Write it as web tokens do, without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def _at_dot(at: str, dot: str, value: str, _: Random) -> str:
    local, _at, domain = value.partition("@")
    return f"{local}{at}{domain.replace('.', dot)}"


def _spoken(value: str, rng: Random) -> str:
    """Say the digits in English, 0 also as "oh", and two of the same also as "double"."""
    words: list[str] = []
    number = _bare(value)
    if number is None:
        return value
    place = 0
    while place < len(number):
        digit = number[place]
        word = (rng.choice(("zero", "oh")) if digit == "0" else _WORDS[int(digit)]) if digit.isdigit() else "plus"
        twice = number[place : place + 2] == digit * 2 and rng.random() < 0.6
        words += ["double", word] if twice else [word]
        place += 1 + twice
    return " ".join(words)


def _look_alike(value: str, _: Random) -> str:
    return value.translate(_LOOK_ALIKES)


def _quoted_printable(value: str, rng: Random) -> str:
    return "".join(f"={ord(c):02X}" if c.isascii() and rng.random() < 0.6 else c for c in value)


def _soft_break(break_: str, value: str, _: Random) -> str:
    cut = len(value) - 4
    return value[:cut] + break_ + value[cut:]


def _all() -> Iterable[Disguise]:
    for name, writing in DIGITS.items():
        yield Disguise(f"{name}-digits", _NUMBERS, partial(_with_digits, writing))
    yield Disguise("mixed-digits", _NUMBERS, _mixed)
    yield Disguise("full-width", _MARKED | _LETTERED, _full_width)
    for name, marks in _INVISIBLE.items():
        yield Disguise(name, _MARKED | _LETTERED, partial(_sprinkled, marks))
    for name, separator in _SEPARATORS.items():
        yield Disguise(f"separated-by-{name}", _NUMBERS, partial(_separated, separator))
    yield Disguise("spaced-out", _NUMBERS, _spaced_out)
    yield Disguise("spoken-english", frozenset({PHONE_NUMBER, CREDIT_CARD}), _spoken)
    yield Disguise("look-alikes", _LETTERED, _look_alike)
    for name, shape in (("percent", "%{:02X}"), ("double-percent", "%25{:02X}"), ("backslash-u", "\\u{:04x}"),
                        ("backslash-x", "\\x{:02x}"), ("html-decimal", "&#{};"), ("html-hex", "&#x{:X};")):  # fmt: skip
        yield Disguise(name, _MARKED, partial(_escaped, shape, False))
        yield Disguise(f"{name}-throughout", _MARKED, partial(_escaped, shape, True))
    yield Disguise("html-named", frozenset({EMAIL_ADDRESS}), _named)
    yield Disguise("base64", _MARKED, _base64)
    yield Disguise("base64-url", _MARKED, _base64_url)
    for name, (at, dot) in _AT_DOT.items():
        yield Disguise(f"at-dot-{name}", frozenset({EMAIL_ADDRESS}), partial(_at_dot, at, dot))
    yield Disguise("quoted-printable", _MARKED, _quoted_printable)
    yield Disguise("soft-line-break", _NUMBERS, partial(_soft_break, "=\n"))
    yield Disguise("mail-quote-break", _NUMBERS, partial(_soft_break, "\n> "))


DISGUISES: tuple[Disguise, ...] = tuple(_all())
"""Every disguise that the engine promises to see through, by itself."""


def disguise(name: str) -> Disguise:
    """Return the disguise of that name; KeyError if there is none."""
    return {d.name: d for d in DISGUISES}[name]
