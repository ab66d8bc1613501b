"""Why tokens belong to one person: the links that join them, what was left out, and how it came about."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from privacy.errors import MangroveError
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import read_rows, read_snapshot


class NobodyThere(MangroveError):
    """No person or token of that name is in the graph, or was in that version."""

    reason = "NOBODY_THERE"

    def __init__(self) -> None:
        super().__init__(
            "Nobody of this name is in the identity graph, or was in that version. Give a person id or a token: "
            "`mangrove identity token` makes one of a value."
        )


@dataclass(frozen=True, slots=True)
class Link:
    """Two tokens that hang together, why, and whether the guards let it join people.

    Attributes:
        token_a, token_b: The tokens.
        first_seen_at: The first event that shows both; None if none does.
        events: How many events show both.
        weight: How well their traits match; None if they do not.
        used: Whether it joins people.
    """

    token_a: str
    token_b: str
    first_seen_at: datetime | None
    events: int
    weight: float | None
    used: bool

    @property
    def because(self) -> str:
        """What links them, in words."""
        seen = f"seen together in {self.events} event{'s' if self.events > 1 else ''}" if self.events else ""
        matched = "matched by traits" if self.weight is not None else ""
        return ", ".join(filter(None, (seen, matched)))


@dataclass(frozen=True, slots=True)
class Change:
    """A token that moved: in which version of the graph, known since when, from whom (None: new) to whom."""

    version: int
    known_at: datetime | None
    token: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A person as the graph has it, or had it in a version.

    Attributes:
        person_id: The person.
        tokens: Whose tokens they are, sorted.
        links: What was seen together with one of them, or matched, used or not; versions of one value need none.
        quarantined: Why tokens among them or their neighbours join nobody, by token.
        changes: How they came here, the newest first.
    """

    person_id: str
    tokens: tuple[str, ...]
    links: tuple[Link, ...]
    quarantined: dict[str, str]
    changes: tuple[Change, ...]


def explain(root: str, name: str, version: int | None = None) -> Explained:
    """Explain a person.

    Args:
        root: The lake's root.
        name: A person id or a token.
        version: The version of the graph as which to see whose tokens they are; the newest if None.

    Raises:
        NobodyThere: if nobody of that name is there.
        TableMissing: if nothing was resolved yet.
    """
    owners = _owners(root, version)
    person_id = owners.get(name, name)
    tokens = tuple(sorted(token for token, owner in owners.items() if owner == person_id))
    if not tokens:
        raise NobodyThere
    links = _links(root, tokens)
    near = {*tokens, *(end for link in links for end in (link.token_a, link.token_b))}
    return Explained(person_id, tokens, links, _quarantined(root, near), _changes(root, tokens))


def _owners(root: str, version: int | None) -> dict[str, str]:
    """Return whose each token is."""
    if version is None:
        people = read_snapshot(root, tables.IDENTITY_PEOPLE, ["token", "person_id"]).rows
        return dict(zip(people["token"].to_pylist(), people["person_id"].to_pylist(), strict=True))
    history = read_snapshot(root, tables.IDENTITY_HISTORY).rows
    known = history.filter(pc.less_equal(history["version"], version)).sort_by("version")
    owners = dict(zip(known["token"].to_pylist(), known["person_id"].to_pylist(), strict=True))
    return {token: owner for token, owner in owners.items() if owner is not None}


def _links(root: str, tokens: Iterable[str]) -> tuple[Link, ...]:
    names = pa.array(tokens)
    rows = read_rows(root, tables.IDENTITY_LINKS)
    touches = pc.or_(pc.is_in(rows["token_a"], value_set=names), pc.is_in(rows["token_b"], value_set=names))
    columns = ["token_a", "token_b", "first_seen_at", "events", "weight", "used"]
    found = rows.filter(touches).select(columns).to_pylist()
    return tuple(sorted((Link(**row) for row in found), key=lambda link: (link.token_a, link.token_b)))


def _quarantined(root: str, tokens: Iterable[str]) -> dict[str, str]:
    rows = read_rows(root, tables.IDENTITY_QUARANTINE)
    found = rows.filter(pc.is_in(rows["token"], value_set=pa.array(tokens)))
    return dict(zip(found["token"].to_pylist(), found["reason"].to_pylist(), strict=True))


def _changes(root: str, tokens: Iterable[str]) -> tuple[Change, ...]:
    versions = read_rows(root, tables.IDENTITY_VERSIONS)
    known_at = dict(zip(versions["version"].to_pylist(), versions["known_at"].to_pylist(), strict=True))
    rows = read_rows(root, tables.IDENTITY_HISTORY)
    found: list[dict[str, Any]] = rows.filter(pc.is_in(rows["token"], value_set=pa.array(tokens))).to_pylist()
    changes = (
        Change(r["version"], known_at.get(r["version"]), r["token"], r["previous_person_id"], r["person_id"])
        for r in found
    )
    return tuple(sorted(changes, key=lambda change: (-change.version, change.token)))
