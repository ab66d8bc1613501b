"""What the champions say: of every moment into gold.predictions, and of all else into the tables of their tasks.

Runs as `mangrove ml score`, or under spark-submit with `--lake` and `--mlflow`.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from ml.next_action.task import NextAction
from ml.registry import Champion, NoChampion, Registry
from ml.tasks import NEXT_ACTIONS, TASKS
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake, spark_schema
from spark_jobs.session import spark_session

INPUTS_OF_JOB = (tables.GOLD_FEATURES,)
OUTPUT = tables.GOLD_PREDICTIONS


def build_predictions(features: DataFrame, task: NextAction, champion: Champion) -> DataFrame:
    """One row a moment that the task is about, with the champion's probability and the time until it comes."""
    key = tables.GOLD_FEATURES.key
    wanted = [*key, *(name for name in task.columns.names if name not in key), "had_by_bot"]
    return features.select(*wanted).mapInPandas(_scorer(task, champion), spark_schema(OUTPUT))


def _scorer(task: NextAction, champion: Champion) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    model, version, name = champion.model, champion.version, task.name

    def score_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            rows = batch[task.concerns(batch)]
            if rows.empty:
                continue
            inputs = task.columns.matrix(rows)
            soon, median, late = np.round(model.seconds_to_event(inputs), 3).T
            yield pd.DataFrame(
                {
                    "conversation_id": rows["conversation_id"],
                    "turn": rows["turn"],
                    "model_name": name,
                    "model_version": version,
                    "probability": model.predict_proba(inputs)[:, 1],
                    "soon_s": soon,
                    "median_s": median,
                    "late_s": late,
                }
            )

    return score_batches


def score(lake: Lake, mlflow_folder: Path) -> tuple[Changes, ...]:
    """Score with the champion of every task that has one.

    Raises:
        NoChampion: if no task has one yet.
    """
    champions = {
        name: registry.champion()
        for name in TASKS
        if (registry := Registry(mlflow_folder, name)).champion_version() is not None
    }
    if not champions:
        raise NoChampion(next(iter(TASKS)))
    changes = []
    features = lake.read(tables.GOLD_FEATURES)
    told = [build_predictions(features, task, champions[task.name]) for task in NEXT_ACTIONS if task.name in champions]
    if told:
        changes.append(lake.sync(OUTPUT, reduce(DataFrame.unionByName, told)))
    for task in TASKS.values():
        if task.output is not None and task.name in champions:
            rows = task.scored(lake.root, champions[task.name].model, champions[task.name].version)
            frame = lake.spark.createDataFrame(rows.to_pandas(), spark_schema(task.output))
            changes.append(lake.sync(task.output, frame))
    return tuple(changes)


def main() -> None:
    """Score once, from a command line."""
    parser = argparse.ArgumentParser(description="Score with the champions of all tasks.")
    parser.add_argument("--lake", required=True, help="the lake's root: a folder or an s3a:// URL")
    parser.add_argument("--mlflow", required=True, type=Path, help="the folder of experiments and models")
    asked = parser.parse_args()
    spark = spark_session("mangrove-score")
    try:
        for changes in score(Lake(spark, asked.lake), asked.mlflow):
            print(changes)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
