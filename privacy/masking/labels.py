"""What the name that a value stands under says about it: keys of maps and Structs, parameters of URLs."""

import re

_PERSONAL_PARAMETER = re.compile(
    r"(?i)(?:^|[_.\-\[])(?:name|first_?name|last_?name|full_?name|real_?name|user_?name|nick_?name|user|account|e?_?mail|phone|"
    r"phone_?no|mobile|tel|addr|address|id_?card|card|card_?no|birth\w*|dob|ssn|passport|wx|wechat|qq|openid|unionid|token|"
    r"access_?token|key|api_?key|pass\w*|pwd|secret|code|otp|session\w*|sid|sig|sign|signature|auth\w*|jwt|lat|lng|lon|ip|"
    r"latitude|longitude|imei|mac|姓名|手机|手机号|电话|邮箱|地址|密码|身份证)(?:$|[_.\-\]\d])"
)
_SECRETS = {
    "PASSWORD": re.compile(r"(?i)(?:^|.*[ _.-])(?:pass(?:word|wd|code|phrase)|pwd|密码|口令)"),
    "API_KEY": re.compile(
        r"(?i)(?:^|.*[ _.-])(?:(?:api|private|secret)[ _-]?key|secret|(?:access|auth|refresh|bearer|id)?[ _-]?token|"
        r"authorization|密钥|令牌)"
    ),
}
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])|[_.-]+")
_LONGEST = 64


def words_of(name: str) -> str:
    """Return a name as words, for a value to be read after it; empty if it would blur where the value begins.

    >>> words_of("receiverName"), words_of("phone_number"), words_of("a1")
    ('receiver Name', 'phone number', '')
    """
    return _HUMP.sub(" ", name).strip() if name[-1:].isalpha() and len(name) <= _LONGEST else ""


def secret_of(name: str) -> str | None:
    """Return which secret a value under a name is, whatever it looks like; None if the name does not say.

    >>> secret_of("userPassword"), secret_of("access_token"), secret_of("tokens used")
    ('PASSWORD', 'API_KEY', None)
    """
    words = words_of(name)
    return next((entity for entity, pattern in _SECRETS.items() if pattern.fullmatch(words)), None)


def is_personal_parameter(name: str) -> bool:
    """Say whether a URL parameter of that name is personal whatever its value looks like."""
    return _PERSONAL_PARAMETER.search(name) is not None
