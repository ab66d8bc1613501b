"""What operators decide about identities: kept as rows that the job `resolve` reads, and audited."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from privacy.errors import MangroveError
from services.audit import AuditLog
from spark_jobs.identity.kinds import MERGE
from spark_jobs.lake.snapshot import read_rows, read_snapshot, table_uri
from spark_jobs.lake.tables import IDENTITY_DECISIONS, IDENTITY_PEOPLE

_ID = re.compile("[0-9a-f]{32}")


class TokensUnknown(MangroveError):
    """A decision is to be about tokens that the identity graph does not have."""

    reason = "TOKENS_UNKNOWN"

    def __init__(self, unknown: int) -> None:
        super().__init__(
            f"{unknown} of these tokens are not in the identity graph. Tokens look like email.1.ABC…: "
            "`mangrove identity token` makes one of a value, `mangrove lake run resolve` puts new ones into the graph."
        )


class TooFewTokens(MangroveError):
    """A merge needs two tokens."""

    reason = "TOO_FEW_TOKENS"

    def __init__(self) -> None:
        super().__init__("A merge joins two people: name a token of each.")


class DecisionUnknown(MangroveError):
    """There is no such decision that stands."""

    reason = "DECISION_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("No decision of this id stands. `mangrove identity decisions` lists them.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about some tokens.

    Attributes:
        decision_id: Its random name.
        kind: exclude (they join nobody), include (they join whatever the guards say), merge (they are one person's)
            or split (they leave the person they are with, together).
        tokens: What it is about, sorted.
        decided_at: When, UTC.
        undone_at: When it was taken back, None if it stands.
    """

    decision_id: str
    kind: str
    tokens: tuple[str, ...]
    decided_at: datetime
    undone_at: datetime | None


class Decisions:
    """The decisions of an installation. They change the graph when `resolve` runs next.

    Args:
        root: The lake's root.
        audit: Where each decision is noted.
    """

    def __init__(self, root: str, audit: AuditLog) -> None:
        self._root = root
        self._uri = table_uri(root, IDENTITY_DECISIONS)
        self._audit = audit

    def decide(self, kind: str, tokens: Sequence[str]) -> Decision:
        """Write down a decision.

        Args:
            kind: One of `spark_jobs.identity.kinds`.
            tokens: What it is about; of a merge at least two.

        Raises:
            TooFewTokens, TokensUnknown: if it would change nothing.
            TableMissing: if nothing was resolved yet.
        """
        named = tuple(sorted(set(tokens)))
        if kind == MERGE and len(named) < 2:
            raise TooFewTokens
        known = read_snapshot(self._root, IDENTITY_PEOPLE, ["token"]).rows["token"]
        unknown = len(named) - pc.sum(pc.is_in(pa.array(named), value_set=known)).as_py()
        if unknown:
            raise TokensUnknown(unknown)
        decision = Decision(uuid.uuid4().hex, kind, named, datetime.now(UTC), None)
        self._audit.note(f"identity.{kind}", decision=decision.decision_id, tokens=len(named))
        self._write(decision)
        return decision

    def undo(self, decision_id: str) -> Decision:
        """Take a decision back: the graph becomes what it would be without it.

        Raises:
            DecisionUnknown: if none of this id stands.
        """
        standing = {one.decision_id: one for one in self.all() if one.undone_at is None}
        if not _ID.fullmatch(decision_id) or decision_id not in standing:
            raise DecisionUnknown
        self._audit.note("identity.undo", decision=decision_id)
        now = f"CAST('{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00' AS TIMESTAMP)"
        DeltaTable(self._uri).update(updates={"undone_at": now}, predicate=f"decision_id = '{decision_id}'")
        return standing[decision_id]

    def all(self) -> list[Decision]:
        """Return all decisions, the newest first."""
        rows = read_rows(self._root, IDENTITY_DECISIONS).to_pylist()
        tokens: dict[str, list[str]] = {}
        for row in rows:
            tokens.setdefault(row["decision_id"], []).append(row["token"])
        made = {
            row["decision_id"]: Decision(
                row["decision_id"],
                row["kind"],
                tuple(sorted(tokens[row["decision_id"]])),
                row["decided_at"],
                row["undone_at"],
            )
            for row in rows
        }
        return sorted(made.values(), key=lambda one: (one.decided_at, one.decision_id), reverse=True)

    def _write(self, decision: Decision) -> None:
        count = len(decision.tokens)
        rows = pa.table(
            {
                "decision_id": [decision.decision_id] * count,
                "kind": [decision.kind] * count,
                "token": decision.tokens,
                "decided_at": [decision.decided_at] * count,
                "undone_at": [None] * count,
            },
            schema=IDENTITY_DECISIONS.schema,
        )
        DeltaTable.create(
            self._uri,
            schema=IDENTITY_DECISIONS.schema,
            mode="ignore",
            configuration=IDENTITY_DECISIONS.properties,
        )
        write_deltalake(self._uri, rows, mode="append")
