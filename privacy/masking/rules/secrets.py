"""What opens doors: passwords, one-time codes, API keys and bearer tokens; places and parameters that tell who."""

import re
from urllib.parse import unquote

from privacy.masking.rules.placeholder import PLACEHOLDER
from privacy.masking.rules.rule import Rule, TextView, cues, pattern_rule

_SAYS = "[\"']?[ ]{0,2}(?:[:=]|就?是|为|改成|改为|设置?[成为]|(?:is|was|'s):?)[ ]{0,2}[\"']?"
_PASSWORD_CUE = "(?<![?&;])" + cues("密码|口令", "passwords?|passwd|pwd|passcode|my pass|pw|pin(?: code)?")
_PASSWORD = re.compile(
    f"{_PASSWORD_CUE}(?:{_SAYS}|[ ]?([:=>]))" + "([!-&(-+.-:=?-~]{3,63}[!#-&(-+/-:@-~])",
    re.IGNORECASE,
)
_QUOTED_PASSWORD = re.compile(
    _PASSWORD_CUE + "[\"']?[ ]{0,2}(?:[:=]|是|为|is) {0,2}([\"'])([^\"'\\n]{1,64})\\1", re.IGNORECASE
)
_TAGGED_PASSWORD = re.compile("<(?:password|passwd|pwd|passcode|secret|token)>([^<\n]{3,64})</")
_URL_PASSWORD = re.compile("[a-z][a-z0-9+.-]{1,20}://[^ /@:\\n]{0,64}:([^ /@\\n]{1,128})@", re.IGNORECASE)
_MIXED_PASSWORD = re.compile(
    cues("密码|口令", "passwords?|passwd|pwd|passcode")
    + "[\"']?[ ]{0,2}[:=][ ]{0,2}[\"']?([^ ,;，。；\"'<>\\n]{4,64})",
    re.IGNORECASE,
)
_SPACED_PASSWORD = re.compile("(?<![?&;<A-Za-z])(?:密码|口令|[Pp]assword|pwd) ?(?![=:<>&])([!-&(-+.-9?-~]{4,64})")
_CODE_CUE = cues(
    "验证码|校验码|动态码|动态密码|确认码",
    "verification code|security code|passcode|one[- ]time (?:code|password|pin)|otp|auth(?:entication)? code"
    "|the code (?:is|was)|my code (?:is|was)|your code (?:is|was)",
)
_CODE = re.compile(f"{_CODE_CUE}[^0-9\n]{{0,10}}?((?:[A-Z]-)?[0-9](?:[ -]?[0-9]){{3,7}})(?![0-9A-Za-z])", re.IGNORECASE)
_LETTER_CODE = re.compile(f"{_CODE_CUE}[ :=是为is\"']{{1,5}}([A-Z0-9]{{4,8}})(?![0-9A-Za-z])")
_CODE_FIRST = re.compile(
    "(?<![0-9A-Za-z])([0-9]{4,8})(?: ?[是为][您你我]?的?[^0-9\n]{0,8}(?:验证码|校验码|动态码)"
    "| is (?:your|my|the) (?:[a-z]{1,12} ){0,2}code)",
    re.IGNORECASE,
)
_KEY = re.compile(
    "(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,200}|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,120}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    "|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,255}|glpat-[A-Za-z0-9_-]{16,64}"
    "|xox[abposr]-[A-Za-z0-9-]{10,200}|AIza[0-9A-Za-z_-]{30,45}|LTAI[A-Za-z0-9]{12,26}|AKID[A-Za-z0-9]{13,40}"
    "|eyJ[A-Za-z0-9_-]{8,4000}\\.[A-Za-z0-9_-]{8,4000}(?:\\.[A-Za-z0-9_-]{8,1000})?)(?![A-Za-z0-9_-])"
)
_BEARER = re.compile("(?:bearer|basic) ([A-Za-z0-9._~+/-]{16,4000}={0,2})", re.IGNORECASE)
_CUED_KEY = re.compile(
    cues(
        "密钥|令牌|秘钥",
        "api[ _-]?key|access[ _-]?(?:key|token)(?:[ _-]?id)?|secret(?:[ _-]?key)?|private[ _-]?key"
        "|app[ _-]?(?:key|secret)|client[ _-]?secret|token",
    )
    + f"{_SAYS}([A-Za-z0-9._~+/-]{{12,2000}}={{0,2}})",
    re.IGNORECASE,
)
_SPACED_KEY = re.compile(
    cues("密钥|令牌|秘钥", "secret(?: key)?|access token|api key|appsecret") + " ([A-Za-z0-9._~+/-]{16,2000}={0,2})",
    re.IGNORECASE,
)
_PEM = re.compile(
    "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\n\\\\ ]{1,8000}-----END [A-Z ]{0,20}PRIVATE KEY-----"
)
_DECIMAL = "[+-]?[0-9]{1,3}\\.[0-9]{3,9}"
_COORDINATES = re.compile(
    f"(?<![0-9.])[NSns]?{_DECIMAL}°? ?[NSns]?[ ,;/]{{1,3}}[EWew]?{_DECIMAL}(?:°? ?[EWew](?![A-Za-z]))?(?![0-9.])"
)
_DMS = "[0-9]{1,3}° ?[0-9]{1,2}['′] ?(?:[0-9]{1,2}(?:\\.[0-9]{1,4})?[\"″] ?)?"
_DEGREES = re.compile(f"{_DMS}[NSns][ ,]{{0,3}}{_DMS}[EWew]")
_PLACE_CUE = re.compile(
    cues("纬度|经度|坐标", "latitude|longitude|lat|lng|lon")
    + "[\"']?[ ]{0,2}[:=是为]?[ ]{0,2}([+-]?[0-9]{1,3}\\.[0-9]{2,12})",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    "[?&;](?:[a-z]{0,12}[_.-])?(?:name|firstname|lastname|fullname|username|nickname|user|account|email|mail|phone|mobile"
    "|tel|addr|address|idcard|card|cardno|birthday|birth|dob|ssn|passport|wx|wechat|qq|openid|token|key|apikey|password"
    "|passwd|pwd|secret|code|otp|session|sessionid|sid|sig|signature|auth|lat|lng|lon|ip)="
    "([^&#?; \"'<>\n,，。）)\\[\\]\u4e00-\u9fff]{1,300}|[\u4e00-\u9fff·]{1,30})",
    re.IGNORECASE,
)


def _is_password(match: re.Match[str]) -> bool:
    """A plain word after "is" is a complaint ("password is wrong"), unless it was set off by a colon."""
    said = match.group(match.lastindex or 0)
    if PLACEHOLDER.match(said):
        return False
    return not said.isalpha() or "=" in match.group() or ":" in match.group()


def _is_mixed(match: re.Match[str]) -> bool:
    """Han characters stand in a password only among others: 密码：请输入 is none."""
    said = match.group(1)
    return not said.isascii() and any(c.isascii() and c.isalpha() for c in said) and any(c.isdigit() for c in said)


def _is_place(match: re.Match[str]) -> bool:
    numbers = [abs(float(n)) for n in re.findall(r"[0-9]+\.[0-9]+", match.group())]
    return numbers[0] <= 180 and numbers[1] <= 180 and min(numbers) <= 90


def _is_value(match: re.Match[str]) -> bool:
    return PLACEHOLDER.match(unquote(match.group(1))) is None


def _is_key(match: re.Match[str]) -> bool:
    return any(c.isdigit() for c in match.group(1))


RULES: tuple[Rule, ...] = (
    pattern_rule("PASSWORD", _PASSWORD, 4, group=2, accept=_is_password, reach=140),
    pattern_rule("PASSWORD", _QUOTED_PASSWORD, 4, group=2, accept=lambda m: PLACEHOLDER.fullmatch(m.group(2)) is None),
    pattern_rule("PASSWORD", _TAGGED_PASSWORD, 4, group=1),
    pattern_rule("PASSWORD", _URL_PASSWORD, 1, group=1, accept=lambda m: PLACEHOLDER.fullmatch(m.group(1)) is None),
    pattern_rule("PASSWORD", _MIXED_PASSWORD, 4, group=1, accept=_is_mixed),
    pattern_rule("PASSWORD", _SPACED_PASSWORD, 5, group=1, accept=lambda m: any(c.isdigit() for c in m.group(1))),
    pattern_rule("ONE_TIME_CODE", _CODE, 4, group=1, view=TextView.DIGITS),
    pattern_rule("ONE_TIME_CODE", _LETTER_CODE, 4, group=1, accept=lambda m: any(c.isdigit() for c in m.group(1))),
    pattern_rule("ONE_TIME_CODE", _CODE_FIRST, 4, group=1, view=TextView.DIGITS),
    pattern_rule("API_KEY", _KEY, 2, reach=9_100),
    pattern_rule("API_KEY", _BEARER, 3, group=1, accept=_is_key, reach=4_100),
    pattern_rule("API_KEY", _CUED_KEY, 6, group=1, accept=_is_key, reach=2_100),
    pattern_rule("API_KEY", _SPACED_KEY, 6, group=1, accept=_is_key, reach=2_100),
    pattern_rule("API_KEY", _PEM, 1, reach=8_200),
    pattern_rule("GEO_COORDINATES", _COORDINATES, 0, accept=_is_place),
    pattern_rule("GEO_COORDINATES", _DEGREES, 0),
    pattern_rule("GEO_COORDINATES", _PLACE_CUE, 6, group=1),
    pattern_rule("URL_PARAMETER", _PARAMETER, 9, group=1, accept=_is_value, reach=340),
)
