import random

import pytest

from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake
from spark_jobs.lake.snapshot import IDENTITY_VERSION
from spark_jobs.pipeline import JobUnknown, run
from tests.spark.build import a_busy_month, rows_of, write_bronze

pytestmark = [pytest.mark.spark, pytest.mark.slow]

WRITTEN = [table for table in tables.ALL if table.writer not in ("lander", "score", "operator")]


@pytest.fixture(scope="module")
def rows():
    return rows_of(a_busy_month(40))


@pytest.fixture(scope="module")
def lake(spark, rows, tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    write_bronze(root, rows)
    lake = Lake(spark, str(root))
    run(["all"], lake)
    return lake


def content(lake, table):
    return sorted(lake.read(table).toPandas().astype(str).itertuples(index=False, name=None))


def test_every_table_is_filled_but_those_of_profiles_which_nobody_sent(lake):
    empty = [t.name for t in WRITTEN if lake.read(t).isEmpty()]
    assert empty == [tables.IDENTITY_MATCHES.name, tables.IDENTITY_MATCH_RUNS.name]


def test_a_second_run_changes_no_table_version(lake):
    before = {t.name: lake.version(t) for t in WRITTEN}
    reported = []
    done = run(["all"], lake, reported.append)
    assert {t.name: lake.version(t) for t in WRITTEN} == before
    assert tuple(reported) == done
    assert all(not c.any for d in done for c in d.changes)


def newest_graph(lake):
    return max(r["version"] for r in lake.read(tables.IDENTITY_VERSIONS).collect())


def graphs_of_marts(lake):
    return {
        lake.reflected(mart).get(IDENTITY_VERSION) for mart in (tables.PRIVATE_CONVERSATIONS, tables.PRIVATE_JOURNEYS)
    }


def test_shuffled_and_repeated_bronze_in_batches_gives_the_same_lake(lake, spark, rows, tmp_path):
    chance = random.Random(7)
    arrived = [{**row, "journal_id": f"journal-{n % 3}"} for n, row in enumerate(chance.sample(rows, len(rows)))]
    repeats = [{**row, "journal_id": "journal-9"} for row in chance.sample(rows, 60)]
    other = Lake(spark, str(tmp_path))
    write_bronze(tmp_path, arrived[:250])
    run(["all"], other)
    assert graphs_of_marts(other) == {newest_graph(other)} == {1}
    write_bronze(tmp_path, arrived[250:] + repeats, batches=2)
    # Marts that are made before conversations and journeys followed the graph hold people of the graph before.
    run(["refine", "resolve", "marts"], other)
    assert (graphs_of_marts(other), newest_graph(other)) == ({1}, 2)
    run(["all"], other)
    assert graphs_of_marts(other) == {newest_graph(other)} == {2}
    # The history tells how the graph came about, which differs; all else must not.
    for table in WRITTEN:
        if table not in (tables.IDENTITY_HISTORY, tables.IDENTITY_VERSIONS):
            assert content(other, table) == content(lake, table), table.name


def test_marts_hold_known_people_within_their_bounds(lake):
    for mart in (tables.PRIVATE_CONVERSATIONS, tables.PRIVATE_JOURNEYS):
        units = {r["person_id"] for r in lake.read(tables.IDENTITY_PEOPLE).where("NOT shared").collect()}
        assert {r["person_id"] for r in lake.read(mart).collect()} <= units


def test_an_unknown_job_is_refused_before_anything_runs(lake):
    with pytest.raises(JobUnknown, match="refine, match, resolve"):
        run(["refine", "refind"], lake)
