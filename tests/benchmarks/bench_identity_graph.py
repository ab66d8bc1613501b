"""How long the identity graph takes: all of it, and one hundredth more. Prints JSON lines.

It makes up people with three to eight tokens and the links between them, writes them as Delta, and, inside a Spark
session that runs already, resolves everything (read, kernel, write), then events that bring 1 % new links (half of
them new tokens of known people, a quarter new people, a quarter seen before).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity import resolve
from spark_jobs.identity.decisions import STANDING
from spark_jobs.identity.rebuild import write_graph
from spark_jobs.identity.sightings import HOLDINGS, OBSERVED
from spark_jobs.lake import tables
from spark_jobs.lake.files import make
from spark_jobs.lake.io import Lake
from spark_jobs.session import spark_session

KINDS = ("email", "cookie", "customer", "device", "cookie", "phone", "cookie", "loyalty_card")
"""What the first, second … token of a person is."""
_LINKS_A_PERSON = 6.6
_START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def main() -> None:
    """Measure, and print a line for each part."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--links", type=float, default=1e7, help="how many links, 10 million by default")
    links = int(arguments.parse_args().links)
    spark = spark_session("mangrove-bench-identity-graph")
    with tempfile.TemporaryDirectory(prefix="mangrove-bench-") as folder:
        lake = Lake(spark, folder)
        made = write_inputs(Path(folder), links)
        full = measure_full(lake)
        increment = measure_increment(lake, links // 100, made["people"])
    total = sum(full.values())
    say(part="input", **made)
    say(part="full", seconds=total, **full)
    say(part="increment", links=links // 100, seconds=increment, share_of_full=increment / total)
    say(part="memory", **peaks())
    spark.stop()


def names(kind: np.ndarray, number: np.ndarray) -> pl.Series:
    """Tokens as the collector makes them, of 26 characters after the type and the key's version."""
    one, other = (pl.Series(number).hash(seed).cast(pl.String) for seed in (1, 2))
    frame = pl.DataFrame({"kind": pl.Series(KINDS).gather(kind), "number": (one + other).str.slice(0, 26)})
    return frame.select(pl.format("{}.1.{}", "kind", pl.col("number").str.pad_end(26, "A")).alias("name"))["name"]


def write_inputs(folder: Path, links: int) -> dict[str, int]:
    """Write observed tokens and links as Delta, and empty events; a person's first token is in most links."""
    chance = np.random.default_rng(1)
    sizes = chance.integers(3, 9, int(links / _LINKS_A_PERSON) + 1)
    person = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(person)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    token = names(place, person * 8 + place)
    moment = pl.Series(chance.integers(0, 10**13, len(sizes))[person] + place // 3 * 1000).cast(
        pl.Datetime("us", "UTC")
    )
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    later, third = np.flatnonzero(place >= 1), np.flatnonzero(place >= 3)
    a = np.concatenate([first[later], third - 1])[:links]
    b = np.concatenate([later, third])[:links]
    order = chance.permutation(len(a))
    a, b = a[order], b[order]
    seen = {"first_at": moment.gather(b), "last_at": moment.gather(b), "events": pl.repeat(2, len(a), eager=True)}
    ends = pl.DataFrame({"x": token.gather(a), "y": token.gather(b), **seen})
    low, high = pl.min_horizontal("x", "y"), pl.max_horizontal("x", "y")
    pairs = ends.select(pl.lit("link").alias("kind"), low.alias("a"), high.alias("b"), *seen)
    alone = pl.DataFrame({"a": token, "type_a": pl.Series(KINDS).gather(place), "first_at": moment})
    alone = alone[chance.permutation(len(token))].with_columns(
        kind=pl.lit("token"), b=pl.lit(""), type_b=pl.lit(""), last_at="first_at", events=pl.lit(1)
    )
    kinds = {f"type_{end}": pl.col(end).str.extract(r"^([^.]+)\.") for end in ("a", "b")}
    for name, rows in (("links", pairs.with_columns(**kinds)), ("tokens", alone)):
        found = rows.select(OBSERVED.names()).cast(OBSERVED).to_arrow()
        write_deltalake(folder / name, found.cast(plain(found.schema)))
    return {"links": len(pairs), "tokens": len(alone), "people": len(sizes)}


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema without large strings."""
    return pa.schema([(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in schema])


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def measure_full(lake: Lake) -> dict[str, float]:
    """Resolve everything: reading alone, then with the kernel and the writing of its rows, then history and commits."""
    observed = read(lake, "links").unionByName(read(lake, "tokens"))
    drained = observed.mapInArrow(drain, "rows BIGINT")
    # The first query of a session starts what all later ones use.
    _, reading = (timed(lambda: drained.agg(F.sum("rows")).collect()) for _ in range(2))
    for table in (tables.SILVER_EVENTS, *resolve.OUTPUTS):
        make(lake.root, table)
    reflects = {**resolve.reflects_of(lake), "known_at": 0}
    graphs = []
    both = timed(lambda: graphs.append(write_graph(lake, observed, HOLDINGS.to_frame(), STANDING.to_frame())))
    writing = timed(lambda: resolve.write_all(lake, graphs[0], _START, reflects))
    return {"read": reading, "kernel": both - reading, "write": writing}


def read(lake: Lake, name: str) -> DataFrame:
    """What was observed, as the kernel takes it."""
    rows = lake.spark.read.format("delta").load(f"{lake.root}/{name}")
    return rows.withColumn("weight", F.lit(None).cast("double"))


def drain(batches: object) -> object:
    """Take what Spark gives, and count it."""
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"rows": [len(batch)]})


def measure_increment(lake: Lake, links: int, people: int) -> float:
    """Append events with new links, and resolve them, after an increment of nothing."""
    chance = np.random.default_rng(2)
    resolve.main(lake)
    whose = chance.integers(0, people, links)
    whose[: links // 4] = people + np.arange(links // 4)
    other = chance.integers(1, 3, links)
    other[links // 2 :] = 4
    number = np.where(other == 4, people * 16 + np.arange(links), whose * 8 + other)
    ends = zip(names(np.zeros(links, int), whose * 8), names(other, number), strict=True)
    rows = [
        {
            **dict.fromkeys(tables.SILVER_EVENTS.schema.names),
            "event_id": f"event.1.{n}",
            "event_at": _START,
            "received_at": _START,
            "identifiers": [{"type": one.split(".")[0], "token": one} for one in pair],
        }
        for n, pair in enumerate(ends)
    ]
    events = pa.Table.from_pylist(rows, tables.SILVER_EVENTS.schema)
    lake.spark.createDataFrame(events).write.format("delta").mode("append").save(lake.path(tables.SILVER_EVENTS))
    return timed(lambda: resolve.main(lake))


def peaks() -> dict[str, float]:
    """The most memory that this process and the largest of Spark's Python tasks held, in GB."""
    held = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        command = (status.parent / "cmdline").read_bytes()
        if "VmHWM" in lines and (b"pyspark" in command or status.parent.name == str(Path("/proc/self").resolve().name)):
            who = "task_gb" if b"pyspark.daemon" in command or b"pyspark.worker" in command else "driver_gb"
            held[who] = max(held.get(who, 0.0), int(lines["VmHWM"].split()[0]) / 1e6)
    return held


def say(**facts: object) -> None:
    """Print a JSON line."""
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in facts.items()}), flush=True)


if __name__ == "__main__":
    main()
