"""Undoes the disguise of a value that was found, so that it has one token however it was written."""

import re

from privacy.masking.normalise.escapes import unescape
from privacy.masking.normalise.fold import fold_batch, text_of
from privacy.masking.normalise.islands import islands
from privacy.masking.normalise.reading import Reading
from privacy.masking.normalise.spoken import spell_out

_SPELLED = frozenset(("PHONE_NUMBER", "CN_RESIDENT_ID", "CREDIT_CARD", "IMEI", "US_SSN", "ONE_TIME_CODE"))
_IN_DIGITS = frozenset(
    ("ORDER_NUMBER", "DATE_OF_BIRTH", "IP_ADDRESS", "CN_TRAVEL_PERMIT", "PASSPORT", "IBAN_CODE", "GEO_COORDINATES")
)
_EXTENSION = re.compile(r"(?i)(?:转|轉|分机|ext|x|#).*", re.DOTALL)
_AT = re.compile(r"(?i)\s*(?:[(\[{<]\s*(?:at|艾特|圈a|小老鼠)\s*[)\]}>]|艾特|圈a|小老鼠|(?<=\s)at(?=\s))\s*")
_DOT = re.compile(r"(?i)\s*(?:[(\[{<]\s*(?:dot|点|點)\s*[)\]}>]|点|點|(?<=\s)dot(?=\s))\s*")


def digits_of(text: str) -> str:
    """Return a text with every digit in any writing as 0 to 9."""
    return text_of(fold_batch([text]).digits[:-1])


def as_meant(entity: str, written: str) -> str:
    """Return what a value says: escapes, encodings, spelled and disguised digits undone.

    Args:
        entity: What it is; digits are only read where a value is made of them.
        written: As it stands in the text.
    """
    inside = () if written.isdigit() else islands(written)
    whole = next((plain for start, end, plain in inside if end - start == len(written)), written)
    plain = _folded(unescape(Reading.of(whole)).text)
    if entity in _SPELLED:
        plain = digits_of(spell_out(Reading.of(plain)).text)
    elif entity in _IN_DIGITS or (entity == "SOCIAL_HANDLE" and digits_of(plain).isdigit()):
        plain = digits_of(plain)
    if entity == "PHONE_NUMBER":
        return re.sub("[^0-9+]", "", _EXTENSION.sub("", plain))
    if entity == "EMAIL_ADDRESS":
        return re.sub(r"\s+", "", _DOT.sub(".", _AT.sub("@", plain)))
    return plain.strip()


def _folded(text: str) -> str:
    return text_of(fold_batch([text]).text[:-1])
