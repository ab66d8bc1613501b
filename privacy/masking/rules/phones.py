"""Telephone numbers: mainland mobiles and landlines, service numbers, international ones, with extensions."""

import re
from collections.abc import Callable, Iterator

from privacy.masking.rules.digits import DigitRun, run_rule
from privacy.masking.rules.rule import Rule, TextView, cues, pattern_rule

_EXTENSION = "(?:[ ,;]{0,2}(?:转分机号?|转|分机号?|ext\\.?|extension|x|#)[ .:]{0,2}[0-9]{1,6}(?![0-9]))?"
_AFTER_MOBILE = re.compile(_EXTENSION, re.IGNORECASE)
_AFTER_LANDLINE = re.compile(f"-[0-9]{{1,5}}(?![0-9])|{_EXTENSION}", re.IGNORECASE)
_COUNTRY = re.compile("(?:\\(?\\+ ?|\\(?(?<![0-9])00|(?<![0-9])\\(?)8 ?6\\)?[ .·()_-]{0,3}$|[(+]$")
_MAY_PRECEDE = "+(6) .·_-"
_BEFORE = 14
_PLUS = re.compile(f"(?<![0-9+])\\+ ?\\(?[1-9](?:[ .()/-]{{0,3}}[0-9]){{6,14}}(?![0-9]){_EXTENSION}", re.IGNORECASE)
_TWO_ZEROS = re.compile(f"(?<![0-9])00[ -]?[1-9](?:[ .()/-]{{0,3}}[0-9]){{7,13}}(?![0-9]){_EXTENSION}", re.IGNORECASE)
_AMERICAN = re.compile(
    "(?<![0-9.])(?<![0-9][ .-])(?:\\+?1[ .-]{0,2})?(?:\\([2-9][0-9]{2}\\)[ .-]{0,2}|[2-9][0-9]{2}[ ._·~*-]{1,2})"
    f"[2-9][0-9]{{2}}[ ._·~*-]{{1,2}}[0-9]{{4}}(?![0-9]){_EXTENSION}",
    re.IGNORECASE,
)
_CUED = re.compile(
    cues(
        "电话|手机|座机|固话|传真|致电|拨打|来电|联系方式|热线|号码",
        "phone|telephone|mobile|cell|fax|tel|call|whatsapp|sms|text|ring|reach|dial|hotline|number|answering|messages? "
        "|registered|office ?[:#]|desk ?[:#]",
    )
    + f"[^0-9(]{{0,24}}(\\(?[0-9](?:[ .()/-]{{0,2}}[0-9]){{6,12}}(?![0-9])(?![.,][0-9]){_EXTENSION})",
    re.IGNORECASE,
)
_GROUPED = re.compile(
    "(?<![0-9.,])(?:\\([0-9]{1,5}\\)[ .-]{0,2}|0[0-9]{1,4}[ ./-]{1,2})[0-9](?:[ .()/-]{0,2}[0-9]){5,10}(?![0-9])"
    f"(?![.,][0-9]){_EXTENSION}",
    re.IGNORECASE,
)
_OTHER_CUE = re.compile(
    "(?:订单|单号|运单|工单|order|tracking|invoice|licen[cs]e|account|card|流水|编号|验证|code)[^0-9\n]{0,16}$",
    re.IGNORECASE,
)
_MOBILE_AND_MORE = re.compile("1[3-9][0-9]{9}[^0-9]|1[3-9][0-9] [0-9]{4} [0-9]{4} ")
_DATE = re.compile("(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)[0-9]{2}")
_GROUP = re.compile("[0-9]+")
_PRICES = re.compile(
    "[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,4}\\.[0-9]{1,2}(?:[ ,、/|~-]{1,3}[0-9]{1,4}(?:\\.[0-9]{1,2})?){1,9}"
)


def _mobiles(run: DigitRun) -> Iterator[tuple[int, int]]:
    for country in ("", "86", "0086"):
        length = len(country) + 11
        for first in run.parts(length):
            number = run.digits[first : first + length].removeprefix(country)
            if len(number) == 11 and number[0] == "1" and number[1] in "3456789":
                start, end = run.span(first, first + length)
                if not _PRICES.fullmatch(run.text, start, end):
                    yield _with_country(run.text, start, end), _behind(_AFTER_MOBILE, run.text, end)


def _glued_mobiles(run: DigitRun) -> Iterator[tuple[int, int]]:
    """Give mobiles that are written one behind the other without a gap."""
    for first in run.parts(22):
        digits = run.digits[first : first + 22]
        if all(number[0] == "1" and number[1] in "3456789" for number in (digits[:11], digits[11:])):
            yield run.span(first, first + 11)
            yield run.span(first + 11, first + 22)


def _behind(after: re.Pattern[str], text: str, end: int) -> int:
    """Return where a number ends with the extension that may follow it."""
    match = after.match(text, end)
    return match.end() if match else end


def _landlines(run: DigitRun) -> Iterator[tuple[int, int]]:
    for length in (12, 11, 10):
        for first in run.parts(length):
            number = run.digits[first : first + length]
            area = 3 if number[1] == "2" or number[:3] == "010" else 4
            if (
                number[0] == "0"
                and number[1] not in "01"[: 1 + (area == 4)]
                and length - area in (7, 8)
                and number[area] in "2345678"
            ):
                start, end = run.span(first, first + length)
                yield _with_country(run.text, start, end), _behind(_AFTER_LANDLINE, run.text, end)


def _services(run: DigitRun) -> Iterator[tuple[int, int]]:
    for first in run.parts(10):
        if run.digits[first : first + 3] in ("400", "800"):
            start, end = run.span(first, first + 10)
            yield start, _behind(_AFTER_LANDLINE, run.text, end)


def _with_country(text: str, start: int, end: int) -> int:
    """Return where a number begins with +86, 0086 or (86) before it, or its opening bracket."""
    if text[start - 1 : start] not in _MAY_PRECEDE:
        return start
    before = _COUNTRY.search(text, max(0, start - _BEFORE), start)
    if before is None or (before.group() == "(" and ")" not in text[start:end]):
        return start
    return before.start()


def _is_international(match: re.Match[str]) -> bool:
    return 8 <= sum(c.isdigit() for c in match.group()) <= 21


def _is_cued(match: re.Match[str]) -> bool:
    return not (_is_other(match, 1) or _DATE.match(match.group(1)) or _MOBILE_AND_MORE.match(match.group(1)))


def _is_grouped(match: re.Match[str]) -> bool:
    """A national number without a cue, written in groups behind an area code."""
    written = match.group()
    if _is_other(match, 0) or _DATE.match(written):
        return False
    sizes = [len(group) for group in _GROUP.findall(written)]
    return 9 <= sum(sizes) <= 12 and 2 <= len(sizes) <= 6 and min(sizes) >= 2 and max(sizes[1:]) <= 8


def _is_other(match: re.Match[str], group: int) -> bool:
    start = match.start(group)
    return _OTHER_CUE.search(match.string, max(0, start - 32), start) is not None


def _phone(
    pattern: re.Pattern[str],
    accept: Callable[[re.Match[str]], bool] | None = None,
    group: int = 0,
    strength: int = 5,
    reach: int = 60,
) -> Rule:
    return pattern_rule(
        "PHONE_NUMBER", pattern, strength, accept=accept, group=group, view=TextView.DIGITS, reach=reach
    )


RULES: tuple[Rule, ...] = (
    run_rule("PHONE_NUMBER", _mobiles, 5),
    run_rule("PHONE_NUMBER", _glued_mobiles, 5),
    run_rule("PHONE_NUMBER", _landlines, 5),
    run_rule("PHONE_NUMBER", _services, 5),
    _phone(_PLUS, _is_international),
    _phone(_TWO_ZEROS, _is_international),
    _phone(_AMERICAN, reach=30),
    _phone(_CUED, _is_cued, group=1, strength=6, reach=70),
    _phone(_GROUPED, _is_grouped, strength=6, reach=30),
)
