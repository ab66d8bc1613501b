"""Writing tables by key without Spark's rows, with polars: where a job holds what it writes in one place.

What is equal already is left alone, and nothing is committed where nothing differs, as with `io.Lake.sync`. Each row
is compared by hashes of 64 bits, under a key's of 128.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from spark_jobs.lake.comparing import Changes, KeyNotUnique
from spark_jobs.lake.files import Part, Rows, read_rows, remove_parts, replace_files, rows_at, write_part
from spark_jobs.lake.files import written as files_of
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import rows_of, version_of

_SMALL = 100_000
"""What is left of data files of fewer rows is put together."""
_KEY = ["key_a", "key_b"]
_Reflects = Mapping[str, int | str]


def replace_all(root: str, table: Table, parts: Sequence[Part], reflects: _Reflects) -> Changes:
    """Put parts, each key once, in the place of all rows of a table that was made; if they are equal, remove them."""
    old = rows_at(root, table, version_of(root, table))
    new = files_of(root, table, parts)
    count = sum(part.rows for part in parts)
    if old:
        changes = _counted(table, _hashes(table, new), _hashes(table, old), count)
    else:
        changes = Changes(table.name, count, 0, 0, count)
    if changes.any:
        replace_files(root, table, old, parts, reflects)
    else:
        remove_parts(root, table, parts)
    return changes


def append(root: str, table: Table, rows: pl.DataFrame, reflects: _Reflects) -> Changes:
    """Add rows, whose keys are not there yet, to a table that was made."""
    if len(rows):
        replace_files(root, table, [], [write_part(root, table, rows)], reflects)
    return Changes(table.name, len(rows), 0, 0, rows_of(root, table))


def patch(root: str, table: Table, rows: pl.DataFrame, gone: pl.DataFrame, reflects: _Reflects) -> Changes:
    """Put rows in the place of those with the same keys, take out the keys in `gone`, and leave the rest.

    Args:
        root: The lake's root.
        table: A table that was made.
        rows: The declared columns, each key once.
        gone: The key columns, repeats allowed; keys that are not there do no harm. A key in both stays.
        reflects: What the whole table is made from once this is written.

    Raises:
        KeyNotUnique: if a key of `rows` repeats or holds a null.
    """
    keys, rows = list(table.key), rows.select(table.schema.names)
    _check(table, rows)
    wanted = pl.concat([rows.select(keys), gone.select(keys)]).unique()
    hashed = rows.select(*keys, row=rows.hash_rows())
    files = rows_at(root, table, version_of(root, table))
    none = rows.select(keys).clear()
    same, out, small, replaced, parts = [none], [none], [], [], []
    for file in files:
        held = read_rows(table, file, table.schema.names)
        equal, taken = _met(table, held, wanted, hashed)
        same.append(equal)
        if len(taken):
            out.append(taken)
            replaced.append(file)
            rest = held.join(taken, on=keys, how="anti")
            if len(rest) < _SMALL:
                small.append(rest)
            else:
                parts.append(write_part(root, table, rest))
    new = rows.join(pl.concat(same), on=keys, how="anti")
    changes = _changed(table, new, pl.concat(out), sum(file.count for file in files))
    if changes.any:
        together = pl.concat([new, *small])
        parts += [write_part(root, table, together)] if len(together) else []
        replace_files(root, table, replaced, parts, reflects)
    return changes


def _met(table: Table, held: pl.DataFrame, wanted: pl.DataFrame, hashed: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """The wanted keys that a file holds: those whose row is as `hashed` says, and the others."""
    keys = list(table.key)
    found = held.join(wanted, on=keys, how="semi")
    rows = found.select(*keys, row=found.hash_rows())
    equal = rows.join(hashed, on=[*keys, "row"], how="semi").select(keys)
    return equal, found.select(keys).join(equal, on=keys, how="anti")


def _changed(table: Table, new: pl.DataFrame, out: pl.DataFrame, before: int) -> Changes:
    updated = len(new.join(out, on=list(table.key), how="semi"))
    return Changes(table.name, len(new) - updated, updated, len(out) - updated, before + len(new) - len(out))


def counted(table: Table, new: pl.DataFrame, gone: pl.DataFrame, before: int) -> Changes:
    """Count what putting `new` in the place of `gone` does to a table of so many rows before."""
    rows = before + len(new) - len(gone)
    return _counted(table, _hashed(table, new), _hashed(table, gone), rows)


def _counted(table: Table, new: pl.DataFrame, old: pl.DataFrame, rows: int) -> Changes:
    both = new.join(old, on=_KEY, suffix="_old")
    updated = int((both["row"] != both["row_old"]).sum())
    return Changes(table.name, len(new) - len(both), updated, len(old) - len(both), rows)


def _hashes(table: Table, files: Sequence[Rows]) -> pl.DataFrame:
    none = _hashed(table, pl.DataFrame(table.schema.empty_table()))
    return pl.concat([none, *(_hashed(table, read_rows(table, file, table.schema.names)) for file in files)])


def _hashed(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    keys = rows.select(table.key)
    return pl.DataFrame({"key_a": keys.hash_rows(1), "key_b": keys.hash_rows(2), "row": rows.hash_rows(3)})


def _check(table: Table, rows: pl.DataFrame) -> None:
    keys = rows.select(table.key)
    wrong = (keys.is_duplicated() | keys.select(pl.any_horizontal(pl.all().is_null())).to_series()).sum()
    if wrong:
        raise KeyNotUnique(table, int(wrong))
