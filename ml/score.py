"""gold.features → gold.predictions: what the champion says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame

from ml.features import INPUTS, KEY, model_frame
from ml.registry import MODEL_NAME, Champion, Registry
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake, spark_schema

INPUTS_OF_JOB = (tables.GOLD_FEATURES,)
OUTPUT = tables.GOLD_PREDICTIONS


def build_predictions(features: DataFrame, champion: Champion) -> DataFrame:
    """One row a moment of gold.features, with the champion's probability of a hand-over later."""
    wanted = [*KEY, *(name for name in INPUTS if name not in KEY)]
    return features.select(*wanted).mapInPandas(_scorer(champion), spark_schema(OUTPUT))


def _scorer(champion: Champion) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    model, version = champion.model, champion.version

    def score_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for rows in batches:
            if rows.empty:
                continue
            yield pd.DataFrame(
                {
                    "conversation_id": rows["conversation_id"],
                    "turn": rows["turn"],
                    "model_name": MODEL_NAME,
                    "model_version": version,
                    "probability": model.predict_proba(model_frame(rows))[:, 1],
                }
            )

    return score_batches


def score(lake: Lake, mlflow_folder: Path) -> Changes:
    """Score all features with the champion.

    Raises:
        NoChampion: if no model has passed the gate yet.
    """
    champion = Registry(mlflow_folder).champion()
    return lake.sync(OUTPUT, build_predictions(lake.read(tables.GOLD_FEATURES), champion))
