"""URLs without personal data: user info dropped; path, query and fragment cut into pieces to be masked.

Cutting and masking are apart, so that the pieces of many URLs are masked together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from privacy.masking.labels import is_personal_parameter

_USER_INFO = re.compile(r"//[^/?#]*@")
_KEPT = "/:@!$'()*+,;=~<>-._"
_IN_QUERY = _KEPT.replace("+", "")
_DEEPEST = 4
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://|//[^/]|/[^?#]*[?#]")
# Of these what follows is an address by itself; any other word before a colon may be a name.
_WITHOUT_HOST = frozenset(("mailto", "tel", "sms", "geo", "about", "data", "javascript"))
_BARE_USER_INFO = re.compile("[^/@:]*:[^/@]*@")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a URL that is masked by itself.

    Attributes:
        plain: What it says, without percent-encoding.
        written: How it stands in the URL; taken if nothing is masked.
        name: The parameter whose value it is; empty for none.
        kept: Characters that are not encoded when it is written anew.
    """

    plain: str
    written: str
    name: str = ""
    kept: str = _KEPT

    @property
    def is_personal(self) -> bool:
        """Whether it is personal whatever it looks like."""
        return bool(self.plain) and is_personal_parameter(self.name)

    def rewritten(self, masked: str) -> str:
        """Return how the masked piece stands in the URL."""
        return self.written if masked == self.plain else quote(masked, safe=self.kept)

    def __repr__(self) -> str:
        return "Piece(withheld)"


def pieces_of(url: str) -> list[Piece | str]:
    """Return the pieces of a URL and what stands between them, in order; user info is left out.

    Args:
        url: A URL, absolute or relative; what cannot be read as one is a single piece.
    """
    return list(_cut(url.strip(), 0))


def _cut(url: str, depth: int) -> Iterator[Piece | str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        plain = _USER_INFO.sub("//", url)
        # A bracket that does not belong there is what a URL cannot be read for, as a rule.
        mended = plain.replace("[", "%5B").replace("]", "%5D")
        yield from (_made(plain, "", _KEPT),) if mended == url else _cut(mended, depth)
        return
    path = parts.path
    if parts.scheme and (parts.netloc or parts.scheme in _WITHOUT_HOST):
        yield f"{parts.scheme}:"
    elif parts.scheme:
        path = _BARE_USER_INFO.sub("", f"{parts.scheme}:{path}", count=1)
    if parts.netloc or url.startswith("//"):
        yield "//"
        yield _piece(parts.netloc.rpartition("@")[2])
    yield from _path(path, depth)
    if query := parts.query.strip():
        yield "?"
        yield from _query(query, depth)
    if fragment := parts.fragment.strip():
        yield "#"
        yield from _fragment(fragment, depth)


def _path(path: str, depth: int) -> Iterator[Piece | str]:
    """Cut a path at its slashes; segments may carry parameters of their own: /p;name=zhang;v=2."""
    for number, segment in enumerate(path.split("/")):
        if number:
            yield "/"
        first, *parameters = segment.split(";")
        yield _piece(first)
        for parameter in parameters:
            yield ";"
            yield from _pair(parameter, depth) if "=" in parameter else (_piece(parameter),)


def _query(query: str, depth: int) -> Iterator[Piece | str]:
    for pair in re.split("([&;])", query):
        if pair in ("&", ";"):
            yield pair
        elif "=" in pair:
            yield from _pair(pair, depth)
        elif pair:
            yield _value(pair, "")


def _pair(pair: str, depth: int) -> Iterator[Piece | str]:
    name, _, value = pair.partition("=")
    yield _value(name, "")
    yield "="
    says = _plain(unquote_plus(name))
    plain = _plain(unquote_plus(value))
    if depth < _DEEPEST and not is_personal_parameter(says) and _ADDRESS.match(plain):
        yield from _nested(plain, depth + 1)
    else:
        yield _value(value, says)


def _nested(url: str, depth: int) -> Iterator[Piece | str]:
    """Cut a URL that is a parameter's value; what stands between its pieces is encoded again."""
    for part in _cut(url, depth):
        if isinstance(part, str):
            yield quote(part, safe=_IN_QUERY)
        else:
            yield Piece(part.plain, quote(part.written, safe=_IN_QUERY + "%"), part.name, _IN_QUERY)


def _fragment(fragment: str, depth: int) -> Iterator[Piece | str]:
    """Cut a fragment: parameters, or the route of a page that has its own path and query."""
    if "=" in fragment and "?" not in fragment and "/" not in fragment:
        yield from _query(fragment, depth)
        return
    route, mark, query = fragment.partition("?")
    yield from _path(route, depth)
    yield mark
    yield from _query(query, depth)


def _piece(written: str) -> Piece:
    return _made(written, "", _KEPT)


def _value(written: str, name: str) -> Piece:
    return _made(written, name, _IN_QUERY)


def _made(written: str, name: str, kept: str) -> Piece:
    plain = _plain(unquote(written) if kept is _KEPT else unquote_plus(written))
    bare = _USER_INFO.sub("//", plain) if "@" in plain else plain
    return Piece(bare, written if bare == plain else quote(bare, safe=kept), name, kept)


def _plain(text: str) -> str:
    """Decode until nothing changes, because encodings are nested to hide."""
    for _ in range(_DEEPEST):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return text
