"""URLs without personal data: user info dropped, path scanned, query and fragment scanned value by value."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from privacy.masking.masker import Masker

# Parameters whose value is personal whatever it looks like.
_PERSONAL_NAME = re.compile(
    r"(?i)(?:^|[_.\-\[])(?:name|first_?name|last_?name|full_?name|user_?name|nick_?name|user|account|e?_?mail|phone|mobile|tel|"
    r"addr|address|id_?card|card|cardno|birth\w*|dob|ssn|passport|wx|wechat|qq|openid|token|access_?token|key|api_?key|"
    r"pass\w*|pwd|secret|code|otp|session\w*|sid|sig|signature|auth\w*|lat|lng|lon|ip|姓名|手机|电话|邮箱|地址)(?:$|[_.\-\]\d])"
)
_USER_INFO = re.compile(r"//[^/?#]*@")
_KEPT = "/:@!$'()*+,;=~<>-._"


_PLAIN = re.compile(r"[A-Za-z0-9:/._~-]*(?:\?[A-Za-z0-9:/._~=&-]*)?")


def mask_url(url: str, masker: Masker) -> str:
    """Return the URL without user info and with its path, query and fragment masked.

    Args:
        url: A URL, absolute or relative; what cannot be read as one is masked as text.
        masker: Masks each piece.

    Raises:
        MaskingFailed: if a detector fails.
    """
    if _PLAIN.fullmatch(url) and not masker.may_hold(url) and not _names_personal(url.partition("?")[2]):
        return url
    mask = partial(_mask_piece, masker)
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return mask(_USER_INFO.sub("//", url))
    path = "/".join(_mask_encoded(segment, mask) for segment in parts.path.split("/"))
    return urlunsplit(
        (parts.scheme, mask(unquote(host)), path, _mask_query(parts.query, mask), _mask_fragment(parts.fragment, mask))
    )


def _names_personal(query: str) -> bool:
    return any(_PERSONAL_NAME.search(pair.partition("=")[0]) for pair in query.split("&"))


def _mask_piece(masker: Masker, text: str) -> str:
    return masker.mask_text(text).text


def _mask_encoded(piece: str, mask: Callable[[str], str]) -> str:
    """Mask a percent-encoded piece; it is decoded until nothing changes, because encodings are nested to hide."""
    plain = piece
    for _ in range(4):
        decoded = unquote(plain)
        if decoded == plain:
            break
        plain = decoded
    masked = mask(plain)
    return piece if masked == plain and plain == unquote(piece) else quote(masked, safe=_KEPT)


def _mask_query(query: str, mask: Callable[[str], str]) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True)
    if not pairs:
        return _mask_encoded(query, mask)
    return urlencode([_mask_pair(name, value, mask) for name, value in pairs], safe=_KEPT, quote_via=quote)


def _mask_pair(name: str, value: str, mask: Callable[[str], str]) -> tuple[str, str]:
    if value and _PERSONAL_NAME.search(name):
        return mask(name), "<PERSONAL>"
    nested = _USER_INFO.sub("//", value) if "://" in value else value
    if "?" in nested and "://" in nested:
        address, _, query = nested.partition("?")
        return mask(name), f"{unquote(_mask_encoded(address, mask))}?{_mask_query(query, mask)}"
    return mask(name), unquote(_mask_encoded(nested, mask))


def _mask_fragment(fragment: str, mask: Callable[[str], str]) -> str:
    route, mark, query = fragment.partition("?")
    if "=" in route and not mark:
        return _mask_query(route, mask)
    return _mask_encoded(route, mask) + mark + _mask_query(query, mask)
