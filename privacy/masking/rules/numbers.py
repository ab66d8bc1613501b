"""Numbers that a checksum or a register vouches for: resident ids, cards, IMEI, IBAN; and US social security."""

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

from privacy.masking.checksums import iban_length, is_card, is_iban, is_imei, is_resident_id
from privacy.masking.rules.digits import GAP, DigitRun, run_rule
from privacy.masking.rules.rule import Rule, TextView

_FINAL_X = re.compile(f"{GAP}[Xx](?![0-9A-Za-z])")
_IBAN_START = re.compile("(?<![A-Za-z0-9])[A-Za-z]{2}[ .-]{0,2}[0-9][ .-]{0,2}[0-9](?:[ .·_~*/|-]{0,3}[A-Za-z0-9]){10}")
_ALNUM = re.compile("[A-Za-z0-9]")
_SSN_CUE = re.compile("ssn|social security|社会?安全?号", re.IGNORECASE)
_CENTURY = re.compile("(?=(?:19|20)[0-9]{2}[01][0-9][0-3][0-9])")
_ID_CUE = re.compile("身份|证件|resident", re.IGNORECASE)
_COORDINATES = re.compile("[0-9]{1,3}\\.[0-9]{3,9}[ ,/-]{1,3}[0-9]{1,3}\\.[0-9]{3,9}")
_CARD_GROUPS = frozenset(
    {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (6, 13), (6, 10)}
)
# Digits that stand alone, one by one, may begin a card anywhere; so may a run that is little longer than a card.
_LITTLE_LONGER = 26


def _ids(run: DigitRun) -> Iterator[tuple[int, int]]:
    if len(run.digits) < 17 or _COORDINATES.fullmatch(run.text, run.places[0], run.places[-1] + 1):
        return
    for first in run.parts(18):
        if is_resident_id(run.digits[first : first + 18]):
            yield run.span(first, first + 18)
    for first in run.parts(17):
        start, end = run.span(first, first + 17)
        final = _FINAL_X.match(run.text, end)
        if final and is_resident_id(run.digits[first : first + 17] + "X"):
            yield start, final.end()


def _glued_ids(run: DigitRun) -> Iterator[tuple[int, int]]:
    """Give ids inside longer digits: province, day and check digit together are no accident."""
    done = 0
    for match in _CENTURY.finditer(run.digits, 6) if len(run.digits) > 18 else ():
        first = match.start() - 6
        if first >= done and is_resident_id(run.digits[first : first + 18]):
            yield run.span(first, first + 18)
            done = first + 18


def _old_ids(run: DigitRun) -> Iterator[tuple[int, int]]:
    for first in run.parts(15):
        digits = run.digits[first : first + 15]
        if is_resident_id(digits) and (_is_said_id(run, first) or not (is_card(digits) or is_imei(digits))):
            yield run.span(first, first + 15)


def _is_said_id(run: DigitRun, first: int) -> bool:
    start = run.places[first]
    return _ID_CUE.search(run.text, max(0, start - 12), start) is not None


def _imeis(run: DigitRun) -> Iterator[tuple[int, int]]:
    for first in run.parts(15):
        if is_imei(run.digits[first : first + 15]):
            yield run.span(first, first + 15)


def _cards(run: DigitRun) -> Iterator[tuple[int, int]]:
    """Give the cards of a run: the whole, else each part that is grouped as cards are, else any part between gaps."""
    if len(run.digits) < 12 or _COORDINATES.fullmatch(run.text, run.places[0], run.places[-1] + 1):
        return
    if len(run.digits) == 15 and _is_said_id(run, 0) and is_resident_id(run.digits):
        return
    if len(run.digits) <= 19 and is_card(run.digits):
        yield run.span(0, len(run.digits))
        return
    if len(run.bounds) == 2:
        return
    checks = _Checks(run.digits)
    place = 0
    while place < len(run.bounds) - 1:
        count = _groups_of_card(run, place, checks)
        if count:
            yield run.span(run.bounds[place], run.bounds[place + count])
        place += count or 1


def _groups_of_card(run: DigitRun, place: int, checks: "_Checks") -> int:
    """Return how many groups the card that begins with a group has; 0 if none does."""
    first, *lasts = run.bounds[place : place + 20]
    if run.digits[first] not in "1234569":
        return 0
    anywhere = lasts[0] - first == 1 or len(run.digits) <= _LITTLE_LONGER
    for count in range(len(lasts), 0, -1):
        last = lasts[count - 1]
        if 12 <= last - first <= 19 and checks.passes(first, last):
            sizes = tuple(after - before for before, after in pairwise(run.bounds[place : place + count + 1]))
            if (anywhere or count == 1 or sizes in _CARD_GROUPS) and is_card(run.digits[first:last]):
                return count
    return 0


class _Checks:
    """Luhn sums of all parts of a run: each is a difference of two entries, so that long runs stay cheap."""

    def __init__(self, digits: str) -> None:
        doubled = [(0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in digits]
        plain = [int(digit) for digit in digits]
        # By the parity of the digits that are doubled.
        self._sums = tuple(
            list(accumulate((two if at % 2 == parity else one for at, (one, two) in enumerate(pairs)), initial=0))
            for parity in (0, 1)
            for pairs in [zip(plain, doubled, strict=True)]
        )

    def passes(self, first: int, last: int) -> bool:
        """Say whether digits [first, last) are Luhn valid."""
        sums = self._sums[last % 2]
        return (sums[last] - sums[first]) % 10 == 0


def _ssns(run: DigitRun) -> Iterator[tuple[int, int]]:
    for first in run.parts(9):
        digits = run.digits[first : first + 9]
        start, end = run.span(first, first + 9)
        given_out = digits[0] != "9" and digits[:3] not in ("000", "666") and digits[3:5] != "00"
        dashed = end - start == 11 and run.text[start + 3] == run.text[start + 6] == "-"
        if given_out and (dashed or _SSN_CUE.search(run.text, max(0, start - 40), start)):
            yield start, end


def _find_ibans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _IBAN_START.finditer(text, start, end):
        length = iban_length(match.group()[:2].upper())
        places = [m.start() for m in _ALNUM.finditer(text, match.start(), match.start() + 4 * length)][:length]
        if not places or len(places) < length:
            continue
        last = places[-1] + 1
        follows = text[last : last + 1]
        whole = not (follows.isascii() and follows.isalnum())
        if whole and is_iban("".join(text[place] for place in places).upper()):
            yield match.start(), last


RULES: tuple[Rule, ...] = (
    run_rule("CN_RESIDENT_ID", _ids, 1),
    run_rule("CN_RESIDENT_ID", _glued_ids, 1),
    run_rule("CN_RESIDENT_ID", _old_ids, 3),
    run_rule("CREDIT_CARD", _cards, 2),
    run_rule("IMEI", _imeis, 4),
    run_rule("US_SSN", _ssns, 4),
    Rule("IBAN_CODE", _IBAN_START, _find_ibans, 1, TextView.DIGITS, reach=160),
)
"""Strongest first: an id is no card, a card is no phone."""
