"""gold.features → gold.predictions: what the champions say of every moment."""

from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from ml.next_action.task import NextAction
from ml.registry import Champion, NoChampion, Registry
from ml.tasks import NEXT_ACTIONS
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake, spark_schema

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


def score(lake: Lake, mlflow_folder: Path) -> Changes:
    """Score all moments with the champion of every next action that has one.

    Raises:
        NoChampion: if no task has one yet.
    """
    features = lake.read(tables.GOLD_FEATURES)
    scored = []
    for task in NEXT_ACTIONS:
        registry = Registry(mlflow_folder, task.name)
        if registry.champion_version() is not None:
            scored.append(build_predictions(features, task, registry.champion()))
    if not scored:
        raise NoChampion(NEXT_ACTIONS[0].name)
    return lake.sync(OUTPUT, reduce(DataFrame.unionByName, scored))
