"""Data files of the lake's tables, as Spark tasks read and write them without Spark's rows: with polars.

The driver asks the log which files a version has and commits what tasks wrote; the tasks themselves see no log. A
task that dies leaves a file that no version knows, and Delta's VACUUM takes it away.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import PyFileSystem

from spark_jobs.lake.schemas import DATE, TIMESTAMP, Table
from spark_jobs.lake.snapshot import is_there, shape_of, table_uri

_CUT_US = 1000
"""Statistics of moments are cut to milliseconds."""
_HASHES = ["a", "b"]


@dataclass(frozen=True, slots=True)
class Rows:
    """A stretch of rows of a data file, whose place below the table's is `path` and size in bytes `size`."""

    uri: str
    path: str
    size: int
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Part:
    """A data file that a task wrote: its place below the table's, its size in bytes and its statistics for the log."""

    path: str
    size: int
    stats: str
    rows: int


def rows_at(root: str, table: Table, version: int | None, since: tuple[str, int] | None = None) -> list[Rows]:
    """The data files of a version, whole; none of a table that was not made yet (None).

    `since`, a column of moments and microseconds since 1970, leaves out files in which all are before.
    """
    if version is None:
        return []
    uri = table_uri(root, table)
    found = pa.table(DeltaTable(uri, version=version).get_add_actions(flatten=True))
    files = [Rows(f"{uri}/{a['path']}", a["path"], a["size_bytes"], 0, a["num_records"]) for a in found.to_pylist()]
    if since is None or f"max.{since[0]}" not in found.column_names:
        return files
    latest = found[f"max.{since[0]}"].cast(TIMESTAMP).cast(pa.int64()).to_pylist()
    return [f for f, until in zip(files, latest, strict=True) if until is None or until + _CUT_US >= since[1]]


def share_out(files: Sequence[Rows], shares: int, most: int) -> list[list[Rows]]:
    """Deal rows out to tasks in equal shares, in stretches of at most `most` rows."""
    total = sum(file.count for file in files)
    dealt: list[list[Rows]] = [[] for _ in range(shares)]
    done = 0
    for file in files:
        offset = 0
        while offset < file.count:
            share = min(done * shares // total, shares - 1)
            until = -(-(share + 1) * total // shares)
            count = min(file.count - offset, most, max(1, until - done))
            dealt[share].append(replace(file, offset=offset, count=count))
            offset, done = offset + count, done + count
    return [share for share in dealt if share]


def read_rows(table: Table, rows: Rows, columns: Sequence[str]) -> pl.DataFrame:
    """Read columns of a stretch of rows as declared, null where an older file does not have one yet."""
    scanned = pl.scan_parquet(rows.uri)
    there = scanned.collect_schema()
    return (
        scanned.slice(rows.offset, rows.count)
        .select(
            (pl.col(name) if name in there else pl.lit(None).alias(name)).cast(type_)
            for name, type_ in _empty(table, columns).schema.items()
        )
        .collect()
    )


def scan(root: str, table: Table) -> pl.LazyFrame:
    """Look at a table's newest version, at those of the declared columns that it has, without reading it yet."""
    rows = pl.scan_delta(table_uri(root, table))
    there = rows.collect_schema().names()
    return rows.select([name for name in table.schema.names if name in there])


def read_all(table: Table, files: Sequence[Rows], columns: Sequence[str]) -> pl.DataFrame:
    """Read columns of all rows of files, in their order."""
    return pl.concat([_empty(table, columns), *(read_rows(table, rows, columns) for rows in files)])


def _empty(table: Table, columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(table.schema.empty_table().select(list(columns)))


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows, as far as the columns asked for go, that one version of a table has and another has not."""

    gone: pl.DataFrame
    new: pl.DataFrame


def difference(
    root: str, table: Table, versions: tuple[int | None, int | None], columns: Sequence[str], most: int
) -> Difference | None:
    """What changed in columns from one version to another, by the files that they do not share.

    None if more than `most` rows differ, or if files are not there any more.
    """
    try:
        before, after = (rows_at(root, table, version) for version in versions)
        shared = {file.path for file in before} & {file.path for file in after}
        files = [[file for file in side if file.path not in shared] for side in (before, after)]
        hashed = [_hashed(table, side, columns) for side in files]
        differs = [one.join(other, on=_HASHES, how="anti") for one, other in (hashed, hashed[::-1])]
        if sum(map(len, differs)) > most:
            return None
        gone, new = (_picked(table, side, columns, rows) for side, rows in zip(files, differs, strict=True))
    except (OSError, pl.exceptions.PolarsError):
        return None
    return Difference(gone, new)


def _hashed(table: Table, files: Sequence[Rows], columns: Sequence[str]) -> pl.DataFrame:
    """Which rows there are: two hashes of each, the number of its file and its place in it."""
    empty = pl.DataFrame(schema={"a": pl.UInt64, "b": pl.UInt64, "file": pl.Int32, "place": pl.UInt32})
    found = [empty]
    for number, file in enumerate(files):
        rows = read_rows(table, file, columns)
        hashes = pl.DataFrame({"a": rows.hash_rows(1), "b": rows.hash_rows(2), "place": range(len(rows))})
        found.append(hashes.select("a", "b", pl.lit(number, pl.Int32).alias("file"), pl.col("place").cast(pl.UInt32)))
    return pl.concat(found)


def _picked(table: Table, files: Sequence[Rows], columns: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
    places = {int(number): places for (number,), places in rows.group_by("file")}
    found = [read_rows(table, files[number], columns)[of_file["place"].sort()] for number, of_file in places.items()]
    return pl.concat([_empty(table, columns), *found])


def write_part(root: str, table: Table, rows: pl.DataFrame) -> Part:
    """Write rows as a data file of a table that was made; no version has it before `replace_files`."""
    path = f"part-{uuid.uuid4()}.snappy.parquet"
    uri = table_uri(root, table)
    declared = rows.select(table.schema.names)
    declared.lazy().sink_parquet(f"{uri}/{path}", compression="snappy")
    size = PyFileSystem(DeltaStorageHandler(uri)).get_file_info(path).size
    return Part(path, size, _stats(table, declared), len(rows))


def written(root: str, table: Table, parts: Sequence[Part]) -> list[Rows]:
    """Where parts lie, to be read before any version has them."""
    uri = table_uri(root, table)
    return [Rows(f"{uri}/{part.path}", part.path, part.size, 0, part.rows) for part in parts]


def _stats(table: Table, rows: pl.DataFrame) -> str:
    """Delta's statistics: the least and greatest value of each column of moments or days."""
    counted = [c.name for c in table.columns if c.type in (TIMESTAMP, DATE)]
    said: dict[str, Any] = {"numRecords": len(rows)}
    if counted and len(rows):
        for name, found in (("minValues", rows.select(counted).min()), ("maxValues", rows.select(counted).max())):
            values = found.row(0, named=True)
            said[name] = {column: _moment(value) for column, value in values.items() if value is not None}
        said["nullCount"] = {name: rows[name].null_count() for name in counted}
    return json.dumps(said)


def _moment(value: Any) -> str:
    return str(value.isoformat(timespec="microseconds").replace("+00:00", "Z") if hasattr(value, "hour") else value)


def make(root: str, table: Table) -> bool:
    """Make a table as declared, and say whether it was so: one of an older version gets the columns declared since."""
    uri = table_uri(root, table)
    if not is_there(root, table):
        DeltaTable.create(uri, table.schema, configuration=dict(table.properties))
        return False
    there, _ = shape_of(root, table)
    missing = [field for field in Schema.from_arrow(table.schema).fields if field.name not in there]
    if missing:
        DeltaTable(uri, without_files=True).alter.add_columns(missing)
    return not missing


def replace_files(
    root: str, table: Table, gone: Sequence[Rows], parts: Sequence[Part], reflects: Mapping[str, int | str]
) -> None:
    """Take files out of a table and bring parts that tasks wrote in, in one commit that says what they reflect."""
    delta = DeltaTable(table_uri(root, table))
    now = int(time.time() * 1000)
    delta.create_write_transaction(
        [
            *(RemoveAction(file.path, True, now, file.size, {}) for file in gone),
            *(AddAction(part.path, part.size, {}, now, True, part.stats) for part in parts),
        ],
        "append",
        delta.schema(),
        commit_properties=CommitProperties(custom_metadata={"userMetadata": json.dumps(dict(reflects))}),
    )


def remove_parts(root: str, table: Table, parts: Sequence[Part]) -> None:
    """Remove parts that no version took in."""
    for part in parts:
        PyFileSystem(DeltaStorageHandler(table_uri(root, table))).delete_file(part.path)
