"""Folds a whole batch of texts at once, character by character, by table, and remembers where each came from.

One code point becomes one or none, so that the map back to the original is an array of positions.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]

_DEEPEST_QUOTE = 20
_NOTHING, _BREAK, _UNKNOWN = 0xFFFF_FFFF, 0x10_FFFF, 0xFFFD
_SPECIAL = {
    # Cyrillic, Greek and other letters that look like Latin ones (Unicode TR 39 confusables, the common part).
    **dict(zip("асеһіјорԛѕԁѵԝхуɡıɑʋոսАВСЕНІЈКМОРЅТХУԌԚԜ", "acehijopqsdvwxygiavnuABCEHIJKMOPSTXYGQW", strict=True)),
    **dict(zip("οανρυικτχΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳѐё", "oavpuiktxABEZHIKMNOPTYXcjee", strict=True)),
    **dict(zip("−‐‑⁃﹘ー〜～⸺⸻", "----------", strict=True)),
    **dict.fromkeys("\t\v\f\u2800\u3164\u115f\u1160\uffa0", " "),
    **dict.fromkeys("\r\x85\u2028\u2029", "\n"),
    "•": "·",
    # Characters of cues and places that the mainland writes simpler.
    **dict(
        zip(
            "碼驗證號電話車滬粵區縣鄉鎮樓層門單訂運遞發帳戶護灣臺東陝雲遼瀋閩贛瓊貴蘇魯漢廣慶寧龍聯繫係傳維訊貨購買賣產員業國財經際開關"
            "線機簡動態認辦辨識張陳劉楊趙黃吳孫馬羅鄭謝許韓馮鄧蔣葉潘園廈苑衛強偉華麗",
            "码验证号电话车沪粤区县乡镇楼层门单订运递发账户护湾台东陕云辽沈闽赣琼贵苏鲁汉广庆宁龙联系系传维讯货购买卖产员业国财经际开关"
            "线机简动态认办辨识张陈刘杨赵黄吴孙马罗郑谢许韩冯邓蒋叶潘园厦苑卫强伟华丽",
            strict=True,
        )
    ),
    **dict.fromkeys("‘’‚‛′＇´", "'"),
    **dict.fromkeys("“”„‟″＂", '"'),
}
# Two is written 两 when spoken; 幺洞拐勾 are how numbers are read out so that no two sound alike.
_NUMERALS = {
    **dict(
        zip(
            "〇零○洞一幺壹弌二两贰貳弍三叁叄参弎四肆五伍六陆陸七柒拐漆八捌九玖勾",
            "0000111122222333334455666777788999",
            strict=True,
        )
    ),
    "、": ",",
}
HAN_NUMERALS = frozenset(character for character in _NUMERALS if character.isalnum())
"""Han characters that are digits in the DIGITS view."""


@cache
def _tables() -> tuple[Codes, Codes]:
    """Return what each code point becomes in the TEXT and in the DIGITS view."""
    text = np.arange(0x11_0000, dtype=np.uint32)
    text[0xD800:0xE000] = _UNKNOWN
    digits = text.copy()
    numerals = {ord(character): ord(digit) for character, digit in _NUMERALS.items()}
    changed = {code: _folded(chr(code)) for code in _foldable()}
    changed |= dict.fromkeys((*range(0x20), 0x7F, *range(0xE_0000, 0xE_01F0), _BREAK), _NOTHING)
    changed |= {ord("\n"): ord("\n")} | {ord(character): ord(plain) for character, plain in _SPECIAL.items()}
    for code, plain in changed.items():
        text[code] = plain
        digits[code] = numerals.get(plain) or _digit(plain)
    for code, digit in numerals.items():
        digits[code] = digit
    return text, digits


def _foldable() -> Iterator[int]:
    """Every code point that may fold to another: ideographs, Hangul and private ones do not."""
    for first, last in (
        (0x80, 0x3400),
        (0xA000, 0xAC00),
        (0xF900, 0x1_7000),
        (0x1_BC00, 0x2_0000),
        (0x2_F800, 0x2_FA20),
    ):
        yield from range(first, last)


def _digit(code: int) -> int:
    value = unicodedata.digit(chr(code), None) if code < _BREAK else None
    return code if value is None else ord("0") + value


def _folded(character: str) -> int:
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me", "Cc"):
        return _NOTHING
    if category == "Zs":
        return ord(" ")
    if category == "Pd":
        return ord("-")
    plain = unicodedata.normalize("NFKC", character)
    if len(plain) == 1:
        return ord(plain)
    # ⑴ and ⒈ are one digit with an ornament, １⃣ and ㈠ alike.
    bare = plain.strip("().,〔〕")
    return ord(bare if len(bare) == 1 else character)


def expands(character: str) -> str:
    """Return what a character that stands for several stands for, such as 10 for ⑩; empty for all others."""
    if int(_tables()[0][ord(character)]) != ord(character):
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) > 1 else ""


@dataclass(frozen=True, slots=True)
class FoldedBatch:
    """A batch of texts in both views, joined, each followed by a character that no rule matches across.

    Attributes:
        text: Code points of the TEXT view.
        digits: Code points of the DIGITS view, of the same shape.
        bounds: Where each text begins in the arrays; one more than there are texts.
        origin: For each code point its position in the joined originals; None where nothing was dropped.
        starts: Where each original begins in the joined originals.
    """

    text: Codes
    digits: Codes
    bounds: npt.NDArray[np.int64]
    origin: npt.NDArray[np.int64] | None
    starts: npt.NDArray[np.int64]


def fold_batch(texts: Sequence[str]) -> FoldedBatch:
    """Fold texts into both views.

    Args:
        texts: Any strings; lone surrogates are read as U+FFFD.
    """
    to_text, to_digits = _tables()
    joined = "\0".join(texts) + "\0"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
    bounds = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths, out=bounds[1:])
    text, digits = to_text[codes], to_digits[codes]
    text[bounds[1:] - 1] = digits[bounds[1:] - 1] = _BREAK
    _leave_out_quotes(text)
    kept = text != _NOTHING
    if kept.all():
        return FoldedBatch(text, digits, bounds, None, bounds)
    origin = np.flatnonzero(kept)
    return FoldedBatch(text[origin], digits[origin], np.searchsorted(origin, bounds), origin, bounds)


def _leave_out_quotes(codes: Codes) -> None:
    """Leave out the > with which mail quotes lines: it may stand inside a number that was broken there."""
    for place in np.flatnonzero(codes == ord(">")).tolist():
        before = place - 1
        while before >= 0 and codes[before] in (_NOTHING, ord(" ")) and place - before <= _DEEPEST_QUOTE:
            before -= 1
        if before >= 0 and codes[before] == ord("\n"):
            codes[place] = _NOTHING


def text_of(codes: Codes) -> str:
    """Return code points as a string."""
    return codes.tobytes().decode("utf-32-le")
