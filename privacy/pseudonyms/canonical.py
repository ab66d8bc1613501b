"""One written form for an identifier, so that the same person gets the same pseudonym on every channel."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable

import phonenumbers

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_CHINESE_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_SEPARATORS = re.compile(r"[\s().\-/]")
_WITHOUT_MARKS = str.maketrans("", "", ".-_")
_PLACEHOLDERS = frozenset(
    {
        "",
        "-",
        "null",
        "none",
        "nil",
        "nan",
        "undefined",
        "unknown",
        "anonymous",
        "guest",
        "n/a",
        "na",
        "test",
        "未知",
        "无",
        "匿名",
        "暂无",
    }
)
# RFC 2142 and what companies add to it: many people read these, or nobody.
_ROLES = frozenset(
    {
        *("abuse", "admin", "administrator", "billing", "contact", "customercare", "customerservice", "donotreply"),
        *("feedback", "hello", "help", "helpdesk", "hostmaster", "hr", "info", "jobs", "kefu", "mail", "mailerdaemon"),
        *("marketing", "news", "newsletter", "noc", "noreply", "nobody", "office", "orders", "postmaster", "press"),
        *("root", "sales", "security", "service", "shop", "support", "webmaster", "客服", "售后"),
    }
)
_HOTLINE = re.compile(r"\+86(?:[48]00[0-9]{7}|10[0-9]{3}|9[56][0-9]{3,4}|12[0-9]{3}|1[12][0-9])")


def canonicalise(identifier_type: str, value: str) -> str:
    """Return the canonical form of an identifier.

    NFKC without invisible characters for all; E.164 for phones (ITU-T E.164; national numbers are read as
    Chinese); lower case for e-mail, because no provider in use tells local parts apart by case; handles
    lose their @ and case. What cannot be read as a phone keeps its digits. Ids, cards, plates, addresses and their
    like, which only texts hold, keep what no way of writing them changes.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", value)).strip()
    if identifier_type == "phone":
        return _canonical_phone(text)
    if identifier_type == "email":
        return text.lower()
    if identifier_type == "social":
        return text.lstrip("@").lower()
    return _FORMS[identifier_type](text) if identifier_type in _FORMS else text


def is_placeholder(canonical: str) -> bool:
    """Say whether a canonical value stands for "no value": a null, a word for unknown, zero, 1111 and its like.

    Such a value names nobody; a token made from it would merge strangers.
    """
    folded = canonical.lower()
    core = "".join(c for c in folded.removeprefix("+86") if c.isalnum())
    repeated = core.isdigit() and len(set(core)) == 1 and (len(core) > 3 or core[0] == "0")
    return not core or repeated or folded.partition("@")[0] in _PLACEHOLDERS


def names_nobody(identifier_type: str, canonical: str) -> bool:
    """Say whether a canonical value is no one person's: a placeholder, a role account, a company's hotline.

    Args:
        identifier_type: Its type; roles are known of e-mail addresses, hotlines of phones (Chinese ones: 400 and 800
            numbers, short numbers).
        canonical: See `canonicalise`.
    """
    if identifier_type == "email":
        local = canonical.partition("@")[0].partition("+")[0]
        if local.translate(_WITHOUT_MARKS) in _ROLES:
            return True
    if identifier_type == "phone" and _HOTLINE.fullmatch(canonical):
        return True
    return is_placeholder(canonical)


def _canonical_phone(text: str) -> str:
    compact = _SEPARATORS.sub("", text)
    mobile = _CHINESE_MOBILE.fullmatch(compact)
    if mobile:
        return f"+86{mobile.group(1)}"
    try:
        parsed = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return compact
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _compact(text: str) -> str:
    return "".join(c for c in text if c.isalnum()).upper()


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


def _canonical_ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return text.lower()


def _canonical_date(text: str) -> str:
    """Year, month and day in that order where the text says them so or the other way round; else its digits."""
    compact = _digits(text)
    parts = [compact[:4], compact[4:6], compact[6:]] if len(compact) == 8 == len(text) else re.findall("[0-9]+", text)
    if len(parts) == 3 and len(parts[2]) == 4:
        parts.reverse()
    return "-".join(part.zfill(2) for part in parts) if len(parts) == 3 else compact


_FORMS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("card", "imei", "ssn"), _digits),
    **dict.fromkeys(("resident_id", "passport", "travel_permit", "iban", "mac", "plate"), _compact),
    **dict.fromkeys(("person", "address", "geo"), _words),
    "ip": _canonical_ip,
    "birth_date": _canonical_date,
}
