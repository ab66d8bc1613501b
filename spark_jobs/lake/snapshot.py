"""Reading a table without Spark, as Arrow, together with the version that was read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from privacy.errors import MangroveError
from spark_jobs.lake.schemas import Table

IDENTITY_VERSION = "identity_version"
"""Under this name a table says of which version of the identity graph its people are."""


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
    """Read a table's newest version, null where it was made before a column was declared.

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
    schema = pa.schema([table.schema.field(name) for name in columns or table.schema.names])
    there = {field.name for field in delta.schema().fields}
    asked = ", ".join(f'"{name}"' if name in there else f'NULL AS "{name}"' for name in schema.names)
    # DeltaTable's own reader hands files to threads of Arrow that may outlive the interpreter, which then aborts.
    rows = QueryBuilder().register("rows", delta).execute(f"SELECT {asked} FROM rows").read_all()  # noqa: S608
    return Snapshot(pa.table(rows).cast(schema), delta.version())


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


def id_of(root: str, table: Table) -> str:
    """Return what tells a table from any other that is put in its place: the id that Delta gave it when it was made."""
    return str(DeltaTable(table_uri(root, table), without_files=True).metadata().id)


def commits_of(root: str, table: Table) -> Iterator[dict[str, Any]]:
    """Yield what each commit of a table tells of itself, the newest first, as far back as the log goes.

    Each has at least `version` and `timestamp` (milliseconds since 1970).
    """
    yield from DeltaTable(table_uri(root, table), without_files=True).history()


def reflected_by(root: str, table: Table, version: int | None = None) -> dict[str, int | str]:
    """Return what the newest write up to a version of a table said its rows were made from; empty if it said nothing.

    Args:
        root: The lake's root.
        table: One that is there.
        version: The last one to look at, None for the newest.
    """
    for commit in commits_of(root, table):
        if (version is None or commit["version"] <= version) and (said := commit.get("userMetadata")):
            return dict(json.loads(said))
    return {}


def was_followed(root: str, table: Table, version: int) -> bool:
    """Say whether a version of a table already recorded what later ones change; false if it is not known any more."""
    try:
        past = DeltaTable(table_uri(root, table), version=version, without_files=True)
    except DeltaError:
        return False
    return past.metadata().configuration.get("delta.enableChangeDataFeed") == "true"


def shape_of(root: str, table: Table) -> tuple[set[str], Mapping[str, str]]:
    """Return the columns and the properties that a table has, which an older version may have made."""
    delta = DeltaTable(table_uri(root, table), without_files=True)
    return {field.name for field in delta.schema().fields}, delta.metadata().configuration


def rows_of(root: str, table: Table) -> int:
    """Count a table's rows by its log alone; 0 if it was not made yet."""
    if not is_there(root, table):
        return 0
    counts = pa.table(DeltaTable(table_uri(root, table)).get_add_actions(flatten=True))["num_records"]
    return int(pc.sum(counts).as_py() or 0)


def table_uri(root: str, table: Table) -> str:
    """Return where a table lies, as readers and writers without Spark spell it."""
    return f"{root.replace('s3a://', 's3://').rstrip('/')}/{table.path}"
