"""How a name sounds, so that names written by ear meet: a Soundex with wider classes and the first letter coded too.

Soundex is Russell's (US patent 1,261,167 of 1918; Knuth, The Art of Computer Programming, volume 3, chapter 6). It
keeps the first letter, which parts Catherine from Katherine and Philip from Filip; here the first letter becomes its
class, after the spellings that English, German and French share for one sound are brought together.
"""

import re

_LONGEST = 6
_SPELLINGS = (
    (re.compile("^(?:kn|gn|pn)"), "n"),
    (re.compile("^wr"), "r"),
    (re.compile("^x"), "s"),
    (re.compile("^wh"), "w"),
    (re.compile("mb$"), "m"),
    (re.compile("tch|sch|sh|ch"), "x"),
    (re.compile("ph"), "f"),
    (re.compile("gh(?=t|$|[bcdfgklmnpqrstvwxz])"), ""),
    (re.compile("dg(?=[eiy])"), "j"),
    (re.compile("c(?=[eiy])"), "s"),
    (re.compile("ck|[cq]"), "k"),
    (re.compile("th"), "t"),
)
_CLASSES = str.maketrans("bpfvkgjszxdtlmnrw", "PPFFKKJSSXTTLMMRW", "hy")
_VOWEL = re.compile("[aeiou]+")
_TWICE = re.compile(r"(.)\1+")


def sound(text: str) -> str:
    """Return the code of how a lower-case Latin word sounds, at most six letters; "" where nothing can be said.

    A word that starts with a vowel starts with A. Han characters, digits and other scripts have no code.

    >>> sound("stephen") == sound("steven"), sound("catherine") == sound("kathryn"), sound("robert") == sound("robin")
    (True, True, False)
    """
    if not (text.isascii() and text.isalpha()):
        return ""
    for spelling, sounds in _SPELLINGS:
        text = spelling.sub(sounds, text)
    coded = _TWICE.sub(r"\1", text.translate(_CLASSES))
    first = "A" if _VOWEL.match(coded) else ""
    return (first + _VOWEL.sub("", coded))[:_LONGEST]
