"""Answers of the query service beside the same question without privacy, as JSON lines.

A mart of a million rows of 50,000 people over 13 weeks lies in a Delta table. Each round asks for the conversations of
some channels, week by week: the whole handler, ledger on disk included, before an answer is held for its moment.
Filters change from round to round, so no answer is reused. The peer is DuckDB with the same SQL in the same rounds,
over the files of the table, and over a copy of it in DuckDB's own memory. All use the same two threads. With
`--tumult`, a Python that has Tumult Analytics (`pip install tmlt.analytics` in an environment of its own), it answers
the first ten of these questions as well, with the same bounds and price.

Example: python -m tests.benchmarks.bench_private_query --rounds 200
"""

import argparse
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from privacy.ledger.sqlite import SqliteLedger
from services.private_query.catalogue import DEFAULT_CATALOGUE, Catalogue, load_catalogue
from services.private_query.engine import DeltaEngine
from services.private_query.handlers import run_query
from services.private_query.ports import Ports
from services.private_query.question import AskedMeasure, Between, Filter, OneOf, Question, RhoPrice
from services.private_query.wire import answer_to_bytes
from spark_jobs.lake import tables

ROWS, PEOPLE, DAYS, MANY_KEYS = 1_000_000, 50_000, 91, 90_000
FIRST_DAY = date(2026, 1, 5)
CHANNELS = ("web", "app", "chat", "voice", "email", "social", "store")
TUMULT_ROUNDS = 10
RHO_NANO = 10_000_000
P50_MS, P99_MS, MOST_OVER_PEER, MANY_KEYS_S = 15.0, 60.0, 1.5, 1.5


def mart(rows: int, people: int) -> pa.Table:
    """Return a mart of conversations."""
    rng = np.random.default_rng(7)
    first = (FIRST_DAY - date(1970, 1, 1)).days
    picked = {
        "channel": np.array(CHANNELS)[rng.integers(0, 7, rows)],
        "language": np.array(["zh", "en"])[rng.integers(0, 2, rows)],
        "outcome": np.array(["resolved", "abandoned", "escalated", "open"])[rng.integers(0, 4, rows)],
    }
    numbers = {name: rng.integers(low, high, rows) for name, low, high in (("turns", 0, 60), ("satisfaction", 1, 6))}
    return pa.table(
        {
            "person_id": [f"person-{n:06d}-of-a-usual-length" for n in rng.integers(0, people, rows)],
            "row_token": [f"conversation.1.{n:010d}-of-a-usual-length" for n in range(rows)],
            "day": pa.array((first + rng.integers(0, DAYS, rows)).astype(np.int32)).cast(pa.date32()),
            "handed_over": rng.integers(0, 2, rows).astype(bool),
            "wait_s": pa.array(rng.integers(0, 3600, rows), mask=rng.random(rows) < 0.2),
            **picked,
            **numbers,
        }
    ).select(tables.PRIVATE_CONVERSATIONS.schema.names)


def catalogue_at(folder: Path) -> Catalogue:
    """Return the default catalogue with a budget that lasts, and a key of many declared values."""
    text = DEFAULT_CATALOGUE.read_text()
    for name in ("partner", "dataset", "day"):
        for amount in ("500_000_000", "1_000_000_000"):
            text = text.replace(f"{name}_rho_nano = {amount}\n", f"{name}_rho_nano = 1_000_000_000_000\n")
    path = folder / "catalogue.toml"
    path.write_text(text)
    return load_catalogue(path)


def asked(filters: tuple[Filter, ...], group_by: tuple[str, ...] = ("week",)) -> Question:
    """Return a question about all weeks."""
    until = (FIRST_DAY + timedelta(days=DAYS)).isoformat()
    price = RhoPrice(RHO_NANO)
    return Question("conversations", (AskedMeasure("count"),), group_by, filters, FIRST_DAY.isoformat(), until, price)


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds work took."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def told(name: str, values: list[float], **more: object) -> None:
    """Print a line."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    line = {"what": name, "rounds": len(values), "p50_ms": round(median(values), 2), "p99_ms": round(p99, 2)}
    print(json.dumps(line | more), flush=True)


class Tumult:
    """Tumult Analytics in a process and an environment of its own, over the same files."""

    def __init__(self, python: str, files: list[str], groups: int, rows: int) -> None:
        monday = FIRST_DAY - timedelta(days=FIRST_DAY.weekday())
        weeks = [(monday + timedelta(days=day)).isoformat() for day in range(0, DAYS + 7, 7)]
        peer = Path(__file__).with_name("tumult_peer.py")
        self._process = subprocess.Popen([python, str(peer)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._send({"files": files, "weeks": weeks, "groups": groups, "rows": rows})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _send(self, line: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def ask(self, where: str) -> float:
        """Return how many milliseconds an answer took."""
        self._send({"where": where, "rho": RHO_NANO / 1e9})
        assert self._process.stdout is not None
        return float(json.loads(self._process.stdout.readline())["ms"])


def beside_tumult(ports: Ports, folder: Path, python: str) -> None:
    """Time the same questions beside Tumult Analytics, in turns."""
    dataset = ports.catalogue.dataset[0]
    bounds = dataset.max_groups_per_person, dataset.max_rows_per_group
    files = [str(path) for path in (folder / tables.PRIVATE_CONVERSATIONS.path).glob("*.parquet")]
    ours, theirs = [], []
    with Tumult(python, files, *bounds) as tumult:
        tumult.ask("turns >= 0")
        for turn, channels in zip(range(TUMULT_ROUNDS), itertools.combinations(CHANNELS, 3), strict=False):
            filters = (Filter("channel", OneOf(channels)), Filter("turns", Between(-turn - 1001, None)))
            ours.append(timed(lambda f=filters: run_query(asked(f), partner="partner", ports=ports)))
            theirs.append(tumult.ask(f"channel IN {channels!r} AND turns >= {-turn - 1001}"))
    told("tumult analytics, week by week", theirs, times_mangrove=round(median(theirs) / median(ours), 1))


def weekly(ports: Ports, folder: Path, rounds: int) -> bool:
    """Time the filtered weekly group-by beside the peers; return whether the figures were reached."""
    files = DeltaTable(str(folder / tables.PRIVATE_CONVERSATIONS.path)).file_uris()
    database = duckdb.connect(config={"threads": 2})
    database.sql(f"CREATE VIEW files AS SELECT * FROM read_parquet({files!r})")  # noqa: S608 - our own file names
    database.sql("CREATE TABLE memory AS SELECT * FROM files")
    run_query(asked(()), partner="partner", ports=ports)
    ours: list[float] = []
    spent: dict[str, list[float]] = {"files": [], "memory": []}
    choices = itertools.cycle(itertools.combinations(CHANNELS, 3))
    for turn, channels in zip(range(rounds), choices, strict=False):
        # The range leaves nearly everything in, and makes each round's question a new one.
        filters = (Filter("channel", OneOf(channels)), Filter("turns", Between(-turn - 1, None)))
        ours.append(timed(lambda f=filters: run_query(asked(f), partner="partner", ports=ports)))
        for name, own in spent.items():
            sql = (
                f"SELECT date_trunc('week', day) AS week, count(*) FROM {name} "  # noqa: S608 - our own names
                f"WHERE channel IN {channels!r} AND turns >= {-turn - 1} GROUP BY ALL"
            )
            own.append(timed(lambda s=sql: database.sql(s).fetchall()))
    told("mangrove, week by week", ours, at_most={"p50_ms": P50_MS, "p99_ms": P99_MS})
    for name, own in spent.items():
        told(f"duckdb without privacy, {name}", own, mangrove_over_it=round(median(ours) / median(own), 2))
    over = median(ours) / median(spent["files"])
    p99 = sorted(ours)[int(len(ours) * 0.99) - 1]
    return median(ours) <= P50_MS and p99 <= P99_MS and over <= MOST_OVER_PEER


def other_measures(ports: Ports, rounds: int) -> None:
    """Time the other measures on the same rows."""
    kinds = {
        "persons": AskedMeasure("persons"),
        "sum": AskedMeasure("sum", "turns"),
        "mean": AskedMeasure("mean", "wait_s"),
        "variance": AskedMeasure("variance", "turns"),
        "quantiles": AskedMeasure("quantiles", "wait_s", (250, 500, 750)),
        "ratio": AskedMeasure("ratio", share_of=Filter("outcome", OneOf(("resolved",)))),
    }
    for name, measure in kinds.items():
        spent = []
        for turn in range(rounds):
            filters = (Filter("channel", OneOf(CHANNELS[:3])), Filter("turns", Between(-turn - 1, None)))
            question = Question(**{**_fields(asked(filters)), "measures": (measure,)})
            spent.append(timed(lambda q=question: run_query(q, partner="partner", ports=ports)))
        told(f"mangrove, {name} week by week", spent)


def _fields(question: Question) -> dict[str, object]:
    return {name: getattr(question, name) for name in question.__slots__}


def many_keys(ports: Ports, rounds: int) -> bool:
    """Time an answer of 90,000 groups; return whether the figure was reached."""
    dataset = ports.catalogue.dataset[0]
    values = tuple(f"value {n}" for n in range(MANY_KEYS))
    column = dataset.column[1].model_copy(update={"values": values})
    wide = dataset.model_copy(update={"column": (dataset.column[0], column, *dataset.column[2:])})
    own = Ports(
        ports.catalogue.model_copy(update={"dataset": (wide,)}),
        ports.engine,
        ports.ledger,
        ports.truncation_secret,
        ports.encode,
    )
    run_query(asked(()), partner="partner", ports=own)
    spent = []
    for turn in range(rounds):
        question = asked((Filter("turns", Between(-turn - 1, None)),), ("language",))
        spent.append(timed(lambda q=question: run_query(q, partner="partner", ports=own)))
    told(f"mangrove, {MANY_KEYS} keys", spent, at_most={"p50_ms": 1000 * MANY_KEYS_S})
    return median(spent) <= 1000 * MANY_KEYS_S


def main() -> int:
    """Run, and return 0 when the figures were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--tumult", metavar="PYTHON", help="a Python that has tmlt.analytics, as another peer")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = max(1, arguments.rows * PEOPLE // ROWS)
        rows = mart(arguments.rows, people)
        for part in range(4):
            size = -(-len(rows) // 4)
            path = str(folder / tables.PRIVATE_CONVERSATIONS.path)
            write_deltalake(path, rows.slice(part * size, size), mode="append")
        ledger = SqliteLedger(folder / "ledger.sqlite")
        ports = Ports(
            catalogue_at(folder), DeltaEngine(name), ledger, b"t" * 32, lambda answer, _: answer_to_bytes(answer)
        )
        first = timed(lambda: run_query(asked((Filter("turns", Between(0, None)),)), partner="partner", ports=ports))
        print(json.dumps({"what": "mangrove, first question of a version", "ms": round(first, 1)}), flush=True)
        reached = weekly(ports, folder, arguments.rounds)
        if arguments.tumult:
            beside_tumult(ports, folder, arguments.tumult)
        other_measures(ports, max(3, arguments.rounds // 10))
        reached &= many_keys(ports, max(3, arguments.rounds // 40))
        ledger.close()
    print(json.dumps({"reached": reached}))
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
