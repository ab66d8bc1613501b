"""Papers and vehicles: passports, permits for Hong Kong, Macao and Taiwan, licence plates, dates of birth."""

import re

from privacy.masking.rules.rule import Rule, TextView, cues, pattern_rule

_IS = '(?:号码|号|编号|no\\.?|number|#| )?[ ]{0,2}(?:[:=是为]|is)?[ "]{0,2}'
_EDGE = "(?![A-Za-z0-9])"
_PASSPORT = re.compile(
    cues("护照", "passport") + f"{_IS}([A-Z]{{0,2}}[ -]?[0-9](?:[ -]?[0-9]){{5,8}}){_EDGE}", re.IGNORECASE
)
# Chinese passports as they are printed today: E or G and eight digits, or E, a letter and seven.
_CN_PASSPORT = re.compile(f"(?<![A-Za-z0-9_-])(?:[EeGg][0-9]{{8}}|[Ee][A-HJ-NP-Za-hj-np-z][0-9]{{7}}){_EDGE}(?!-)")
_PERMIT = re.compile(
    cues("通行证|回乡证|台胞证|居住证|往来港澳|港澳证", "travel permit|home return permit")
    + f"{_IS}([A-Z]{{0,2}}[0-9](?:[ -]?[0-9]){{6,10}}(?:\\([0-9A-Z]\\))?){_EDGE}",
    re.IGNORECASE,
)
# Home return permits: H or M and eight digits with the two of the renewal; to Hong Kong and Taiwan: C, W, L, T.
_BARE_PERMIT = re.compile(f"(?<![A-Za-z0-9_-])(?:[HM][0-9]{{10}}|[CWLT][A-HJ-NP-Z]?[0-9]{{8}}){_EDGE}(?!-)")
_PRODUCT = re.compile(
    "(?:型号|款号|货号|编号|编码|订单|单号|商品|model|sku|item|part|order)[^0-9a-z]{0,3}$", re.IGNORECASE
)
_REGION = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_ON_PLATE = "[A-HJ-NP-Z0-9]"
_PLATE = re.compile(
    f"(?:[{_REGION}][A-HJ-NP-Z]|WJ[{_REGION}])[·•. -]{{0,2}}{_ON_PLATE}(?:[ -]?{_ON_PLATE}){{3}}"
    f"(?:[ -]?{_ON_PLATE}[ -]?{_ON_PLATE}|[ -]?[A-HJ-NP-Z0-9挂学警港澳领]){_EDGE}",
    re.IGNORECASE,
)

_YEAR, _DAY = "(?:19|20)[0-9]{2}", "[0-9]{1,2}"
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\\.?"
_DATE = (
    f"(?:{_YEAR} ?[-/.年] ?[0-9十]{{1,3}} ?[-/.月] ?[0-9十]{{1,4}}(?: ?[日号])?|{_YEAR}[01][0-9][0-3][0-9](?![0-9])"
    f"|{_YEAR}年(?:[0-9十]{{1,3}}月)?|{_DAY}[-/.]{_DAY}[-/.](?:{_YEAR}|[0-9]{{2}})"
    f"|{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}|{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
    "|(?:[0-9]{2}年)?[0-9十]{1,3}月[0-9十]{1,4}[日号]?)"
)
_BIRTH = re.compile(
    cues("生日|出生(?:日期|年月日?|于|在)?|生于", "birth ?(?:day|date)|date of birth|dob|born(?: on)?")
    + f"[^0-9\n]{{0,8}}({_DATE})",
    re.IGNORECASE,
)
_BORN = re.compile(f"({_DATE})(?:出生|生人|生日| ?生的)", re.IGNORECASE)
_BORN_SIGN = re.compile("[0-9十年月日号] ?(?:出生|生人|生日|生的)")


def _is_no_product(match: re.Match[str]) -> bool:
    """The same shape is given to models and orders."""
    return _PRODUCT.search(match.string, max(0, match.start() - 10), match.start()) is None


def _has_digits(match: re.Match[str]) -> bool:
    return sum(c.isdigit() for c in match.group()) >= 2


RULES: tuple[Rule, ...] = (
    pattern_rule("PASSPORT", _PASSPORT, 4, group=1, view=TextView.DIGITS),
    pattern_rule("PASSPORT", _CN_PASSPORT, 6, accept=_is_no_product, view=TextView.DIGITS),
    pattern_rule("CN_TRAVEL_PERMIT", _PERMIT, 4, group=1, view=TextView.DIGITS),
    pattern_rule("CN_TRAVEL_PERMIT", _BARE_PERMIT, 6, accept=_is_no_product, view=TextView.DIGITS),
    pattern_rule("CN_LICENSE_PLATE", _PLATE, 6, accept=_has_digits, view=TextView.DIGITS),
    pattern_rule("DATE_OF_BIRTH", _BIRTH, 4, group=1, view=TextView.DIGITS),
    pattern_rule("DATE_OF_BIRTH", _BORN, 4, group=1, view=TextView.DIGITS, reach=40, sign=_BORN_SIGN),
)
