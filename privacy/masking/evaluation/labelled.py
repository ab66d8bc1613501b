"""Labelled texts, and the files that hold them: JSON lines of our own, and two formats of others.

An error names the line, or the item of a list, and never what stands there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from privacy.errors import MangroveError
from privacy.masking.evaluation.entities import canonical_entity


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Personal data at [start, end) in code points, and what it is."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and the personal data in it; `spans` are sorted, disjoint and inside the text."""

    text: str
    spans: tuple[LabelledSpan, ...]


class LabelledSetInvalid(MangroveError):
    """A file of labelled texts cannot be used as it is."""

    reason = "LABELLED_SET_INVALID"


@dataclass(frozen=True, slots=True)
class _Keys:
    """What one format calls things; without `spans` the item is itself its only span."""

    text: str
    spans: str | None
    start: str
    end: str
    entity: str


_OURS = _Keys("text", "spans", "start", "end", "entity")
_PRESIDIO_RESEARCH = _Keys("full_text", "spans", "start_position", "end_position", "entity_type")
_ONE_SPAN = _Keys("text", None, "start", "end", "entity")


def read_labelled(path: Path) -> list[LabelledText]:
    """Read labelled texts; entities get our names where they are known.

    A file is either JSON lines of {"text", "spans": [{"start", "end", "entity"}]}, or one JSON list: of the same,
    of presidio-research's {"full_text", "spans": [{"start_position", "end_position", "entity_type"}]}, or of
    {"text", "start", "end", "entity"} with one span each. Other keys are ignored.

    Raises:
        LabelledSetInvalid: if the file is missing, not of such a format, or a span is outside its text, empty or
            overlapping another; or if nothing is labelled at all.
    """
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise LabelledSetInvalid(f"{path} is not UTF-8. Save it as UTF-8.") from None
    except OSError as error:
        raise LabelledSetInvalid(f"{path} cannot be read ({error.strerror}). Check the path.") from None
    texts = [_labelled(item, where) for where, item in _items(content, path)]
    if not any(text.spans for text in texts):
        raise LabelledSetInvalid(f"{path} has no labelled span, so there is nothing to score. Label at least one.")
    return texts


def write_labelled(texts: Sequence[LabelledText], path: Path) -> None:
    """Write labelled texts as JSON lines, in the format of `mangrove bench masking --labelled`.

    Raises:
        LabelledSetInvalid: if the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for labelled in texts:
                spans = [{"start": s.start, "end": s.end, "entity": s.entity} for s in labelled.spans]
                file.write(json.dumps({"text": labelled.text, "spans": spans}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise LabelledSetInvalid(f"{path} cannot be written ({error.strerror}). Check the path.") from None


def _items(content: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield each item with the name of its place."""
    if content.lstrip().startswith("["):
        try:
            items = json.loads(content)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None)
            place = f"line {line}" if line else "it"
            raise LabelledSetInvalid(f"{path}: {place} is not JSON. The file starts like a JSON list.") from None
        yield from ((f"{path}, item {number}", item) for number, item in enumerate(items, 1))
        return
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            yield where, json.loads(line)
        except (ValueError, RecursionError):
            raise LabelledSetInvalid(f"{where}: this is not JSON. Write one JSON object a line.") from None


def _labelled(item: Any, where: str) -> LabelledText:
    if not isinstance(item, dict):
        raise LabelledSetInvalid(f'{where}: this is not an object. Write {{"text": …, "spans": […]}}.')
    keys = _PRESIDIO_RESEARCH if "full_text" in item else _OURS if "spans" in item else _ONE_SPAN
    text = item.get(keys.text)
    if not isinstance(text, str):
        raise LabelledSetInvalid(f"{where}: `{keys.text}` is not a string.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise LabelledSetInvalid(f"{where}: `{keys.text}` holds half a surrogate pair. Write whole characters.")
    spans = [item] if keys.spans is None else item.get(keys.spans)
    if not isinstance(spans, list):
        raise LabelledSetInvalid(f"{where}: `{keys.spans}` is not a list.")
    ordered = sorted((_span(span, keys, len(text), where) for span in spans), key=lambda s: s.start)
    if any(before.end > after.start for before, after in pairwise(ordered)):
        raise LabelledSetInvalid(f"{where}: spans overlap. Label every character at most once.")
    return LabelledText(text, tuple(ordered))


def _span(span: Any, keys: _Keys, length: int, where: str) -> LabelledSpan:
    if not isinstance(span, dict):
        raise LabelledSetInvalid(f"{where}: a span is not an object.")
    start, end, entity = (span.get(key) for key in (keys.start, keys.end, keys.entity))
    if type(start) is not int or type(end) is not int:
        raise LabelledSetInvalid(f"{where}: `{keys.start}` and `{keys.end}` of a span are not both integers.")
    if not isinstance(entity, str) or not entity.strip():
        raise LabelledSetInvalid(f"{where}: `{keys.entity}` of a span is not a name.")
    if not 0 <= start < end <= length:
        raise LabelledSetInvalid(
            f"{where}: a span [{start}, {end}) is empty or outside the text of {length} code points. Count from 0."
        )
    return LabelledSpan(start, end, canonical_entity(entity))
