"""Addresses on networks: e-mail, also spelled out, IPv4 and IPv6, MAC, and handles on social networks."""

import ipaddress
import re
from collections.abc import Iterator

from privacy.masking.rules.rule import Rule, TextView, cues, pattern_rule

_HAN = "\u4e00-\u9fff"
_LOCAL = "[A-Za-z0-9À-ɏ._%+'-]"
_LABEL = "[A-Za-z0-9À-ɏ-]{1,63}"
_LOCAL_BACKWARDS = re.compile(f"{_LOCAL}{{1,64}}")
_DOMAIN = re.compile(f"(?:{_LABEL}\\.){{1,8}}[A-Za-z]{{2,24}}")
_EMAIL = re.compile(f"{_LOCAL}@{_LABEL}\\.")
_HAN_EMAIL = re.compile(
    f"(?<!{_LOCAL}){_LOCAL}{{1,64}}@[A-Za-z0-9-]{{0,20}}[{_HAN}][A-Za-z0-9{_HAN}-]{{0,30}}\\.(?:中国|公司|网络|com|cn|net)"
)

_TOP = "com|cn|net|org|edu|gov|io|co|me|cc|vip|uk|de|fr|jp|hk|tw|info|biz|example|test"
_PROVIDERS = "gmail|qq|163|126|139|189|sina|sohu|foxmail|outlook|hotmail|yahoo|icloud|live|aliyun|yeah|example|mail"
_AT = "(?: ?[\\[({<] ?(?:at|艾特|圈a|@) ?[\\])}>] ?| ?艾特 ?| ?圈a ?| at | @ ?|@ |#)"
_SAID_DOT = "(?: ?[\\[({<] ?(?:dot|点|\\.) ?[\\])}>] ?| ?点 ?| dot | ?。 ?| \\. ?|\\. )"
_DOT = f"(?:\\.|{_SAID_DOT})"
_SAID_LOCAL = (
    "(?<![A-Za-z0-9._%+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]|(?: dot | underscore | dash |[\\[(](?:dot|点)[\\])]|点)"
    "(?=[A-Za-z0-9])){0,63}"
)
_SAID_LABEL = "[A-Za-z0-9-]{1,63}"
_SPELLED = re.compile(
    f"{_SAID_LOCAL}(?:{_AT}{_SAID_LABEL}(?:{_DOT}{_SAID_LABEL}){{0,4}}{_DOT}"
    f"|@{_SAID_LABEL}(?:\\.{_SAID_LABEL}){{0,3}}{_SAID_DOT}(?:{_SAID_LABEL}{_DOT}){{0,3}})(?:{_TOP})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PLAIN_DOTS = re.compile("(?: at |#)[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+$", re.IGNORECASE)
_UNLIKE_A_WORD = re.compile("[0-9._+-]")
_PROVIDER = re.compile(f"(?: at |#)(?:{_PROVIDERS})(?![A-Za-z0-9])", re.IGNORECASE)

_POINT = "(?: ?\\. ?| ?点 ?| ?[\\[({]\\.[\\])}] ?| ?。 ?|[\\[(]dot[\\])]| dot )"
_IPV4 = re.compile("(?<![0-9.])[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(?!\\.?[0-9])")
_SAID_IPV4 = re.compile(
    f"(?<![0-9.])[0-9]{{1,3}}(?=[ 点\\[({{。d.])(?:{_POINT}[0-9]{{1,3}}){{3}}(?!\\.?[0-9])", re.IGNORECASE
)
_SAID_SIGN = re.compile("[0-9] ?(?:点|。|[\\[({]\\.|[\\[(]dot|dot| \\.|\\. ) ?[\\])}]? ?[0-9]", re.IGNORECASE)
_NUMBER = re.compile("[0-9]+")
_VERSION = re.compile(r"(?i)(?:版本号?|version|ver\.?|firmware|固件|v)[ :]{0,2}$")
_HEXTET = "[0-9A-Fa-f]{1,4}"
_IPV6 = re.compile(
    f"(?<![A-Za-z0-9_.>])(?:{_HEXTET}(?::{_HEXTET}){{7}}|(?:{_HEXTET}(?::{_HEXTET}){{0,6}})?::"
    f"(?:{_HEXTET}(?::{_HEXTET}){{0,6}})?(?:(?<=:)[0-9]{{1,3}}(?:\\.[0-9]{{1,3}}){{3}})?)(?![A-Za-z0-9_<])(?!:[0-9A-Fa-f:])"
)
_PAIR = "[0-9A-Fa-f]{2}"
_MAC = re.compile(
    f"(?<![0-9A-Za-z:-])(?:{_PAIR}(?::{_PAIR}){{5}}|{_PAIR}(?:-{_PAIR}){{5}}|[0-9A-Fa-f]{{4}}(?:\\.[0-9A-Fa-f]{{4}}){{2}})"
    "(?![0-9A-Za-z]|[:-][0-9A-Fa-f]{2})"
)

_CUE = (
    cues(
        "[微薇威] ?信|加我? ?[vq]|[+]v|加微|扣扣|抠抠|球球|微博|企鹅|抖音|小红书|支付宝",
        "weixin|we ?chat|[wv]x|v信|v[:号]|q[:号]|q ?q|weibo|telegram|whatsapp|instagram|twitter"
        "|skype|snapchat|discord|line id",
    )
    + '(?:号码|号| ?id|账号|帐号|昵称| handle| number)?[ ]{0,2}(?:[:=是为]|is|叫)?[ "]{0,2}'
)
_HANDLE = re.compile(f"{_CUE}(@?[a-z][a-z0-9_.-]{{3,28}}[a-z0-9_])(?![a-z0-9_-])", re.IGNORECASE)
_NUMERIC_HANDLE = re.compile(f"{_CUE}([1-9](?:[ .-]?[0-9]){{4,11}})(?![0-9])", re.IGNORECASE)
_AT_HANDLE = re.compile(
    "(?<![A-Za-z0-9._%+@>-])@[A-Za-z0-9_](?:[A-Za-z0-9_]|[.-](?=[A-Za-z0-9_])){2,29}(?![A-Za-z0-9_.-]{0,60}@)"
)
_NO_HANDLE = frozenset(
    "number account please official service customer support login public group payment wechat weixin".split()
)


def _is_ip(match: re.Match[str]) -> bool:
    try:
        ipaddress.ip_address(match.group())
    except ValueError:
        return False
    return match.group() != "::" and _VERSION.search(match.string, max(0, match.start() - 12), match.start()) is None


def _is_said_ip(match: re.Match[str]) -> bool:
    numbers = _NUMBER.findall(match.group())
    return _IPV4.fullmatch(match.group()) is None and all(int(number) <= 255 for number in numbers)


def _is_spelled(match: re.Match[str]) -> bool:
    """The word "at" and the # stand for much else: then the dots are spelled too, or the host or the form says it."""
    written = match.group()
    if _PLAIN_DOTS.search(written) is None or _PROVIDER.search(written) is not None:
        return True
    if " AT " in written or (" at " in written.lower() and _UNLIKE_A_WORD.search(written.partition(" ")[0])):
        return True
    before = match.string[max(0, match.start() - 1) : match.start()]
    return "#" in written and " " not in written and before not in ("/", ".", "#", "=")


def _is_handle(match: re.Match[str]) -> bool:
    return match.group(1).lower() not in _NO_HANDLE


def _find_emails(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give e-mail addresses, each from its @ to both sides."""
    at = text.find("@", start, end)
    while at >= 0:
        local = _LOCAL_BACKWARDS.match(text[max(0, at - 64) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain:
            yield at - len(local.group().rstrip("'.")), domain.end()
        at = text.find("@", at + 1, end)


RULES: tuple[Rule, ...] = (
    Rule("EMAIL_ADDRESS", _EMAIL, _find_emails, 3),
    pattern_rule("EMAIL_ADDRESS", _HAN_EMAIL, 3),
    pattern_rule("EMAIL_ADDRESS", _SPELLED, 3, accept=_is_spelled, reach=400),
    pattern_rule("IP_ADDRESS", _IPV4, 4, accept=_is_ip, view=TextView.DIGITS, reach=20),
    pattern_rule("IP_ADDRESS", _SAID_IPV4, 4, accept=_is_said_ip, view=TextView.DIGITS, reach=60, sign=_SAID_SIGN),
    pattern_rule("IP_ADDRESS", _IPV6, 4, accept=_is_ip, reach=60),
    pattern_rule("MAC_ADDRESS", _MAC, 5, reach=30),
    pattern_rule("SOCIAL_HANDLE", _HANDLE, 7, group=1, accept=_is_handle, reach=80),
    pattern_rule("SOCIAL_HANDLE", _NUMERIC_HANDLE, 6, group=1, view=TextView.DIGITS, reach=80),
    pattern_rule("SOCIAL_HANDLE", _AT_HANDLE, 7, reach=40),
)
