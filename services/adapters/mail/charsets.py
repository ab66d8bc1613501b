"""Letters of e-mails: bytes become text by the charset that is named, or by the one that they must be in."""

import re
from email.errors import HeaderParseError
from email.header import decode_header

# Senders name the smaller of two charsets and write in the larger one.
_LARGER = {
    **dict.fromkeys(("gb2312", "gbk", "gb_2312-80", "x-gbk", "cp936", "euc-cn"), "gb18030"),
    **dict.fromkeys(("big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("shift_jis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    **dict.fromkeys(("iso-8859-1", "latin1"), "cp1252"),
}
# Python counts them among the charsets; no mail is written in them, and one takes forever on purpose-made input.
_NO_CHARSETS = frozenset({"", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
_GUESSES = ("utf-8", "gb18030")
_LONGEST_CHARACTER = 4
_LINE_ENDS = re.compile("[\r\n]+")
_ONE_WORD = r"=\?[^?]*\?[qQbB]\?.*?\?="
_ENCODED_WORDS = re.compile(rf"{_ONE_WORD}(?:\s+{_ONE_WORD})*")


def decoded(data: bytes, charset: str = "", *, is_cut: bool = False) -> str:
    """Return the text of some bytes; what is in no charset that fits becomes U+FFFD.

    Args:
        data: The bytes.
        charset: The charset that is named, empty for none. UTF-8 and GB 18030 are tried when it does not fit.
        is_cut: Whether the last character may be incomplete; it is left out then.
    """
    named = charset.strip().lower().partition("*")[0]
    for name in (_LARGER.get(named, named), *_GUESSES):
        if name.replace("-", "_") in _NO_CHARSETS:
            continue
        for spared in range(_LONGEST_CHARACTER if is_cut else 1):
            try:
                return _without_halves(data[: len(data) - spared].decode(name))
            except UnicodeError:
                continue
            except (LookupError, ValueError):  # there is no such charset, or its name holds a NUL
                break
    return data.decode("utf-8", "replace")


def header_line(value: str) -> str:
    """Return a header as `email` parsed it from bytes on one line, its bytes that are not ASCII read as text."""
    return decoded(_LINE_ENDS.sub("", value).encode("ascii", "surrogateescape"))


def header_text(line: str) -> str:
    """Return the text of a header's line, its encoded words (RFC 2047) read.

    Adjacent ones are joined before they are read: a character may be cut between two of them.
    """
    return _ENCODED_WORDS.sub(lambda words: _words(words.group()), line)


def _words(words: str) -> str:
    try:
        chunks = decode_header(words)
    except HeaderParseError:  # it is no base64: it stays as it is written
        return words
    return "".join(chunk if isinstance(chunk, str) else decoded(chunk, charset or "") for chunk, charset in chunks)


def _without_halves(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-7 can hold and no message can."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
