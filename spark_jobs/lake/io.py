"""The one place where Spark reads and writes the lake."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name every Spark user knows
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from privacy.errors import MangroveError
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import is_there, version_of

_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"


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
    """What a sync did to a table, in rows; all zero means that no commit was made."""

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


class Lake:
    """Delta tables below one root.

    Args:
        spark: A session with Delta.
        root: A local folder or a URL such as s3a://bucket/lake.
    """

    def __init__(self, spark: SparkSession, root: str) -> None:
        self.spark = spark
        self.root = root.rstrip("/")

    def path(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.root}/{table.path}"

    def exists(self, table: Table) -> bool:
        """Whether the table was made."""
        return is_there(self.root, table)

    def read(self, table: Table) -> DataFrame:
        """The table as it stands, in its declared columns; empty if it was not made yet."""
        if not self.exists(table):
            return self.spark.createDataFrame([], spark_schema(table))
        rows = self.spark.read.format("delta").load(self.path(table))
        types = spark_schema(table)
        return rows.select(*(_column(rows, types[name]) for name in table.schema.names))

    def version(self, table: Table) -> int | None:
        """The table's Delta version, None if it was not made yet."""
        return version_of(self.root, table) if self.exists(table) else None

    def sync(self, table: Table, rows: DataFrame) -> Changes:
        """Make the table's content equal to `rows`, by key.

        Makes no commit when nothing differs. The first write appends to a table made as declared; later
        ones are one MERGE that inserts, updates the rows that differ and deletes those gone. Each carries a
        Delta transaction (writer and table, version it builds on), so that a retry is applied once.

        Raises:
            KeyNotUnique: if a key of `rows` repeats or holds a null.
        """
        fresh = not self.exists(table)
        if fresh:
            self._create(table)
        else:
            self._add_missing_columns(table)
        compared = _compare(table, rows, self.read(table)).persist()
        try:
            changes = _count(table, compared)
            if changes.any:
                self._apply(table, compared, append=fresh)
        finally:
            compared.unpersist()
        return changes

    def _create(self, table: Table) -> None:
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table))
        types = spark_schema(table)
        for column in table.columns:
            builder = builder.addColumn(column.name, types[column.name].dataType, comment=column.meaning)
        for name, value in table.properties.items():
            builder = builder.property(name, value)
        if table.partition_by:
            builder = builder.partitionedBy(*table.partition_by)
        builder.execute()

    def _add_missing_columns(self, table: Table) -> None:
        """A table that an older version made gets the columns that were declared since."""
        there = self.spark.read.format("delta").load(self.path(table)).columns
        missing = [field for field in spark_schema(table) if field.name not in there]
        if missing:
            added = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in missing)
            self.spark.sql(f"ALTER TABLE delta.`{self.path(table)}` ADD COLUMNS ({added})")

    def _apply(self, table: Table, compared: DataFrame, append: bool) -> None:
        changed = compared.where("change != 'same'")
        with self._transaction(table):
            if append:
                new = changed.select("new.*").coalesce(1)
                new.write.format("delta").mode("append").save(self.path(table))
                return
            source = changed.select("change", F.expr("coalesce(new, old)").alias("row")).select("change", "row.*")
            columns = {name: f"source.{name}" for name in table.schema.names}
            (
                DeltaTable.forPath(self.spark, self.path(table))
                .alias("target")
                .merge(source.alias("source"), " AND ".join(f"target.{k} = source.{k}" for k in table.key))
                .whenMatchedDelete("source.change = 'deleted'")
                .whenMatchedUpdate("source.change = 'updated'", columns)
                .whenNotMatchedInsert("source.change = 'inserted'", columns)
                .execute()
            )

    @contextmanager
    def _transaction(self, table: Table) -> Iterator[None]:
        """Session settings are the only way to make a MERGE idempotent; they must not outlive it."""
        next_version = (self.version(table) or 0) + 1
        self.spark.conf.set(_TXN_APP, f"{table.writer}:{table.name}")
        self.spark.conf.set(_TXN_VERSION, str(next_version))
        try:
            yield
        finally:
            self.spark.conf.unset(_TXN_APP)
            self.spark.conf.unset(_TXN_VERSION)


def spark_schema(table: Table) -> StructType:
    """The declared columns as Spark's schema."""
    return from_arrow_schema(table.schema)


def _column(rows: DataFrame, field: StructField) -> Column:
    """A declared column, null in a table that does not have it yet."""
    return F.col(field.name) if field.name in rows.columns else F.lit(None).cast(field.dataType).alias(field.name)


def _compare(table: Table, new: DataFrame, old: DataFrame) -> DataFrame:
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


def _count(table: Table, compared: DataFrame) -> Changes:
    row = compared.agg(
        F.count_if(F.expr("times > 1 OR key_is_null")).alias("wrong"),
        F.count_if(F.expr("times > 0")).alias("rows"),
        *(F.count_if(F.col("change") == name).alias(name) for name in ("inserted", "updated", "deleted")),
    ).first()
    if row is None or row["wrong"]:
        raise KeyNotUnique(table, 0 if row is None else row["wrong"])
    return Changes(table.name, row["inserted"], row["updated"], row["deleted"], row["rows"])
