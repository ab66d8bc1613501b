"""Checksums and registers that tell a number of a kind from other digits."""

from datetime import date

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
# Provinces of GB/T 2260, by their first two digits.
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
    " 91".split()
)
_LUHN_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))
_LUHN_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_MAESTRO = ("50", "56", "57", "58", "60", "63", "64", "65", "66", "67", "68", "69")
_MASTERCARD = (
    "51",
    "52",
    "53",
    "54",
    "55",
    "222",
    "223",
    "224",
    "225",
    "226",
    "227",
    "228",
    "229",
    "23",
    "24",
    "25",
    "26",
    "27",
)
_DINERS = ("30", "36", "38", "39")
_ISSUED: dict[int, tuple[str, ...]] = {
    12: ("5018", "5020", "5038", "5893", "6304", "6759", "6761", "6762", "6763"),
    13: ("4",),
    14: _DINERS,
    15: ("34", "37", "1800", "2131"),
    16: ("4", "35", "6", "9", *_DINERS, *_MASTERCARD, *_MAESTRO),
    17: ("62",),
    18: ("62",),
    19: ("4", "62", "35", "9", *_MAESTRO),
}
# ISO 13616 register: how long an IBAN of a country is.
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FO FI GL NL SD", "19": "MK SI", "20": "AT BA EE KZ XK LT LU MN",
        "21": "CR HR LV LI CH", "22": "BH BG GE DE IE ME RS GB VA", "23": "GI IQ IL OM SO TL AE",
        "24": "AD CZ MD PK RO SA SK ES SE TN VG", "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO SV GT HU LB NI PL", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def is_resident_id(compact: str) -> bool:
    """Say whether a text is a Chinese resident id (GB 11643-1999): province, day of birth, check digit.

    Args:
        compact: 18 places, checked by ISO 7064 MOD 11-2, or 15 of the old form, which has no check digit.

    >>> is_resident_id("11010519491231002X"), is_resident_id("110105491231002")
    (True, True)
    """
    if compact[:2] not in _PROVINCES:
        return False
    if len(compact) == 15:
        return compact.isdigit() and _is_day(1900 + int(compact[6:8]), compact[8:12])
    if len(compact) != 18 or not compact[:17].isdigit():
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, compact, strict=False))
    return _ID_CHECK[total % 11] == compact[17].upper() and _is_day(int(compact[6:10]), compact[10:14])


def _is_day(year: int, month_and_day: str) -> bool:
    try:
        date(year, int(month_and_day[:2]), int(month_and_day[2:]))
    except ValueError:
        return False
    return 1880 <= year <= 2099


def is_luhn(digits: str) -> bool:
    """Say whether digits pass the Luhn formula (ISO/IEC 7812-1, annex B).

    >>> is_luhn("4111111111111111"), is_luhn("4111111111111112")
    (True, False)
    """
    written = digits.encode()
    total = sum(written[-1::-2].translate(_LUHN_PLAIN)) + sum(written[-2::-2].translate(_LUHN_DOUBLED))
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Say whether digits are a payment card number: of a length that their first digits are given out with, Luhn valid.

    The register is ISO/IEC 7812's, as far as networks publish theirs: Visa, Mastercard, Amex, JCB, Diners, Discover,
    Maestro, UnionPay, and the mainland's older debit cards. Lengths that hardly a card has are left to barcodes.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    size = len(digits)
    if not 12 <= size <= 19 or not any(digits.startswith(first) for first in _ISSUED.get(size, ())):
        return False
    return len(set(digits)) > 1 and is_luhn(digits)


def is_imei(digits: str) -> bool:
    """Say whether digits are an IMEI: 15, Luhn valid, with a reporting body that gives them out (3GPP TS 23.003).

    >>> is_imei("490154203237518")
    True
    """
    return len(digits) == 15 and digits[:2] in ("01", "35", "45", "49", "52", "86", "91", "99") and is_luhn(digits)


def iban_length(country: str) -> int:
    """Return how many places an IBAN of a country has; zero if the country has none (ISO 13616).

    >>> iban_length("DE"), iban_length("CN")
    (22, 0)
    """
    return _IBAN_LENGTHS.get(country, 0)


def is_iban(compact: str) -> bool:
    """Say whether capitals and digits are an IBAN: its country's length, remainder 1 by 97 (ISO 13616).

    >>> is_iban("DE89370400440532013000")
    True
    """
    if len(compact) != iban_length(compact[:2]) or not compact[2:4].isdigit():
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1
