"""Checksums that tell a number of a kind from other digits."""

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"


def is_resident_id(text: str) -> bool:
    """Say whether text is a Chinese resident id of 18 places by its check digit (GB 11643-1999, ISO 7064 MOD 11-2).

    >>> is_resident_id("11010519491231002X")
    True
    """
    compact = text.replace(" ", "").replace("-", "").upper()
    if len(compact) != 18:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, compact, strict=False))
    return _ID_CHECK[total % 11] == compact[17]


def is_card(text: str) -> bool:
    """Say whether text is a payment card number: 13 to 19 digits of a known first digit, Luhn valid (ISO/IEC 7812-1).

    >>> is_card("4111 1111 1111 1111")
    True
    """
    digits = [int(c) for c in text if c.isascii() and c.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (2, 3, 4, 5, 6, 9) or len(set(digits)) == 1:
        return False
    doubled = (d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0
