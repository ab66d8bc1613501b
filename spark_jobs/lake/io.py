"""The one place where Spark reads and writes the lake."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name every Spark user knows
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from spark_jobs.lake.comparing import Changes, KeyNotUnique, build_compared, count_changes, count_first
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import commits_of, is_there, reflected_by, shape_of, version_of, was_followed

__all__ = ["Changes", "KeyNotUnique", "Lake", "Reflected", "spark_schema"]

Reflected = Mapping[str, int | str]
"""What a table's rows were made from: versions of the tables read, and whatever else a job wants to know again."""

_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"
_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_CHANGES = {"insert": "inserted", "update_preimage": "before", "update_postimage": "after", "delete": "deleted"}
_ROWS_OF_FILE = 1_000_000
"""A table of fewer rows starts as one file."""
_FILES_KEPT = timedelta(days=7)
"""Delta's default: files that no version needs since then may be gone."""


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
        return _declared(table, self.spark.read.format("delta").load(self.path(table)))

    def version(self, table: Table) -> int | None:
        """The table's Delta version, None if it was not made yet."""
        return version_of(self.root, table) if self.exists(table) else None

    def reflected(self, table: Table, version: int | None = None) -> dict[str, int | str]:
        """What the table's newest write up to a version said its rows were made from; empty if it said nothing."""
        return reflected_by(self.root, table, version) if self.exists(table) else {}

    def changes(self, table: Table, after: int) -> DataFrame | None:
        """Rows that versions later than `after` changed, from Delta's change data feed.

        Returns:
            The declared columns and `change`: inserted, before or after (of an update), or deleted; a row that
            several versions changed comes several times. None if it is not known: the table's `followed` was not
            declared then, or is so long ago that the files may be gone.
        """
        newest = self.version(table)
        if newest is None or newest < after:
            return None
        if newest == after:
            return self.read(table).limit(0).withColumn("change", F.lit(None).cast("string"))
        if not self._kept(table, after) or not was_followed(self.root, table, after):
            return None
        feed = self.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", after + 1)
        names = F.create_map(*(F.lit(word) for pair in _CHANGES.items() for word in pair))
        return _declared(table, feed.load(self.path(table)), names[F.col("_change_type")].alias("change"))

    def sync(self, table: Table, rows: DataFrame, *, reflects: Reflected | None = None) -> Changes:
        """Make the table's content equal to `rows`, by key.

        Makes no commit when nothing differs. The first write appends to a table made as declared; later
        ones are one MERGE that inserts, updates the rows that differ and deletes those gone. Each carries a
        Delta transaction (writer and table, version it builds on), so that a retry is applied once, and what the
        rows were made from, see `reflected`.

        Raises:
            KeyNotUnique: if a key of `rows` repeats or holds a null.
        """
        if self._prepare(table):
            return self._write_first(table, rows, reflects)
        return self._write(table, build_compared(table, rows, self.read(table)), reflects)

    def _prepare(self, table: Table) -> bool:
        """Make the table if it is not there, else bring it to its declaration; whether it was made."""
        if self.exists(table):
            self._follow_declaration(table)
            return False
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table))
        types = spark_schema(table)
        for column in table.columns:
            builder = builder.addColumn(column.name, types[column.name].dataType, comment=column.meaning)
        for name, value in table.properties.items():
            builder = builder.property(name, value)
        if table.partition_by:
            builder = builder.partitionedBy(*table.partition_by)
        builder.execute()
        return True

    def _follow_declaration(self, table: Table) -> None:
        """A table that an older version made gets the columns and properties that were declared since."""
        there, properties = shape_of(self.root, table)
        missing = [field for field in spark_schema(table) if field.name not in there]
        if missing:
            added = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in missing)
            self.spark.sql(f"ALTER TABLE delta.`{self.path(table)}` ADD COLUMNS ({added})")
        late = {name: value for name, value in table.properties.items() if properties.get(name) != value}
        if late:
            listed = ", ".join(f"'{name}' = '{value}'" for name, value in late.items())
            self.spark.sql(f"ALTER TABLE delta.`{self.path(table)}` SET TBLPROPERTIES ({listed})")

    def _kept(self, table: Table, after: int) -> bool:
        """Whether the files of all versions later than `after` must still be there."""
        earliest = datetime.now(UTC) - _FILES_KEPT
        return any(
            commit["version"] == after + 1 and commit["timestamp"] > earliest.timestamp() * 1000
            for commit in commits_of(self.root, table)
        )

    def _write_first(self, table: Table, rows: DataFrame, reflects: Reflected | None) -> Changes:
        rows = rows.select(*table.schema.names).persist()
        try:
            changes = count_first(table, rows)
            if changes.any:
                with self._transaction(table, reflects):
                    files = rows.coalesce(1 + changes.rows // _ROWS_OF_FILE)
                    files.write.format("delta").mode("append").save(self.path(table))
        finally:
            rows.unpersist()
        return changes

    def _write(self, table: Table, compared: DataFrame, reflects: Reflected | None) -> Changes:
        compared = compared.persist()
        try:
            changes = count_changes(table, compared)
            if changes.any:
                with self._transaction(table, reflects):
                    self._merge(table, compared.where("change != 'same'"))
        finally:
            compared.unpersist()
        return changes

    def _merge(self, table: Table, changed: DataFrame) -> None:
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
    def _transaction(self, table: Table, reflects: Reflected | None) -> Iterator[None]:
        """Session settings are the only way to make a MERGE idempotent; they must not outlive it."""
        settings = {
            _TXN_APP: f"{table.writer}:{table.name}",
            _TXN_VERSION: str((self.version(table) or 0) + 1),
            **({_METADATA: json.dumps(dict(reflects))} if reflects else {}),
        }
        for name, value in settings.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in settings:
                self.spark.conf.unset(name)


def spark_schema(table: Table) -> StructType:
    """The declared columns as Spark's schema."""
    return from_arrow_schema(table.schema)


def _declared(table: Table, rows: DataFrame, *more: Column) -> DataFrame:
    """The declared columns, null where an older table does not have one yet, and `more`."""
    types = spark_schema(table)
    return rows.select(*(_column(rows, types[name]) for name in table.schema.names), *more)


def _column(rows: DataFrame, field: StructField) -> Column:
    return F.col(field.name) if field.name in rows.columns else F.lit(None).cast(field.dataType).alias(field.name)
