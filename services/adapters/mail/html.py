"""The text of HTML mail: marks, scripts and styles are left out, blocks begin on lines of their own."""

import re
from html.parser import HTMLParser

_MOST = 400_000
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript"))
_BLOCKS = frozenset(
    "address article blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre section table td "
    "th tr ul".split()
)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_STRAY = re.compile(r"<(?![^<>]*>)")
_SPACE = re.compile(r"\s+")
_BREAKS = re.compile(r" ?\n[ \n]*")


def text_of_html(html: str) -> tuple[str, bool]:
    """Return what of some HTML is read by people, and whether it was longer than is looked at."""
    reader = _Reader()
    reader.feed(_tamed(html[:_MOST]))
    reader.close()
    return _BREAKS.sub("\n", "".join(reader.texts)).strip(), len(html) > _MOST


def _tamed(html: str) -> str:
    """Take out comments and declarations, and write out each < that begins no tag.

    The parser of the standard library takes time that grows with the square of a run of unfinished marks, and stops
    at declarations that it does not know.
    """
    kept: list[str] = []
    at = 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start + 4)
        at = end + 3 if end >= 0 else len(html)
    kept.append(html[at:])
    return _DECLARATION.sub(" ", _STRAY.sub("&lt;", "".join(kept)))


class _Reader(HTMLParser):
    """Collects text outside of elements that nobody reads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, or a part that is not read until its own end."""
        if tag in _BLOCKS:
            self.texts.append("\n")
        if tag in _SILENT and not self._silent:
            self._silent = tag

    def handle_endtag(self, tag: str) -> None:
        """End a line or a part that is not read."""
        if tag in _BLOCKS:
            self.texts.append("\n")
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        """Keep text as a browser shows it, with single spaces."""
        if not self._silent:
            self.texts.append(_SPACE.sub(" ", data))
