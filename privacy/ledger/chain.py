"""The chain: everything that happens to a ledger is an entry with the hash of the one before in its own.

Whoever knows one hash knows that no entry up to it was changed, left out or put in since.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["declared", "limit", "grant", "charge", "commit", "abandon", "identity"]
"""What an entry tells. declared: the catalogue's limits, when they are new to the ledger; limit and grant: what an
officer changed; charge, commit, abandon: the life of a question; identity: what merged people lost."""

Fact = str | int | None

START = bytes(32)
"""What stands for the hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, numbered from 1. `body` is the text that was hashed, `hash` 32 bytes."""

    number: int
    kind: str
    dataset: str
    at: str
    body: str
    hash: bytes

    @property
    def facts(self) -> dict[str, Fact]:
        """What it tells."""
        facts: dict[str, Fact] = json.loads(self.body)
        return facts

    @property
    def time(self) -> datetime:
        """When it was written; never earlier than the entry before."""
        return datetime.fromisoformat(self.at)

    def fits(self, previous: bytes) -> bool:
        """Whether its hash is that of its content after an entry of hash `previous`."""
        return self.hash == _hash(previous, self.number, self.kind, self.dataset, self.at, self.body)


def sealed(before: Entry | None, kind: Kind, dataset: str, facts: Mapping[str, Fact], now: datetime) -> Entry:
    """Make the entry after `before`. A clock that was set back does not set the ledger back."""
    number, previous = (1, START) if before is None else (before.number + 1, before.hash)
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    if before is not None:
        at = max(at, before.at)
    body = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return Entry(number, kind, dataset, at, body, _hash(previous, number, kind, dataset, at, body))


def _hash(previous: bytes, *content: int | str) -> bytes:
    return hashlib.sha256(previous + json.dumps(content, separators=(",", ":")).encode()).digest()
