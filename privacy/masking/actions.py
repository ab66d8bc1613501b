"""What stands in the place of what was found: a placeholder, a keyed token, a documented little, or nothing."""

import re
from collections.abc import Callable
from enum import StrEnum

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

WITHHELD, NUMBER = "<WITHHELD>", "<NUMBER>"
"""Stand for a text that could not be searched, and for a number too large to be exact."""

PLACEHOLDER_NAME = re.compile("[A-Z][A-Z0-9_]{0,39}")


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


def domain_part(value: str) -> str | None:
    """Keep an e-mail's domain, unless it holds digits enough to be a number."""
    domain = value.rpartition("@")[2].lower()
    readable = re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,4}", domain)
    return f"*@{domain}" if readable and sum(c.isdigit() for c in domain) < 5 else None


def _first(value: str) -> str | None:
    """Keep the surname's first character of a Chinese name, the initial of any other."""
    letters = [c for c in value if c.isalpha()]
    return f"{letters[0].upper()}*" if len(letters) > 1 else None


LAST_FOUR = ("PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "ORDER_NUMBER")
LAST_TWO = ("CN_RESIDENT_ID", "PASSPORT", "CN_TRAVEL_PERMIT")

PARTIAL: dict[str, Callable[[str], str | None]] = {
    "PHONE_NUMBER": _last(4, 7),
    "CREDIT_CARD": _last(4, 12),
    "IBAN_CODE": _last(4, 14),
    "US_SSN": _last(4, 9),
    "ORDER_NUMBER": _last(4, 8),
    "CN_RESIDENT_ID": _last(2, 15),
    "PASSPORT": _last(2, 7),
    "CN_TRAVEL_PERMIT": _last(2, 7),
    "EMAIL_ADDRESS": domain_part,
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
    name = entity if PLACEHOLDER_NAME.fullmatch(entity) else "PERSONAL"
    kept = None
    if action is Action.TOKEN and tokens is not None:
        kept = tokens.token(TOKEN_TYPES[entity], as_meant(entity, value))
    elif action is Action.PARTIAL:
        kept = PARTIAL[entity](as_meant(entity, value))
    return f"<{name}:{kept}>" if kept else f"<{name}>"
