"""The text of an e-mail: which part holds it, and what of it can be read.

Mails come from anybody, so everything here is bounded: parts, levels, bytes of a part.
"""

import re
from dataclasses import dataclass
from email.errors import InvalidBase64LengthDefect
from email.message import Message

from services.adapters.mail.charsets import decoded
from services.adapters.mail.html import text_of_html
from services.adapters.mail.unfit import MailUnfit

_MOST_PARTS = 200
_MOST_LEVELS = 10
_MOST_BYTES = 1_000_000
_LONGEST_HEADER = 8_000
_QUOTE = re.compile(">*")
_SIGNATURE = "-- "
_SENTENCE_END = re.compile(r"[\n。！？；…]|[.!?;](?=\s)")


@dataclass(slots=True)
class MailText:
    """What a mail says, and what was left out of it: attachments, what is too long, bytes that are no characters."""

    text: str = ""
    attachments: int = 0
    is_cut: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    is_plain: bool


def text_of_mail(mail: Message) -> MailText:
    """Return the text of a mail: of alternatives the plain one, else HTML without its marks; no attachments.

    Raises:
        MailUnfit: if it has too many parts or levels, a part without end, or broken base64.
    """
    reader = _Reader()
    reader.found.text = "\n\n".join(piece.text for piece in reader.pieces(mail, 0)).strip()
    return reader.found


def cut_at_sentence(text: str, most: int, *, is_cut: bool = False) -> str:
    """Return the whole sentences of the first characters, so that no number or name is cut into an unknown half.

    Args:
        text: The text.
        most: Characters that may stay. A text that is not longer stays as it is.
        is_cut: Whether its end was cut off before.
    """
    if len(text) <= most and not is_cut:
        return text
    end = 0
    for found in _SENTENCE_END.finditer(text, 0, most):
        end = found.end()
    return text[:end].rstrip()


class _Reader:
    """Goes through the parts of one mail."""

    def __init__(self) -> None:
        self.found = MailText()
        self._parts = 0

    def pieces(self, part: Message, level: int) -> list[_Piece]:
        """Return the texts of a part that say something."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise MailUnfit("body:TOO_MANY_PARTS")
        if level > _MOST_LEVELS:
            raise MailUnfit("body:NESTED_TOO_DEEP")
        if any(len(str(part.get(name, ""))) > _LONGEST_HEADER for name in ("content-type", "content-disposition")):
            raise MailUnfit("content-type:TOO_LONG")
        if part.get_content_maintype() == "multipart":
            return self._of_parts(part, level)
        kind = part.get_content_type()
        is_text = kind in ("text/plain", "text/html")
        if not is_text or part.get_content_disposition() == "attachment" or part.get_filename():
            self.found.attachments += 1
            return []
        text = self._text(part)
        if kind == "text/html":
            text, is_cut = text_of_html(text)
            self.found.is_cut |= is_cut
        elif part.get_param("format") == "flowed":
            text = _unflowed(text, delete_space=str(part.get_param("delsp")).lower() == "yes")
        return [_Piece(text.strip(), kind == "text/plain")] if text.strip() else []

    def _of_parts(self, part: Message, level: int) -> list[_Piece]:
        children = part.get_payload()
        if not isinstance(children, list):
            raise MailUnfit("body:NO_BOUNDARY")
        each = [self.pieces(child, level + 1) for child in children if isinstance(child, Message)]
        if part.get_content_subtype() != "alternative":
            return [piece for pieces in each for piece in pieces]
        spoken = [pieces for pieces in each if pieces]
        plain = (pieces for pieces in spoken if all(piece.is_plain for piece in pieces))
        return next(plain, spoken[-1] if spoken else [])

    def _text(self, part: Message) -> str:
        payload = part.get_payload(decode=True)
        if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
            raise MailUnfit("body:NOT_BASE64")
        data = payload if isinstance(payload, bytes) else b""
        is_cut = len(data) > _MOST_BYTES
        text = decoded(data[:_MOST_BYTES], part.get_content_charset() or "", is_cut=is_cut)
        self.found.is_cut |= is_cut
        self.found.is_damaged |= "\ufffd" in text
        return text.replace("\r\n", "\n")


def _unflowed(text: str, *, delete_space: bool) -> str:
    """Join the lines that format=flowed broke (RFC 3676): those that end in a space, at the same depth of quoting."""
    lines: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = _QUOTE.match(line).end()  # type: ignore[union-attr]
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != _SIGNATURE
        shown = content[:-1] if flows and delete_space else content
        if depth == open_depth and content != _SIGNATURE:
            lines[-1] += shown
        else:
            lines.append(">" * depth + (" " if depth else "") + shown)
        open_depth = depth if flows else -1
    return "\n".join(lines)
