"""How an encoded profile stands in JSON and in the lake: a list with an entry a token."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from privacy.linkage.encoding import FILTER_BYTES, TOKEN_BYTES, EncodedRecord, Encoder
from privacy.linkage.fields import TRAITS

Entry = dict[str, Any]
"""`name` (a trait, or trait.part), `version` of the key, `token` and, of a whole trait, `filter`, in base64."""

_PART = re.compile(r"([a-z_]+)(\.[a-z_]+)?")
_HIGHEST_VERSION = 999


def written(encoder: Encoder, values: Mapping[str, str]) -> list[Entry]:
    """Encode the traits of a profile and return their entries, in the order of their names; see `Encoder.encode`."""
    encoded: EncodedRecord = encoder.encode(values)
    return [
        {
            "name": name,
            "version": encoder.version,
            "token": base64.b64encode(token).decode(),
            "filter": base64.b64encode(encoded.filters[name]).decode() if name in encoded.filters else None,
        }
        for name, token in sorted(encoded.tokens.items())
    ]


def is_written(entries: object) -> bool:
    """Say whether something is a list of entries as `written` makes them, and nothing else."""
    return isinstance(entries, list) and all(map(_is_entry, entries))


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"name", "version", "token", "filter"}:
        return False
    name, version = entry["name"], entry["version"]
    known = _PART.fullmatch(name) if isinstance(name, str) else None
    return (
        known is not None
        and known[1] in TRAITS
        and type(version) is int
        and 1 <= version <= _HIGHEST_VERSION
        and _holds(entry["token"], TOKEN_BYTES)
        and (entry["filter"] is None if known[2] else _holds(entry["filter"], FILTER_BYTES))
    )


def _holds(text: object, size: int) -> bool:
    try:
        return isinstance(text, str) and len(base64.b64decode(text, validate=True)) == size
    except ValueError:
        return False
