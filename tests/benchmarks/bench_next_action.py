"""Next-action models beside the best possible predictions, and what training on a million conversations takes.

Simulated worlds go through the kernel of moments into the tasks of the catalogue, in memory. Each line of JSON is one
task: AUC of the model, of the Bayes-optimal prediction at the same held-out moments (`best` knows the person,
`best_alone` this conversation only), the gap in points, calibration, the strongest attack on membership, and the
baselines.

With `--conversations` gold.features of so many conversations is written first, generated ones repeated under new ids,
and a process of its own does a whole training: seconds, and its peak memory.

Example: python -m tests.benchmarks.bench_next_action --people 20000 --conversations 1000000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import polars as pl
from deltalake import write_deltalake

from ml.next_action.task import NextAction
from ml.private.check import check_privacy
from ml.private.membership import attack
from ml.tasks import NEXT_ACTIONS
from ml.train import train
from services.simulator.evaluation import best_and_labels, compare, events_of
from services.simulator.truth import truth
from services.simulator.world import DAYS, DEFAULT_START, World
from spark_jobs.gold.moments import build_moments
from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_FEATURES

PEOPLE_OF_WORLD = 2500
AFTER_ALL = DEFAULT_START + timedelta(days=DAYS + 3)
TOKEN_LENGTH = 26
_MEASURE = "--measure"


def worlds(people: int, seed: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Moments, and the best predictions with them, of worlds of some thousand people each."""
    for number in range(people // PEOPLE_OF_WORLD):
        world = World.generate(seed + number, PEOPLE_OF_WORLD)
        moments = build_moments(events_of(world), AFTER_ALL)
        person = pl.format("person.{}.{}", pl.lit(number), "person_id").alias("person_id")
        yield moments.with_columns(person, may_learn=pl.lit(value=True)), best_and_labels(truth(world))


def beside_best(task: NextAction, moments: pl.DataFrame, best: pl.DataFrame) -> dict[str, object]:
    """Train one task and compare what it says of the held-out moments with the best possible."""
    split = task.split(task.learnable(moments.to_pandas()))
    started = time.perf_counter()
    model = task.fit(split)
    seconds = time.perf_counter() - started
    said = pl.DataFrame(split.test[["conversation_id", "turn"]]).with_columns(
        probability=task.predict(model, split.test)
    )
    found = compare(best, said, task.name)
    alone = compare(best, said, task.name, sight="best_alone")
    baselines = {
        name: round(float(task.metrics(split.test, task.predict(one, split.test))["auc"]), 4)
        for name, one in task.baselines(split).items()
    }
    figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()}
    return {
        **figures,
        "best_alone_auc": round(alone.best_auc, 4),
        "membership_auc": round(attack(task, model, split).auc, 4),
        "learner": model.learner,
        "baselines": baselines,
        **split.sizes,
        "fit_s": round(seconds, 1),
    }


def write_many(root: Path, moments: pl.DataFrame, conversations: int) -> None:
    """Write gold.features with so many conversations: these repeated, a commit for each time, an hour apart."""
    for copy in range(-(-conversations // moments["conversation_id"].n_unique())):
        wanted = conversations - copy * moments["conversation_id"].n_unique()
        kept = moments["conversation_id"].unique(maintain_order=True).head(wanted)
        later = [(pl.col(name) + timedelta(hours=copy)) for name in ("as_of", "handed_over_at", "ended_at")]
        again = moments.filter(pl.col("conversation_id").is_in(kept.implode())).with_columns(
            _renamed("conversation_id", "conversation", copy), _renamed("person_id", "person", copy), *later
        )
        rows = again.select(GOLD_FEATURES.schema.names).to_arrow().cast(GOLD_FEATURES.schema)
        write_deltalake(str(root / GOLD_FEATURES.path), rows, mode="append")


def _renamed(name: str, kind: str, copy: int) -> pl.Expr:
    """Ids of a copy, as long as pseudonyms are."""
    number = pl.col(name).rank("dense").cast(pl.String).str.zfill(TOKEN_LENGTH - 6)
    return pl.format("{}.1.{}{}", pl.lit(kind), pl.lit(f"{copy:06d}"), number).alias(name)


def measured(root: str, name: str) -> dict[str, object]:
    """Train one task as `mangrove ml train` does, plots and the attack included, and tell what this process took."""
    task = next(one for one in NEXT_ACTIONS if one.name == name)
    conversations = read_snapshot(root, GOLD_FEATURES, ["conversation_id"]).rows["conversation_id"]
    told = {"target": name, "conversations": len(conversations.unique()), "rows": len(conversations)}
    del conversations
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trained = train(task, root, Path(folder), check_privacy)
    return {
        **told,
        "train_s": round(time.perf_counter() - started, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "auc": round(trained.metrics["auc"], 4),
        "promoted": trained.promoted,
    }


def main() -> None:
    """Print a line for each task, and one for each training on many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--tasks", default=",".join(task.name for task in NEXT_ACTIONS))
    parser.add_argument("--conversations", type=int, default=0)
    parser.add_argument(_MEASURE, nargs=2, metavar=("LAKE", "TASK"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(*asked.measure)))
        return
    made = [pl.concat(frames) for frames in zip(*worlds(asked.people, asked.seed), strict=True)]
    moments, best = made
    tasks = [task for task in NEXT_ACTIONS if task.name in asked.tasks.split(",")]
    for task in tasks:
        print(json.dumps({"people": asked.people, **beside_best(task, moments, best)}), flush=True)
    if asked.conversations:
        with tempfile.TemporaryDirectory() as folder:
            write_many(Path(folder), moments, asked.conversations)
            del moments, best, made
            for task in tasks:
                command = [sys.executable, "-m", "tests.benchmarks.bench_next_action", _MEASURE, folder, task.name]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
