"""Looks for planted texts in the files of models: their bytes, what is packed in them, and the ways texts are written.

Who plants a phone number or a name in rows that are learned from can see whether any file of the registry holds it.
"""

import base64
import bz2
import io
import json
import lzma
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

_SHORTEST = 6
_DEEPEST = 4
_ZLIB, _GZIP_OR_ZLIB = b"\x78", 47
_INT64 = 2**63
_PACKED: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(_GZIP_OR_ZLIB).decompress(data),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data),
    b"\xfd7zXZ\x00": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x5d\x00\x00": lambda data: lzma.LZMADecompressor().decompress(data),
}


def scan(folder: Path, needles: Iterable[str]) -> dict[str, set[str]]:
    """Return which needles each file below a folder holds; an empty answer is what we want.

    Looked through are the bytes of every file, and what gzip, zlib, bzip2, xz, zip and SQLite pack, also inside each
    other. A needle is found in UTF-8, UTF-16 and UTF-32, in lower case, escaped as JSON and YAML do, in base64, in
    hex and, where it is all digits, as a 64-bit integer or float. What is encrypted or hashed is not found.

    Args:
        folder: What to look through.
        needles: Texts of at least six bytes in UTF-8; shorter ones stand everywhere by chance.
    """
    wanted = {needle: _spellings(needle) for needle in needles}
    if any(len(needle.encode()) < _SHORTEST for needle in wanted):
        raise ValueError("A needle is too short.")
    found: dict[str, set[str]] = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        for data in (str(path.relative_to(folder)).encode(), *_parts(path.read_bytes()), *_values(path)):
            hits = {needle for needle, spellings in wanted.items() if any(one in data for one in spellings)}
            if hits:
                found.setdefault(str(path.relative_to(folder)), set()).update(hits)
    return found


def _spellings(needle: str) -> set[bytes]:
    """All bytes that a needle may be written as."""
    cases = {needle, needle.lower(), needle.upper()}
    escaped = {json.dumps(case)[1:-1] for case in cases}
    plain = {case.encode(coding) for case in cases for coding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")}
    written = {form.encode() for one in escaped for form in (one, _upper_hex(one))}
    packed = {form for one in cases for form in (*_base64(one.encode()), one.encode().hex().encode())}
    return plain | written | packed | _as_number(needle)


def _upper_hex(escaped: str) -> str:
    first, *rest = escaped.split("\\u")
    return "\\u".join([first, *(part[:4].upper() + part[4:] for part in rest)])


def _base64(data: bytes) -> Iterator[bytes]:
    """The characters of base64 that depend on these bytes alone, at each of the three places they may start."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data)
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        yield whole[first:last]
        yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")


def _as_number(needle: str) -> set[bytes]:
    if not (needle.isascii() and needle.isdigit()) or int(needle) >= _INT64:
        return set()
    return {struct.pack("<q", int(needle)), struct.pack("<d", int(needle)), struct.pack(">d", int(needle))}


def _parts(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and what is packed in them."""
    yield data
    if depth == _DEEPEST:
        return
    for inner in _unpacked(data):
        yield from _parts(inner, depth + 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    for magic, unpack in _PACKED.items():
        if data.startswith(magic):
            try:
                yield unpack(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                continue
    if data.startswith(_ZLIB):
        try:
            yield zlib.decompressobj().decompress(data)
        except zlib.error:
            return


def _values(path: Path) -> Iterator[bytes]:
    """The values of a SQLite file, which may lie in pieces in its pages."""
    with path.open("rb") as file:
        if file.read(15) != b"SQLite format 3":
            return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name of the file's own catalogue
                yield "\n".join(map(str, row)).encode()
                yield from (value for value in row if isinstance(value, bytes))
