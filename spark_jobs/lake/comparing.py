"""What would change if a table held other rows: counted before anything is written."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from privacy.errors import MangroveError
from spark_jobs.lake.schemas import Table


class KeyNotUnique(MangroveError):
    """A job built rows whose key repeats or is null."""

    reason = "KEY_NOT_UNIQUE"

    def __init__(self, table: Table, rows: int) -> None:
        super().__init__(
            f"{table.name}: {rows} keys ({', '.join(table.key)}) repeat or are null; nothing was written. "
            f"The job `{table.writer}` must give each key once."
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write did to a table, in rows; all zero means that no commit was made."""

    table: str
    inserted: int
    updated: int
    deleted: int
    rows: int

    @property
    def any(self) -> bool:
        """Whether the table's content changed."""
        return self.inserted + self.updated + self.deleted > 0

    def __str__(self) -> str:
        """One line for a terminal."""
        changed = f"{self.inserted} new, {self.updated} changed, {self.deleted} gone"
        return f"{self.table}: {self.rows} rows, {changed}"


def build_compared(table: Table, new: DataFrame, old: DataFrame) -> DataFrame:
    """One row a key: `new` and `old` rows as structs (null if absent), how often it came, and the change."""
    sides = [
        frame.select(*table.key, F.struct(*table.schema.names).alias("row"), F.lit(is_new).alias("is_new"))
        for frame, is_new in ((new, True), (old, False))
    ]
    return (
        sides[0]
        .unionByName(sides[1])
        .groupBy(*table.key)
        .agg(
            F.count_if(F.col("is_new")).alias("times"),
            F.max(F.when(F.col("is_new"), F.col("row"))).alias("new"),
            F.max(F.when(~F.col("is_new"), F.col("row"))).alias("old"),
        )
        .select(
            "times",
            "new",
            "old",
            F.expr(" OR ".join(f"{k} IS NULL" for k in table.key)).alias("key_is_null"),
            F.expr(
                "CASE WHEN new IS NULL THEN 'deleted' WHEN old IS NULL THEN 'inserted' "
                "WHEN new <=> old THEN 'same' ELSE 'updated' END"
            ).alias("change"),
        )
    )


def count_first(table: Table, rows: DataFrame) -> Changes:
    """Count the rows of a table's first write, as `count_changes` does, without comparing what is not there.

    Raises:
        KeyNotUnique: if a key repeats or holds a null.
    """
    keys = rows.groupBy(*table.key).count()
    row = keys.agg(
        F.sum(F.when(F.expr(" OR ".join(f"{k} IS NULL" for k in table.key) + " OR count > 1"), 1)).alias("wrong"),
        F.sum("count").alias("rows"),
    ).first()
    if row is not None and row["wrong"]:
        raise KeyNotUnique(table, row["wrong"])
    count = (row["rows"] if row is not None else None) or 0
    return Changes(table.name, count, 0, 0, count)


def count_changes(table: Table, compared: DataFrame) -> Changes:
    """Count what `build_compared` found; `rows` are those that were given.

    Raises:
        KeyNotUnique: if a key of the new rows repeats or holds a null.
    """
    row = compared.agg(
        F.count_if(F.expr("times > 1 OR key_is_null")).alias("wrong"),
        F.count_if(F.expr("times > 0")).alias("rows"),
        *(F.count_if(F.col("change") == name).alias(name) for name in ("inserted", "updated", "deleted")),
    ).first()
    if row is None or row["wrong"]:
        raise KeyNotUnique(table, 0 if row is None else row["wrong"])
    return Changes(table.name, row["inserted"], row["updated"], row["deleted"], row["rows"])
