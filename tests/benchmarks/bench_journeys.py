"""Seconds for sessions, journeys, steps and changes of channel: our job beside DuckDB, as JSON lines.

Both start from the same Delta tables of generated events, people and conversations, join events to people, build the
four tables and write them; the job is `spark_jobs.journeys.journeys.main` in a Spark session that was started and
warmed before, DuckDB reads the tables' Parquet files and writes Parquet files. They take turns, and figures are
medians; the results are compared, row by row. With `--increment` the newest 1 % of the events come to a lake whose
tables stand, and the job brings these up to date; that is compared with DuckDB from scratch.

Example: python tests/benchmarks/bench_journeys.py --sizes 1,3,10,30 --rounds 3 --increment
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import polars as pl
from polars.testing import assert_frame_equal

from spark_jobs.journeys import journeys
from spark_jobs.lake.io import Lake
from spark_jobs.session import spark_session
from tests.benchmarks import journeys_in_duckdb
from tests.benchmarks.journeys_data import add_newest, link_lake, make_lake

THREADS = 2


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def assert_equal(lake: Path, results: Path) -> dict[str, int]:
    """Compare the lake's four tables with DuckDB's files, row by row, and count their rows."""
    counts = {}
    for name, table in journeys_in_duckdb.RESULTS.items():
        ours = pl.read_delta(f"{lake}/{table.path}").select(table.schema.names).sort(table.key)
        theirs = pl.read_parquet(results / f"{name}.parquet").select(table.schema.names).sort(table.key)
        assert_frame_equal(ours, theirs.cast(dict(ours.schema)), check_exact=True)
        counts[name] = len(ours)
    return counts


class Benchmark:
    """The lakes, DuckDB's results and the Spark session of a run."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.results = data / "duckdb"
        self.results.mkdir(parents=True, exist_ok=True)
        self.spark = spark_session("bench-journeys")
        warm = make_lake(data / "20000", 20_000)
        self.ours(warm)

    def ours(self, root: Path) -> None:
        """Build a lake's tables from scratch."""
        shutil.rmtree(root / "gold", ignore_errors=True)
        journeys.main(Lake(self.spark, str(root)))

    def theirs(self, root: Path) -> None:
        """Let DuckDB do so."""
        journeys_in_duckdb.run(root, self.results, THREADS)

    def full(self, events: int, rounds: int) -> dict[str, object]:
        """Build everything of so many events, in turns."""
        root = make_lake(self.data / str(events), events)
        pairs = [(seconds(lambda: self.ours(root)), seconds(lambda: self.theirs(root))) for _ in range(rounds)]
        counts = assert_equal(root, self.results)
        ours, theirs = (median(side) for side in zip(*pairs, strict=True))
        return {
            "events": events,
            "ours_s": round(ours, 2),
            "duckdb_s": round(theirs, 2),
            "speed_beside_duckdb": round(theirs / ours, 2),
            "equal_rows": counts,
        }

    def increment(self, events: int, rounds: int) -> dict[str, object]:
        """Bring the newest 1 % in, while DuckDB builds everything."""
        root = make_lake(self.data / str(events), events)
        pairs = []
        for _ in range(rounds):
            other = self.data / "increment"
            shutil.rmtree(other, ignore_errors=True)
            link_lake(root, other)
            lake = Lake(self.spark, str(other))
            journeys.main(lake)
            add_newest(root, other)
            pairs.append((seconds(lambda lake=lake: journeys.main(lake)), seconds(lambda: self.theirs(root))))
            assert_equal(other, self.results)
        ours, theirs = (median(side) for side in zip(*pairs, strict=True))
        return {
            "events": events,
            "increment": events // 100,
            "ours_s": round(ours, 2),
            "duckdb_from_scratch_s": round(theirs, 2),
            "times_faster": round(theirs / ours, 1),
        }


def main() -> None:
    """Run it."""
    arguments = argparse.ArgumentParser(description="Our journeys job beside DuckDB.")
    arguments.add_argument("--sizes", default="10", help="millions of events, such as 1,3,10,30")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--increment", action="store_true", help="also bring in the newest 1 %% of each size")
    arguments.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "bench-journeys")
    given = arguments.parse_args()
    benchmark = Benchmark(given.data)
    for size in given.sizes.split(","):
        events = int(float(size) * 1_000_000)
        print(json.dumps(benchmark.full(events, given.rounds)), flush=True)
        if given.increment:
            print(json.dumps(benchmark.increment(events, given.rounds)), flush=True)


if __name__ == "__main__":
    main()
