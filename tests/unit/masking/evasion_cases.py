"""Texts written so that a filter does not see the personal data in them, built from generated values.

Every case says where the disguised value stands, from its first to its last written character, and what it is.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from privacy.masking.evaluation import entities, values
from privacy.masking.evaluation.disguises import DISGUISES, Disguise, disguise


@dataclass(frozen=True, slots=True)
class EvasionCase:
    name: str
    text: str
    start: int
    end: int
    entity: str

    @property
    def written(self) -> str:
        return self.text[self.start : self.end]


_MAKERS = {
    "phone": (entities.PHONE_NUMBER, values.mobile),
    "id": (entities.CN_RESIDENT_ID, values.resident_id),
    "card": (entities.CREDIT_CARD, values.card),
    "iban": (entities.IBAN_CODE, values.iban),
    "email": (entities.EMAIL_ADDRESS, values.email),
    "ip": (entities.IP_ADDRESS, values.ip_address),
    "plate": (entities.CN_LICENSE_PLATE, values.plate),
    "handle": (entities.SOCIAL_HANDLE, values.wechat),
}
_AROUND = {
    "phone": ("打这个 ", " 就行"),
    "id": ("证件：", "，麻烦登记"),
    "card": ("卡 ", " 的钱没到"),
    "iban": ("pay to ", ", thanks"),
    "email": ("写信到 ", " 吧"),
    "ip": ("from ", ", twice"),
    "plate": ("车牌 ", "，停负二层"),
    "handle": ("微信：", "，随时"),
}


def _placed(name: str, kind: str, written: str, around: tuple[str, str]) -> EvasionCase:
    before, after = around
    return EvasionCase(name, before + written + after, len(before), len(before) + len(written), _MAKERS[kind][0])


def _fits(how: Disguise, value: str) -> bool:
    """A disguise shows nothing on a value that it leaves as it is, nor base64 for links where it is plain base64."""
    written = how.write(value, random.Random(0))
    return written != value and not (how.name == "base64-url" and len(value) % 3 == 0)


def _matrix() -> Iterator[EvasionCase]:
    """Every disguise on every kind that it fits, a value of its own for each."""
    for how in DISGUISES:
        for kind, (entity, make) in _MAKERS.items():
            if entity not in how.entities:
                continue
            rng = random.Random(f"{how.name} {kind}")
            value = next((v for v in (make(rng) for _ in range(400)) if _fits(how, v)), None)
            if value is not None:
                yield _placed(f"{kind}-{how.name}", kind, how.write(value, rng), _AROUND[kind])


def _stacked() -> Iterator[EvasionCase]:
    """Two disguises on top of each other, as they come when a text passes through two hands."""
    pairs = (
        ("phone", "full-width", "zero-width"),
        ("phone", "chinese-digits", "separated-by-dash"),
        ("phone", "circled-digits", "separated-by-space"),
        ("id", "separated-by-space", "full-width"),
        ("card", "separated-by-dash", "full-width"),
        ("card", "separated-by-space", "arabic-digits"),
        ("email", "full-width", "soft-hyphen"),
        ("email", "look-alikes", "zero-width"),
        ("phone", "percent-throughout", "percent"),
        ("email", "html-named", "zero-width"),
    )
    for kind, first, second in pairs:
        rng = random.Random(f"{kind} {first} {second}")
        plain = _MAKERS[kind][1](rng)
        if kind in ("id", "card"):
            plain = plain.replace(" ", "").replace("-", "")
        written = disguise(second).write(disguise(first).write(plain, rng), rng)
        yield _placed(f"{kind}-{first}-then-{second}", kind, written, _AROUND[kind])


def _in_context() -> Iterator[EvasionCase]:
    """Where people really put them: glued to Han, in links, in quoted mail, in pasted code."""
    rng = random.Random(2026)
    phone, email, card = values.mobile, values.email, values.card
    number = phone(rng)
    glued = "".join("零一二三四五六七八九"[int(d)] for d in number)
    yield _placed("phone-han-glued", "phone", glued, ("加我", "哈"))
    yield _placed("phone-brackets", "phone", f"+86（{number[:3]}）{number[3:7]}－{number[7:]}", ("", ""))
    yield _placed("phone-each-with-space", "phone", " ".join(phone(rng)), ("tel: ", ""))
    escaped = disguise("percent").write(phone(rng), rng)
    yield _placed("phone-in-a-link", "phone", escaped, ("https://a.example/p?tel=", ""))
    twice = disguise("double-percent").write(phone(rng), rng)
    yield _placed("phone-in-a-link-twice", "phone", twice, ("https://a.example/p?go=x&tel=", "&y=1"))
    number = phone(rng)
    quoted = f"{number[:3]}\n> {number[3:7]}\n> {number[7:]}"
    yield _placed("phone-over-three-quoted-lines", "phone", quoted, ("> 我的电话是", "\n> 谢谢"))
    yield _placed("email-han-glued", "email", email(rng), ("邮箱是", "谢谢"))
    yield _placed("email-only-signs-wide", "email", email(rng).replace("@", "＠").replace(".", "．"), ("", ""))
    yield _placed("email-ideographic-stop", "email", email(rng).replace(".", "。"), ("发到", ""))
    yield _placed("email-in-a-link", "email", email(rng).replace("@", "%40"), ("https://a.example/u?m=", "&s=2"))
    yield _placed("card-narrow-spaces", "card", card(rng).replace("-", " ").replace(" ", "\u202f"), ("卡号", ""))
    yield _placed("ip-han-glued", "ip", f"192.168.7.{rng.randint(10, 99)}", ("来源IP", "异常"))
    yield _placed("ip-ideographic-stops", "ip", "10。24。7。88", ("地址 ", " 登录"))
    ids = (values.resident_id(rng) for _ in range(1000))
    ends_in_x = next(value for value in ids if value.endswith("X") and " " not in value)
    yield _placed("id-wide-check-digit", "id", ends_in_x.replace("X", "Ｘ"), ("身份证", ""))


CASES: tuple[EvasionCase, ...] = (*_matrix(), *_stacked(), *_in_context())
