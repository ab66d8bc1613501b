"""Reading a table without Spark, as Arrow, together with the version that was read."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from privacy.errors import MangroveError
from spark_jobs.lake.schemas import Table


class TableMissing(MangroveError):
    """A table that is needed was not made yet."""

    reason = "TABLE_MISSING"

    def __init__(self, table: Table) -> None:
        super().__init__(f"{table.name} is not there yet. Run `mangrove lake run all` first: {table.writer} writes it.")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table's rows at one Delta version."""

    rows: pa.Table
    version: int


def read_snapshot(root: str, table: Table, columns: Sequence[str] | None = None) -> Snapshot:
    """Read a table's newest version.

    Args:
        root: The lake's root: a local folder or an s3a:// URL.
        table: What to read.
        columns: The columns wanted, all if None.

    Raises:
        TableMissing: if the table was not made yet.
    """
    try:
        delta = DeltaTable(table_uri(root, table))
    except TableNotFoundError:
        raise TableMissing(table) from None
    names = list(columns or table.schema.names)
    return Snapshot(delta.to_pyarrow_table(columns=names), delta.version())


def read_rows(root: str, table: Table) -> pa.Table:
    """Read all of a table's newest version; of one that was not made yet no rows."""
    try:
        return read_snapshot(root, table).rows
    except TableMissing:
        return table.schema.empty_table()


def is_there(root: str, table: Table) -> bool:
    """Say whether a table was made; a look at the log, without starting a Spark job."""
    return DeltaTable.is_deltatable(table_uri(root, table))


def version_of(root: str, table: Table) -> int:
    """Return a table's newest Delta version; a look at the log, without starting a Spark job."""
    return DeltaTable(table_uri(root, table), without_files=True).version()


def table_uri(root: str, table: Table) -> str:
    """Return where a table lies, as readers and writers without Spark spell it."""
    return f"{root.replace('s3a://', 's3://').rstrip('/')}/{table.path}"
