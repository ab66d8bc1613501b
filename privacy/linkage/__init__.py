"""Keyed encodings of profile traits: raw names, dates and addresses come in, tokens and filters leave.

What leaves can be compared for being equal and for being alike, by whoever holds encodings of the same key, and
by nobody else. The raw values stay with the caller, in memory. What is promised, the sources and the known attacks
stand in `encoding.py`.
"""

from privacy.linkage.encoding import FILTER_BYTES, LINKAGE_KEY, TOKEN_BYTES, EncodedRecord, Encoder
from privacy.linkage.fields import TRAITS, Kind, Trait
from privacy.linkage.written import Entry, is_written, written

__all__ = [
    "FILTER_BYTES",
    "LINKAGE_KEY",
    "TOKEN_BYTES",
    "TRAITS",
    "EncodedRecord",
    "Encoder",
    "Entry",
    "Kind",
    "Trait",
    "is_written",
    "written",
]
