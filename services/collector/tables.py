"""Tables that the lander appends to, as Delta tables written without a JVM."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from services.collector.ports import LandedElsewhere
from spark_jobs.lake.schemas import Table

_VACUUM_AFTER_H = 168


class DeltaLandedTable:
    """One Delta table that a journal's records are appended to exactly once.

    Every append carries a Delta transaction (app id = journal, version = sequence), so what the table's own log
    says is the only truth about what has landed.

    Args:
        table: The table's declaration.
        root: The lake's root.
    """

    def __init__(self, table: Table, root: str) -> None:
        self._table = table
        self._uri = f"{root}/{table.path}"

    def landed_through(self, journal_id: str) -> int:
        """Return the sequence up to which a journal's records are in the table."""
        try:
            return DeltaTable(self._uri).transaction_version(journal_id) or 0
        except TableNotFoundError:
            return 0

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> None:
        """Append rows and the journal's new sequence in one commit, unless another lander was quicker."""
        delta = DeltaTable.create(
            self._uri,
            schema=self._table.schema,
            mode="ignore",
            partition_by=list(self._table.partition_by),
            configuration=self._table.properties,
        )
        if (delta.transaction_version(journal_id) or 0) != after:
            raise LandedElsewhere
        landed = CommitProperties(app_transactions=[Transaction(journal_id, through)])
        try:
            write_deltalake(delta, rows, mode="append", commit_properties=landed)
        except CommitFailedError:
            raise LandedElsewhere from None

    def expire(self, column: str, before: date) -> None:
        """Set a column to null in the rows received before a day; nothing to do makes no commit."""
        try:
            delta = DeltaTable(self._uri)
        except TableNotFoundError:
            return
        old = f"{column} IS NOT NULL AND received_date < '{before.isoformat()}'"
        if delta.to_pyarrow_dataset().count_rows(
            filter=(pc.field("received_date") < pa.scalar(before)) & pc.field(column).is_valid()
        ):
            delta.update(updates={column: "NULL"}, predicate=old)

    def compact(self) -> None:
        """Join small files and drop files that no reader of the last week can need."""
        try:
            delta = DeltaTable(self._uri)
        except TableNotFoundError:
            return
        delta.optimize.compact()
        delta.vacuum(retention_hours=_VACUUM_AFTER_H, dry_run=False)
