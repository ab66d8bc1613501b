"""What personal data looks like: patterns, checksums and cues, Chinese and English.

Every pattern is matched on folded text (see `fold`), starts at a boundary and has bounded or
short runs, so that matching stays linear in the text's length.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from privacy.masking import old_names as names
from privacy.masking.checksums import is_card, is_resident_id

_FOLDED = {0xFF01 + i: 0x21 + i for i in range(94)} | {
    0x3000: 0x20,
    0x00A0: 0x20,
    0x2010: 0x2D,
    0x2011: 0x2D,
    0x2012: 0x2D,
    0x2013: 0x2D,
    0x2014: 0x2D,
    0x2212: 0x2D,
}


def fold(text: str) -> str:
    """Return the text with full-width forms, odd spaces and dashes as ASCII, character for character.

    Offsets into the folded text are offsets into the original.

    >>> fold("电话１３８－００１３")
    '电话138-0013'
    """
    return text if text.isascii() else text.translate(_FOLDED)


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to recognise one entity.

    `group` is the part of the match that is personal; `accept` sees that part and has the last word;
    `priority` decides the entity's name where detections overlap, smaller first; every text with a match
    contains one of `hints` in lower case, or, where there are none, something that fits `NUMERIC`.
    """

    entity: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...]
    priority: int
    group: int = 0
    accept: Callable[[str], bool] | None = None


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def _is_phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(c.isalnum() for c in text)


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


NUMERIC = r"(?:[0-9][ ().-]{0,3}){8}|[0-9]\.[0-9]|:[0-9a-f]{0,4}:"
"""What every lower-cased text with a number has: eight digits, or the dots and colons of an address."""

_HEXTET = "[0-9A-Fa-f]{1,4}"
_PLATE_REGION = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE_HINTS = tuple(f"{region}{letter}" for region in _PLATE_REGION for letter in "abcdefghjklmnpqrstuvwxyz")
_HANDLE_CUE = (
    r"(?:微信|weixin|wechat|(?<![a-z])[wv]x|v信|QQ|微博|weibo|企鹅)(?:号码|号|id|账号|帐号)?\s*(?:[:是为]|is)?\s*"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "CN_RESIDENT_ID",
        re.compile(
            r"(?<![0-9])[1-9][0-9]{5}[ -]?(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
            r"[ -]?[0-9]{3}[0-9Xx](?![0-9])"
        ),
        hints=(),
        priority=1,
        accept=is_resident_id,
    ),
    Rule(
        "CREDIT_CARD",
        re.compile(r"(?<![0-9])(?:[0-9][ -]?){12,18}[0-9](?![0-9])"),
        hints=(),
        priority=2,
        accept=is_card,
    ),
    Rule(
        "CREDIT_CARD",
        re.compile(r"(?<![0-9])(?:[0-9]{4}[ -]?){3}[0-9]{4}(?![0-9])"),
        hints=(),
        priority=2,
        accept=is_card,
    ),
    Rule(
        "CREDIT_CARD",
        re.compile(r"(?<![0-9])[0-9]{13,19}(?![0-9])"),
        hints=(),
        priority=2,
        accept=is_card,
    ),
    Rule(
        "EMAIL_ADDRESS",
        re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}"),
        hints=("@",),
        priority=3,
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![0-9])(?:(?:\+|00)?86[ -]?)?1[3-9][0-9](?:[ -]{0,3}[0-9]){8}(?![0-9])"),
        hints=(),
        priority=4,
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![0-9])\(?0[1-9][0-9]{1,2}\)?[ -]{0,2}[2-9][0-9]{2,3}[ -]?[0-9]{4}(?![0-9])"),
        hints=(),
        priority=4,
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![0-9+])\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9])"),
        hints=(),
        priority=4,
        accept=_is_phone,
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![0-9])(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}(?![0-9])"),
        hints=(),
        priority=4,
    ),
    Rule(
        "IP_ADDRESS",
        re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])"),
        hints=(),
        priority=5,
        accept=_is_ip,
    ),
    Rule(
        "IP_ADDRESS",
        re.compile(
            rf"(?<![A-Za-z0-9_.])(?:{_HEXTET}(?::{_HEXTET}){{7}}|"
            rf"(?:{_HEXTET}(?::{_HEXTET}){{0,6}})?::(?:{_HEXTET}(?::{_HEXTET}){{0,6}})?)(?![A-Za-z0-9_])(?!:[0-9A-Fa-f])"
        ),
        hints=(),
        priority=5,
        accept=_is_ip,
    ),
    Rule(
        "CN_LICENSE_PLATE",
        re.compile(
            rf"[{_PLATE_REGION}][A-HJ-NP-Z][·•. -]?"
            "(?:[A-HJ-NP-Z0-9]{6}|[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学警港澳])(?![A-Za-z0-9])",
            re.IGNORECASE,
        ),
        hints=_PLATE_HINTS,
        priority=6,
        accept=_has_digit,
    ),
    Rule(
        "SOCIAL_HANDLE",
        re.compile(_HANDLE_CUE + r"([a-z][a-z0-9_-]{5,19}|[1-9][0-9]{4,11})(?![a-z0-9_-])", re.IGNORECASE),
        hints=("微信", "微博", "wx", "vx", "v信", "qq", "wei", "wec", "企鹅"),
        priority=7,
        group=1,
    ),
    Rule(
        "SOCIAL_HANDLE",
        re.compile(r"(?<![A-Za-z0-9._%+-])@[A-Za-z0-9_]{3,30}(?![A-Za-z0-9_.-]*@)"),
        hints=("@",),
        priority=7,
    ),
    *(
        Rule("PERSON", pattern, hints=hints, priority=8, group=1, accept=accept)
        for pattern, hints, accept in names.PATTERNS
    ),
)
"""All rules, in the order of their priority."""
