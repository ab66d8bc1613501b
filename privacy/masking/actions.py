"""What stands in the place of what was found: a placeholder, a keyed token, a documented little, or nothing."""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache

from privacy.masking.written import as_meant, digits_of
from privacy.pseudonyms import Pseudonymiser

TOKEN_TYPES = {
    "PHONE_NUMBER": "phone",
    "CN_RESIDENT_ID": "resident_id",
    "PASSPORT": "passport",
    "CN_TRAVEL_PERMIT": "travel_permit",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "MAC_ADDRESS": "mac",
    "IMEI": "imei",
    "CN_LICENSE_PLATE": "plate",
    "SOCIAL_HANDLE": "social",
    "ORDER_NUMBER": "order",
    "ADDRESS": "address",
    "PERSON": "person",
    "DATE_OF_BIRTH": "birth_date",
    "PASSWORD": "password",
    "ONE_TIME_CODE": "one_time_code",
    "API_KEY": "api_key",
    "GEO_COORDINATES": "geo",
    "URL_PARAMETER": "url_parameter",
    "US_SSN": "ssn",
}
"""The type of pseudonym that each entity becomes; phones, e-mail, handles and orders join with identifiers."""

ENTITIES = tuple(TOKEN_TYPES)
"""Every entity that Mangrove looks for."""

WITHHELD, NUMBER = "<WITHHELD>", "<NUMBER>"
"""Stand for a text that could not be searched, and for a number too large to be exact."""

_PLACEHOLDER_NAME = re.compile("[A-Z][A-Z0-9_]{0,39}")


class Action(StrEnum):
    """What is done with an entity.

    REPLACE puts `<PHONE_NUMBER>`, TOKEN `<PHONE_NUMBER:phone.1.BASE32>`, PARTIAL `<PHONE_NUMBER:*8000>`; DROP puts
    nothing; KEEP leaves it, for order numbers only.
    """

    REPLACE = "replace"
    TOKEN = "token"  # noqa: S105 - the name of an action
    PARTIAL = "partial"
    DROP = "drop"
    KEEP = "keep"


def _last(count: int, at_least: int) -> Callable[[str], str | None]:
    """Keep the last characters of a value that has more than enough others."""

    def keep(value: str) -> str | None:
        compact = "".join(c for c in digits_of(value) if c.isascii() and c.isalnum())
        return f"*{compact[-count:].upper()}" if len(compact) >= at_least else None

    return keep


def _domain(value: str) -> str | None:
    """Keep an e-mail's domain, unless it holds digits enough to be a number."""
    domain = value.rpartition("@")[2].lower()
    readable = re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,4}", domain)
    return f"*@{domain}" if readable and sum(c.isdigit() for c in domain) < 5 else None


def _first(value: str) -> str | None:
    """Keep the surname's first character of a Chinese name, the initial of any other."""
    letters = [c for c in value if c.isalpha()]
    return f"{letters[0].upper()}*" if len(letters) > 1 else None


PARTIAL: dict[str, Callable[[str], str | None]] = {
    "PHONE_NUMBER": _last(4, 7),
    "CREDIT_CARD": _last(4, 12),
    "IBAN_CODE": _last(4, 14),
    "US_SSN": _last(4, 9),
    "ORDER_NUMBER": _last(4, 8),
    "CN_RESIDENT_ID": _last(2, 15),
    "PASSPORT": _last(2, 7),
    "CN_TRAVEL_PERMIT": _last(2, 7),
    "EMAIL_ADDRESS": _domain,
    "PERSON": _first,
}
"""What stays of an entity under PARTIAL, None where the value is too short to lose the rest.

Four last digits are what banks and shops print of cards, accounts and phones. Of an id only two stay: its last four
serve as a password in many places, its first six are a region and the next eight a birthday.
"""


def stand_in(action: Action, entity: str, value: str, tokens: Pseudonymiser | None) -> str:
    """Return what stands in the place of a value.

    A token that cannot be made (a value that stands for none, such as 11111111111) and a part that would be too
    much are a plain placeholder.

    Args:
        action: Any but KEEP.
        entity: What the value is.
        value: The value as it was written, in any disguise.
        tokens: Makes tokens; only asked with TOKEN.
    """
    if action is Action.DROP:
        return ""
    name = entity if _PLACEHOLDER_NAME.fullmatch(entity) else "PERSONAL"
    kept = None
    if action is Action.TOKEN and tokens is not None:
        kept = tokens.token(TOKEN_TYPES[entity], as_meant(entity, value))
    elif action is Action.PARTIAL:
        kept = PARTIAL[entity](as_meant(entity, value))
    return f"<{name}:{kept}>" if kept else f"<{name}>"


@cache
def _placeholders(own: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join((*ENTITIES, *own, "PERSONAL", "NUMBER", "WITHHELD"))
    tokens = "|".join(f"{entity}:{kind}" for entity, kind in TOKEN_TYPES.items())
    # 52 characters of base32 hold 260 bits, of which the last four of an HMAC-SHA256 are zero.
    return re.compile(
        f"<(?:(?P<token>(?:{tokens})\\.[1-9][0-9]{{0,2}}\\.[A-Z2-7]{{51}}[AQ])>|(?:{names})>"
        f"|(?P<domain>EMAIL_ADDRESS:\\*@))"
    )


def own_marks(text: str, own: tuple[str, ...] = ()) -> tuple[str, list[tuple[int, int]]]:
    """Return a text whose tokens look like placeholders, and where placeholders and tokens stand.

    Only what has the exact form of ours counts: `<PHONE_NUMBER:13800138000>` hides nothing. The text returned has
    the same length; tokens are blotted out in it, because their letters and digits say nothing, and so is the @ of an
    e-mail's domain that stayed.

    Args:
        text: Any text.
        own: Entities beside ours.
    """
    if "<" not in text:
        return text, []
    marks: list[tuple[int, int]] = []

    def blotted(mark: re.Match[str]) -> str:
        if mark["domain"]:
            return mark.group().replace("@", "_")
        marks.append(mark.span())
        if not mark["token"]:
            return mark.group()
        entity = mark["token"].partition(":")[0]
        return f"<{entity}".ljust(len(mark.group()) - 1, "_") + ">"

    return _placeholders(own).sub(blotted, text), marks
