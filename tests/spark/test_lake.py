from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from spark_jobs.lake.io import KeyNotUnique, Lake, spark_schema
from spark_jobs.lake.schemas import FLOAT, INT, STRING, STRINGS, Column, Table

pytestmark = pytest.mark.spark

THINGS = Table(
    name="tests.things",
    meaning="Things.",
    key=("id",),
    writer="tests",
    columns=(
        Column("id", STRING, "which", pseudonym=True),
        Column("size", INT, "how large"),
        Column("weight", FLOAT, "how heavy"),
        Column("tags", STRINGS, "labels"),
    ),
    followed=True,
)


@pytest.fixture
def lake(spark, tmp_path):
    return Lake(spark, str(tmp_path))


def things(spark, *rows):
    return spark.createDataFrame([dict(zip(THINGS.schema.names, r, strict=True)) for r in rows], spark_schema(THINGS))


def content(lake):
    return sorted(tuple(row) for row in lake.read(THINGS).collect())


def test_sync_inserts_changes_and_deletes_so_that_the_table_equals_the_rows(spark, lake):
    lake.sync(THINGS, things(spark, ("a", 1, 1.0, ["x"]), ("b", None, None, None), ("c", 3, None, [])))
    changes = lake.sync(THINGS, things(spark, ("a", 1, 1.0, ["x"]), ("b", 2, None, None), ("d", 4, 0.5, ["y"])))
    assert (changes.inserted, changes.updated, changes.deleted, changes.rows) == (1, 1, 1, 3)
    assert content(lake) == [("a", 1, 1.0, ["x"]), ("b", 2, None, None), ("d", 4, 0.5, ["y"])]


def test_sync_makes_no_commit_when_nothing_differs_null_or_not(spark, lake):
    rows = (("a", None, 1.0, None), ("b", 2, None, ["x", None]))
    lake.sync(THINGS, things(spark, *rows))
    before = lake.version(THINGS)
    assert not lake.sync(THINGS, things(spark, *reversed(rows))).any
    assert lake.version(THINGS) == before


def test_sync_of_no_rows_makes_the_table_that_readers_expect(spark, lake, tmp_path):
    assert lake.version(THINGS) is None
    assert content(lake) == []
    lake.sync(THINGS, things(spark))
    assert lake.version(THINGS) == 0
    assert DeltaTable(str(tmp_path / THINGS.path)).to_pyarrow_table().schema.names == THINGS.schema.names


@pytest.mark.parametrize("bad", [[("a", 1, None, None), ("a", 1, None, None)], [(None, 1, None, None)]])
def test_a_key_that_repeats_or_is_null_is_refused_and_nothing_written(spark, lake, bad):
    lake.sync(THINGS, things(spark, ("z", 1, None, None)))
    before = lake.version(THINGS)
    with pytest.raises(KeyNotUnique, match="nothing was written"):
        lake.sync(THINGS, things(spark, *bad))
    assert lake.version(THINGS) == before


def test_tables_are_readable_by_delta_rs_and_keep_pseudonyms_out_of_statistics(spark, lake, tmp_path):
    lake.sync(THINGS, things(spark, ("secret", 1, 1.0, ["x"])))
    lake.sync(THINGS, things(spark, ("secret", 2, 1.0, ["x"])))
    table = DeltaTable(str(tmp_path / THINGS.path))
    assert table.protocol().reader_features in (None, [])
    assert table.to_pyarrow_table() == pa.table(
        {"id": ["secret"], "size": [2], "weight": [1.0], "tags": [["x"]]}, THINGS.schema
    )
    log = "".join(p.read_text() for p in (tmp_path / THINGS.path / "_delta_log").glob("*.json"))
    assert "secret" not in log


def test_the_transaction_settings_do_not_outlive_a_write(spark, lake):
    lake.sync(THINGS, things(spark, ("a", 1, None, None)))
    lake.sync(THINGS, things(spark, ("a", 2, None, None)))
    assert spark.conf.get("spark.databricks.delta.write.txnAppId", None) is None
    assert spark.conf.get("spark.databricks.delta.write.txnVersion", None) is None


def test_a_write_that_is_retried_at_the_same_version_is_applied_once(spark, lake):
    lake.sync(THINGS, things(spark, ("a", 1, None, None)))
    seen, version = lake.read(THINGS).persist(), lake.version(THINGS)
    lake.sync(THINGS, things(spark, ("a", 1, None, None), ("b", 2, None, None)))
    spark.conf.set("spark.databricks.delta.write.txnAppId", "tests:tests.things")
    spark.conf.set("spark.databricks.delta.write.txnVersion", str(version + 1))
    try:
        seen.selectExpr("'c' AS id", "size", "weight", "tags").write.format("delta").mode("append").save(
            lake.path(THINGS)
        )
    finally:
        spark.conf.unset("spark.databricks.delta.write.txnAppId")
        spark.conf.unset("spark.databricks.delta.write.txnVersion")
    assert [row[0] for row in content(lake)] == ["a", "b"]


def test_a_table_tells_what_it_reflects_until_a_write_says_something_else(spark, lake):
    assert lake.reflected(THINGS) == {}
    lake.sync(THINGS, things(spark, ("a", 1, None, None)), reflects={"tests.source": 3, "rules": "f00"})
    assert lake.reflected(THINGS) == {"tests.source": 3, "rules": "f00"}
    lake.sync(THINGS, things(spark, ("b", 1, None, None)), reflects={"tests.source": 4})
    assert lake.reflected(THINGS) == {"tests.source": 4}


def test_changes_are_those_since_a_version(spark, lake):
    lake.sync(THINGS, things(spark, ("a", 1, None, None), ("b", 2, None, None), ("c", 3, None, None)))
    since = lake.version(THINGS)
    assert lake.changes(THINGS, since).count() == 0
    lake.sync(THINGS, things(spark, ("a", 1, None, None), ("b", 5, None, None), ("d", 4, None, None)))
    changed = sorted((row["id"], row["size"], row["change"]) for row in lake.changes(THINGS, since).collect())
    assert changed == [("b", 2, "before"), ("b", 5, "after"), ("c", 3, "deleted"), ("d", 4, "inserted")]
    assert lake.changes(THINGS, since + 2) is None


def test_changes_before_a_table_was_followed_are_not_known_and_those_after_are(spark, lake):
    alone = replace(THINGS, followed=False)
    lake.sync(alone, things(spark, ("a", 1, None, None)))
    lake.sync(alone, things(spark, ("a", 2, None, None)))
    assert lake.changes(THINGS, lake.version(THINGS) - 1) is None
    lake.sync(THINGS, things(spark, ("a", 3, None, None)))
    assert [
        row["size"] for row in lake.changes(THINGS, lake.version(THINGS) - 1).where("change = 'after'").collect()
    ] == [3]
