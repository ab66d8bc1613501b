"""Postal addresses, Chinese and Western: found at their house number, then read to both sides."""

import re
from collections.abc import Iterator

from privacy.masking.rules.rule import Rule, cues, pattern_rule

_HAN = "\u4e00-\u9fff"
_PROVINCE = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾"
    "|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_WAY = (
    "路|街|大道|道|巷|弄|胡同|公路|里|村|庄|镇|乡|屯|区|小区|花园|公寓|大厦|广场|家园|新村|苑|园|府|城|厦|庭|湾|座|院|楼"
    "|营|坊|栋|期"
)
_UNIT = "号院|号楼|号|弄|栋|幢|座|楼|层|室|单元|房|户|门|组|队"
_COUNT = "[0-9A-Za-z零一二三四五六七八九十百甲乙丙丁][0-9A-Za-z零一二三四五六七八九十百之-]{0,7}"
_HOUSE = re.compile(
    f"(?:{_WAY}) ?(?:[{_HAN}A-Za-z·]{{0,10}}(?:{_WAY}) ?)?{_COUNT} ?(?:{_UNIT})"
    f"(?: ?[{_HAN}]{{0,10}}?{_COUNT} ?(?:{_UNIT})){{0,5}}(?:[ -]?[0-9]{{2,5}}(?![0-9]))?"
)
_HOUSE_SIGN = re.compile(
    f"(?:{_WAY}) ?(?:[{_HAN}A-Za-z·]{{0,10}}(?:{_WAY}) ?)?{_COUNT} ?[号弄栋幢座楼层室单房户门组队]"
)
_LEVEL = re.compile("省|自治区|市|区|县|旗|州|盟|镇|乡|街道|路|街|村")
_FROM = re.compile(
    "地址|住址|住在|家住|送到|寄到|寄往|送往|发到|发往|派到|改成|改为|换成|换到|位于|搬到|收货|住|寄|送|到|在|是|至|为|给"
    f"|[^{_HAN}A-Za-z0-9·]"
)
_START = re.compile(f"(?:{_PROVINCE})|[{_HAN}]{{2,4}}?(?:市|自治州|地区)")
_CUED = re.compile(
    cues("地址|住址", "address|addr")
    + "[\"']?[ ]{0,2}(?:[:=]|是|为|改成|改为|换成)[ ]{0,2}[\"']?"
    + f"([{_HAN}A-Za-z0-9][^\n。；;!?\"'<>\\[\\]]{{5,80}})",
    re.IGNORECASE,
)
_END = re.compile(
    "[，,]? ?(?:联系|电话|手机|收件|收货|邮编|姓名|谢谢|麻烦|请|我|你|tel|phone|thank|please)|[，,] ?(?![A-Z0-9])"
    "|[ ](?=1[3-9][0-9])",
    re.IGNORECASE,
)
_TYPES = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|Way|Parkway"
    "|Pkwy|Highway|Hwy|Close|Crescent|Cres|Circle|Cir|Trail|Row|Gardens|Grove|Mews|Walk|Alley"
)
_UNIT_EN = "(?:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Rm|Floor|Fl|#)\\.? ?#?[0-9A-Za-z-]{1,6}"
_NAME_EN = "[A-Z][a-zA-Z.'-]{0,19}[a-z.](?![A-Za-z0-9])"
_PLACE_EN = f"{_NAME_EN}(?: {_NAME_EN}){{0,2}}"
_POSTCODES = "[0-9]{4,5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}|[A-Z][0-9]{2} [A-Z0-9]{4}"
_TAIL_EN = (
    f"(?:[,\n]? {{0,3}}{_UNIT_EN})?(?:[,\n] {{0,3}}{_PLACE_EN})?(?:[,\n]? {{0,3}}[A-Z]{{2}}(?![A-Za-z0-9]))?"
    f"(?:[,\n]? {{0,3}}(?:{_POSTCODES})(?![0-9A-Za-z]))?"
)
_HOUSE_EN = "(?:[0-9]{1,6} )?[0-9]{1,6}[A-Za-z]?(?:-[0-9]{1,4})?"
_WESTERN = re.compile(
    f"(?<![0-9A-Za-z.$€£#-])(?:{_UNIT_EN},? )?{_HOUSE_EN} (?:[NSEW]\\.? |North |South |East |West )?"
    f"(?:(?:[A-Z0-9][A-Za-z0-9.'-]{{0,20}} ){{1,4}}(?:{_TYPES})|[A-Z][a-z]{{2,12}}way)(?![A-Za-z])\\.?{_TAIL_EN}"
)
_BOX = re.compile(f"(?:P\\.? ?O\\.? ?Box|PO Box|Post Office Box) [0-9]{{1,8}}(?![0-9]){_TAIL_EN}", re.IGNORECASE)
_POSTCODE = re.compile("(?<![A-Za-z0-9])[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][ABD-HJLNP-UW-Z]{2}(?![A-Za-z0-9])")
_CUED_POSTCODE = re.compile(
    cues("邮编|邮政编码", "zip(?: ?code)?|postcode|postal code")
    + "[ :=是为]{0,3}([0-9]{6}|[0-9]{5}(?:-[0-9]{4})?)(?![0-9])",
    re.IGNORECASE,
)
_LOOK_BACK = 36


def _find_houses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give Chinese addresses: from the largest place named before a house number to the last unit after it."""
    done = 0
    for match in _HOUSE.finditer(text, start, end):
        if not any(c.isdigit() or c in "一二三四五六七八九十" for c in match.group()):
            continue
        low = max(done, match.start() - _LOOK_BACK)
        first = low + _begins(text[low : match.start()])
        if first < match.start():
            yield first, match.end()
            done = match.end()


def _begins(before: str) -> int:
    """Return where in the words before a house number the address begins: at a province or city, else after a verb."""
    cuts = [match.end() for match in _FROM.finditer(before)]
    last = cuts[-1] if cuts else 0
    punctuation = max((cut for cut in cuts if not before[cut - 1].isalnum()), default=0)
    named = _START.search(before, punctuation)
    if named is None:
        return last
    is_province = re.match(_PROVINCE, named.group()) is not None
    return named.start() if is_province else max(named.start(), last if last < named.end() else 0)


def _find_cued(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _CUED.finditer(text, start, end):
        value = match.group(1)
        stop = _END.search(value, 4)
        value = value[: stop.start()] if stop else value
        if len(_LEVEL.findall(value)) >= 2 or (_LEVEL.search(value) and any(c.isdigit() for c in value)):
            yield match.start(1), match.start(1) + len(value.rstrip(" ,，."))


RULES: tuple[Rule, ...] = (
    Rule("ADDRESS", _HOUSE_SIGN, _find_houses, 7),
    Rule("ADDRESS", _CUED, _find_cued, 7),
    pattern_rule("ADDRESS", _WESTERN, 7),
    pattern_rule("ADDRESS", _BOX, 7),
    pattern_rule("ADDRESS", _CUED_POSTCODE, 7, group=1),
    pattern_rule("ADDRESS", _POSTCODE, 8),
)
