"""Which traits of a profile are encoded, and what a value is taken apart into before it is.

A trait of a kind gives *forms*, each of which becomes a keyed token that is equal or not, and *grams*, the small
pieces whose set becomes a filter that is more or less alike.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from privacy.linkage.phonetic import sound
from privacy.pseudonyms.canonical import canonicalise, is_placeholder


class Kind(Enum):
    """How the values of a trait are written and go wrong."""

    NAMES = "names"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    EMAIL = "email"
    PHONE = "phone"


class Trait(NamedTuple):
    """A trait of a profile: its name, its kind, and words that columns holding it are called by."""

    name: str
    kind: Kind
    called: tuple[str, ...] = ()


class Pieces(NamedTuple):
    """What a value is taken apart into: forms by the name of their part ("" the whole), and grams."""

    forms: Mapping[str, str]
    grams: frozenset[str]


GIVEN_NAME, SURNAME, FULL_NAME = "given_name", "surname", "full_name"

TRAITS: dict[str, Trait] = {
    trait.name: trait
    for trait in (
        Trait(GIVEN_NAME, Kind.TEXT, ("given name", "first name", "forename", "firstname", "givenname", "名")),
        Trait(SURNAME, Kind.TEXT, ("surname", "last name", "family name", "lastname", "姓")),
        Trait(FULL_NAME, Kind.NAMES, ("full name", "name", "fullname", "customer name", "姓名")),
        Trait("birth_date", Kind.DATE, ("date of birth", "dob", "birth date", "birthday", "出生日期", "生日")),
        Trait("birth_place", Kind.TEXT, ("birth place", "place of birth", "birthplace", "籍贯")),
        Trait("house_number", Kind.NUMBER, ("street number", "house number", "门牌号")),
        Trait("street", Kind.TEXT, ("street", "address", "address 1", "address line 1", "地址", "街道")),
        Trait("street_more", Kind.TEXT, ("address 2", "address line 2", "building", "小区")),
        Trait("city", Kind.TEXT, ("city", "suburb", "town", "locality", "城市")),
        Trait("postcode", Kind.NUMBER, ("postcode", "zip", "postal code", "zip code", "邮编")),
        Trait("state", Kind.TEXT, ("state", "province", "county", "region", "省")),
        Trait("country", Kind.TEXT, ("country", "国家")),
        Trait("email", Kind.EMAIL, ("email", "e mail", "mail", "邮箱")),
        Trait("phone", Kind.PHONE, ("phone", "telephone", "mobile", "cell", "手机", "电话")),
        Trait("national_id", Kind.NUMBER, ("national id", "ssn", "soc sec id", "social security", "身份证")),
        Trait("gender", Kind.TEXT, ("gender", "sex", "性别")),
        Trait("occupation", Kind.TEXT, ("occupation", "job", "profession", "职业")),
    )
}
"""The traits that can be encoded, by name. A value of any other trait is not taken."""

_MARKS = re.compile("[\u0300-\u036f]")
_APART = re.compile(r"[^\w]+|_")
_PHONE_DIGITS = 8


def pieces(kind: Kind, value: str) -> Pieces | None:
    """Take a raw value apart, or return None where it stands for "no value"."""
    if is_placeholder(canonicalise("person", value)):
        return None
    return _APART_BY_KIND[kind](value)


def _words(value: str) -> list[str]:
    """The words of a value in lower case without accents, apostrophes or dots."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", value).casefold())
    text = unicodedata.normalize("NFC", _MARKS.sub("", text)).replace("'", "").replace("’", "")
    return _APART.sub(" ", text).split()


def _text_grams(text: str) -> frozenset[str]:
    """Bigrams with the ends marked; where a word is not Latin its characters too, for it has two or three."""
    grams = frozenset(map("".join, pairwise(f"^{text}$")))
    return grams if text.isascii() else grams | frozenset(text)


def _of_text(value: str) -> Pieces | None:
    words = _words(value)
    whole = "".join(words)
    if not whole:
        return None
    sounds = " ".join(sound(word) or word for word in words)
    return Pieces({"": whole, "sound": sounds}, _text_grams(whole))


def _of_names(value: str) -> Pieces | None:
    """The pieces of names in no order, so that a given name and a surname changed over are one name."""
    words = sorted(_words(value))
    return Pieces({"": " ".join(words)}, frozenset().union(*map(_text_grams, words))) if words else None


def _of_number(value: str) -> Pieces | None:
    whole = "".join(_words(value)).lstrip("0")
    return Pieces({"": whole}, _text_grams(whole)) if whole else None


def _of_date(value: str) -> Pieces | None:
    """A date's parts. Its grams are its digits with their places, so that one wrong digit is one wrong gram."""
    digits = canonicalise("birth_date", value).replace("-", "")
    if not digits.isdigit() or len(digits) != 8:
        return None
    year, month, day = digits[:4], digits[4:6], digits[6:]
    forms = {"": digits, "year": year, "year_month": year + month, "month_day": month + day, "year_day": year + day}
    forms["turned"] = year + min(month, day) + max(month, day)
    return Pieces(forms, frozenset(f"{place}{digit}" for place, digit in enumerate(digits)))


def _of_email(value: str) -> Pieces | None:
    whole = canonicalise("email", value)
    local, at, _ = whole.partition("@")
    return Pieces({"": whole, "local": local}, _text_grams(whole)) if at and local else None


def _of_phone(value: str) -> Pieces | None:
    """A phone number. Its last digits are a form too, because a country or area code is often left out."""
    digits = "".join(c for c in canonicalise("phone", value) if c.isdigit())
    return Pieces({"": digits, "local": digits[-_PHONE_DIGITS:]}, _text_grams(digits)) if digits else None


_APART_BY_KIND: dict[Kind, Callable[[str], Pieces | None]] = {
    Kind.NAMES: _of_names,
    Kind.TEXT: _of_text,
    Kind.NUMBER: _of_number,
    Kind.DATE: _of_date,
    Kind.EMAIL: _of_email,
    Kind.PHONE: _of_phone,
}
