"""Reads e-mails from files, folders and mboxes, one at a time in bounded memory.

The standard library's `mailbox` is not used: it notes where each mail of an mbox stands before it gives the first,
opens the file for writing, and reads a mail of any size whole.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from privacy.errors import MangroveError
from services.adapters.account import Unmapped

_MOST_BYTES = 40 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
_SUFFIXES = frozenset((".eml", ".mbox"))
_SEPARATOR = b"From "
_ESCAPED = re.compile(b">+From ")


class MailMissing(MangroveError):
    """There is nothing to import at a path."""

    reason = "MAIL_MISSING"


class MailFiles:
    """The mails of some paths, in the order of the paths, those of a folder by name.

    Args:
        paths: Files of one mail each, mboxes, and folders with both (.eml, .mbox).

    Raises:
        MailMissing: if a folder holds no such file.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [file for place, path in enumerate(paths, 1) for file in _files(path, place)]
        self.total = sum(file.stat().st_size for file in self._files)
        self.done = 0
        """Bytes that were read, of `total`."""

    def mails(self) -> Iterator[tuple[int, bytes] | Unmapped]:
        """Yield each mail's number from 1 and its bytes, or why it cannot be read."""
        number = 0
        for file in self._files:
            for data in self._mails_of(file):
                number += 1
                yield (number, data) if isinstance(data, bytes) else Unmapped(number, data)

    def _mails_of(self, file: Path) -> Iterator[bytes | str]:
        """Yield the mails of a file, or the rule that one breaks."""
        gathered: _Gathered | None = None
        is_mbox = False
        try:
            for line, is_after_blank in self._lines(file):
                is_mbox = is_mbox or (gathered is None and line.startswith(_SEPARATOR))
                if is_mbox and is_after_blank and line.startswith(_SEPARATOR):
                    if gathered is not None:
                        yield gathered.mail()
                    gathered = _Gathered()
                else:
                    gathered = gathered or _Gathered()
                    gathered.add(line[1:] if is_mbox and _ESCAPED.match(line) else line)
            yield (gathered or _Gathered()).mail()
        except OSError:
            yield "file:UNREADABLE"

    def _lines(self, file: Path) -> Iterator[tuple[bytes, bool]]:
        """Yield lines, long ones in pieces, and whether each follows an empty one or begins the file."""
        is_start, is_after_blank = True, True
        with file.open("rb") as opened:
            while line := opened.readline(_LONGEST_LINE):
                self.done += len(line)
                yield line, is_after_blank
                is_after_blank = is_start and not line.strip(b"\r\n")
                is_start = line.endswith(b"\n")


class _Gathered:
    """The bytes of one mail, as many as it may have."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._fits = True

    def add(self, line: bytes) -> None:
        self._fits = self._fits and len(self._data) + len(line) <= _MOST_BYTES
        if self._fits:
            self._data += line

    def mail(self) -> bytes | str:
        """Return the mail, or the rule that it breaks."""
        return bytes(self._data) if self._fits else "mail:TOO_LARGE"


def _files(path: Path, place: int) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    if not files:
        raise MailMissing(f"There is no .eml and no .mbox in path {place} or below. Name the files themselves.")
    return files
