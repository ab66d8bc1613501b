"""Tables that the lander appends to, as Delta tables written without a JVM."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from services.collector.landed import LandedKeys
from services.collector.ports import LakeUnavailable, LandedElsewhere
from spark_jobs.lake.schemas import Table

log = structlog.get_logger()

_VACUUM_AFTER_H = 168
_LANDERS = "mangrove-landers"
_MARK_EVERY = 1_000


class DeltaLandedTable:
    """One Delta table that journals' records are appended to exactly once.

    Every append carries two Delta transactions: one says through which sequence the journal has landed, so that
    the table's own log is the only truth about that. The other is the same for all landers: of two that append
    at once one fails and looks again, so that a row which came through two journals is seen by the second.

    Args:
        table: The table's declaration.
        root: The lake's root.
        keys: What the table is known to hold, to leave out rows that it has; None to append all.
    """

    def __init__(self, table: Table, root: str, keys: LandedKeys | None = None) -> None:
        self._table = table
        self._uri = f"{root}/{table.path}"
        self._keys = keys
        self._opened: DeltaTable | None = None

    def landed_through(self, journal_id: str) -> int:
        """Return the sequence up to which a journal's records are in the table."""
        with _told():
            delta = self._newest()
            return (delta.transaction_version(journal_id) or 0) if delta is not None else 0

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> int:
        """Append the rows that are not there and the journal's new sequence in one commit; see the port."""
        with _told():
            return self._append(rows, journal_id, after, through)

    def _append(self, rows: pa.Table, journal_id: str, after: int, through: int) -> int:
        delta = self._newest() or self._made()
        if (delta.transaction_version(journal_id) or 0) != after:
            raise LandedElsewhere
        keys = None
        if self._keys is not None:
            self._keys.catch_up(delta)
            rows, keys = self._keys.without_known(rows)
        if not len(rows) and through - after < _MARK_EVERY:
            return 0
        self._commit(delta, rows, journal_id, through)
        if self._keys is not None and keys is not None:
            self._keys.appended(keys, delta)
        return len(rows)

    def mark(self, journal_id: str, through: int) -> None:
        """Say, without rows, that a journal is in the table through a sequence; see the port."""
        with _told():
            self._commit(self._newest() or self._made(), self._table.schema.empty_table(), journal_id, through)

    def _commit(self, delta: DeltaTable, rows: pa.Table, journal_id: str, through: int) -> None:
        landed = [Transaction(journal_id, through), Transaction(_LANDERS, delta.version() + 1)]
        before = delta.version()
        try:
            # A lake that an older version made gets the columns that came since.
            write_deltalake(
                delta,
                rows,
                mode="append",
                schema_mode="merge",
                commit_properties=CommitProperties(app_transactions=landed),
            )
        except CommitFailedError:
            # A disk without room for the commit is told in the same way as another lander's commit.
            delta.update_incremental()
            raise LandedElsewhere if delta.version() > before else LakeUnavailable from None

    def expire(self, column: str, before: date) -> None:
        """Set a column to null in the rows received before a day; nothing to do makes no commit."""
        old = f"{column} IS NOT NULL AND received_date < '{before.isoformat()}'"
        with _told():
            delta = self._newest()
            if delta is None:
                return
            is_old = (pc.field("received_date") < pa.scalar(before)) & pc.field(column).is_valid()
            if delta.to_pyarrow_dataset().count_rows(filter=is_old):
                delta.update(updates={column: "NULL"}, predicate=old)

    def compact(self) -> None:
        """Join small files and drop files that no reader of the last week can need."""
        with _told():
            delta = self._newest()
            if delta is not None:
                delta.optimize.compact()
                # Also files of appends that never came to their commit.
                delta.vacuum(retention_hours=_VACUUM_AFTER_H, dry_run=False, full=True)

    def _newest(self) -> DeltaTable | None:
        if self._opened is None:
            try:
                self._opened = DeltaTable(self._uri)
            except TableNotFoundError:
                return None
        else:
            self._opened.update_incremental()
        return self._opened

    def _made(self) -> DeltaTable:
        self._opened = DeltaTable.create(
            self._uri,
            schema=self._table.schema,
            mode="ignore",
            partition_by=list(self._table.partition_by),
            configuration=self._table.properties,
        )
        return self._opened


@contextmanager
def _told() -> Iterator[None]:
    """Turn what goes wrong with the table into errors that say nothing of its rows."""
    try:
        yield
    except CommitFailedError:
        raise LandedElsewhere from None
    except (DeltaError, OSError) as error:
        log.error("lake_failed", error_type=type(error).__name__)
        raise LakeUnavailable from None
