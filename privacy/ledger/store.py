"""What a ledger needs of a database, and its tables. Statements use `?` and nothing that only one database knows."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Sql(Protocol):
    """Statements inside one transaction."""

    def rows(self, statement: str, *values: Any) -> list[Row]:
        """Run a statement and give its rows, none if it has none."""
        ...

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each tuple of values."""
        ...


class Store(Protocol):
    """A database that holds one ledger. Safe to call from many threads. Every failure is `LedgerUnavailable`."""

    def reading(self) -> AbstractContextManager[Sql]:
        """Read one state of the ledger, whatever others write meanwhile."""
        ...

    def writing(self) -> AbstractContextManager[Sql]:
        """Write alone. What was written is durable when the block is left, and gone when it fails."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def tables(*, text: str, integer: str, binary: str, strict: str = "") -> list[str]:
    """Give the statements that make the tables, with a database's own names of types; text compares byte by byte."""
    return [
        f"""CREATE TABLE IF NOT EXISTS ledger_entry (
            number {integer} PRIMARY KEY,
            kind {text} NOT NULL,
            dataset {text} NOT NULL,
            at {text} NOT NULL,
            body {text} NOT NULL,
            hash {binary} NOT NULL
        ) {strict}""",
        """CREATE INDEX IF NOT EXISTS ledger_terms ON ledger_entry (dataset, number)
            WHERE kind IN ('declared', 'limit', 'grant', 'identity')""",
        f"""CREATE TABLE IF NOT EXISTS ledger_answer (
            charge {integer} PRIMARY KEY REFERENCES ledger_entry (number),
            partner {text} NOT NULL,
            dataset {text} NOT NULL,
            table_version {integer} NOT NULL,
            question {binary} NOT NULL,
            answer {binary} NOT NULL,
            UNIQUE (partner, dataset, table_version, question)
        ) {strict}""",
        f"""CREATE TABLE IF NOT EXISTS ledger_account (
            dataset {text} NOT NULL,
            holder {text} NOT NULL,
            period {text} NOT NULL,
            spent_nano {integer} NOT NULL CHECK (spent_nano >= 0),
            PRIMARY KEY (dataset, holder, period)
        ) {strict}""",
    ]
