"""The ledger follows identity: what people lost by earlier answers who were merged or split since."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder

from privacy.dp.types import NanoRho
from privacy.ledger.book import Book
from privacy.ledger.chain import Fact
from privacy.ledger.port import as_rho
from services.private_query.ledgers import has_ledger, open_book
from services.settings import Home
from spark_jobs.lake.snapshot import is_there, table_uri
from spark_jobs.lake.tables import IDENTITY_HISTORY

if TYPE_CHECKING:
    import polars as pl


def follow_people(home: Home) -> list[str]:
    """Let the ledger of a home folder, if it has one, follow the people of its lake, and say what that came to.

    Raises:
        LedgerUnavailable: if the ledger cannot be read or written.
    """
    if not has_ledger(home):
        return []
    book = open_book(home)
    try:
        follow(book, home.lake_root)
        return list(sentences(book, home.lake_root))
    finally:
        book.close()


def follow(book: Book, lake_root: str) -> None:
    """Recompute the bound of all answers for the people of now, and write down what is new.

    Raises:
        LedgerUnavailable: if the ledger cannot be read or written.
    """
    from privacy.ledger.merging import merged

    history = _history(lake_root)
    for dataset, by_version in book.spent_by_identity().items():
        found = merged(history, by_version)
        if set(by_version) == {found.identity_version}:
            # Nobody can have been merged since answers from the newest graph.
            continue
        facts: dict[str, Fact] = {
            "identity_version": found.identity_version,
            "steps": found.steps,
            "rho_nano": found.rho,
            "asked_rho_nano": sum(by_version.values()),
        }
        last = book.followed(dataset)
        if last is None or last.facts != facts:
            book.note("identity", dataset, facts)


def sentences(book: Book, lake_root: str) -> Iterator[str]:
    """Say for each dataset what people lost who were merged or split since they were asked about."""
    newest = _newest(lake_root)
    for dataset, by_version in book.spent_by_identity().items():
        total, last = NanoRho(sum(by_version.values())), book.followed(dataset)
        asked = f"{dataset}: rho {as_rho(total)} was spent on answers"
        if set(by_version) == {newest}:
            yield f"{asked}, and up to version {newest} of the identity graph nobody in them was merged or split."
            continue
        facts = last.facts if last else {}
        version, steps = facts.get("identity_version"), int(str(facts.get("steps", 1)))
        if facts.get("asked_rho_nano") != total or version != newest:
            yield f"{dataset}: answers or people changed since they were last followed. Run `mangrove budget follow`."
            continue
        if steps == 1:
            yield f"{asked}, and up to version {version} of the identity graph nobody in them was merged or split."
        else:
            yield (
                f"{asked}. For somebody in them who was merged or split up to version {version} of the identity graph "
                f"they count as rho {as_rho(NanoRho(int(str(facts['rho_nano']))))} at most: the largest change is "
                f"{steps} persons' instead of one's, so an answer's rho counts up to {steps**2} times."
            )


def _history(lake_root: str) -> "pl.DataFrame":
    import polars as pl

    if not is_there(lake_root, IDENTITY_HISTORY):
        return pl.DataFrame(IDENTITY_HISTORY.schema.empty_table())
    # Not by delta-rs's pyarrow reader, whose threads now and then abort a short-lived process at its end (1.6.6).
    table = DeltaTable(table_uri(lake_root, IDENTITY_HISTORY))
    rows = QueryBuilder().register("history", table).execute("SELECT version, token, person_id FROM history")
    return pl.DataFrame(rows.read_all())


def _newest(lake_root: str) -> int | None:
    """Give the identity graph's newest version by the table's log alone; None where it does not tell."""
    if not is_there(lake_root, IDENTITY_HISTORY):
        return 0
    files = pa.table(DeltaTable(table_uri(lake_root, IDENTITY_HISTORY)).get_add_actions(flatten=True))
    if not files.num_rows:
        return 0
    if "max.version" not in files.schema.names:
        return None
    newest: int | None = pc.max(files["max.version"]).as_py()
    return newest
