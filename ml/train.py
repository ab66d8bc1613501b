"""Training the hand-over model: split, fit, compare, record, and let the gate decide."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import infer_signature

from ml import learners
from ml.evaluate import Metrics, evaluate
from ml.features import COLUMNS, feature_hash, model_frame
from ml.gate import judge
from ml.pictures import calibration_plot, model_card, precision_recall_plot
from ml.registry import Registry
from ml.split import Split, learnable, split_by_person_and_time
from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_FEATURES

_REQUIREMENTS = ["scikit-learn", "pandas", "numpy"]
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class Training:
    """What a training gave.

    `metrics` are the model's on held-out people, `rivals` those of the baselines and of the champion before.
    `is_new` is false if this very training had been done before; nothing was made then.
    """

    version: int
    is_new: bool
    promoted: bool
    sentence: str
    metrics: Metrics
    rivals: Mapping[str, Metrics]


def train(lake_root: str, mlflow_folder: Path) -> Training:
    """Train on the newest `gold.features` and promote the model if it passes the gate.

    Raises:
        TableMissing: if there are no features yet.
        NotEnoughToLearn: if there are too few rows or only one kind of ending.
    """
    snapshot = read_snapshot(lake_root, GOLD_FEATURES, COLUMNS)
    fingerprint = {
        "feature_hash": feature_hash(learners.settings()),
        f"input.{GOLD_FEATURES.name}": str(snapshot.version),
    }
    registry = Registry(mlflow_folder)
    known = registry.find(fingerprint)
    if known is not None:
        return _recalled(registry, known)
    split = split_by_person_and_time(learnable(snapshot.rows.to_pandas()))
    return _trained(registry, split, fingerprint)


def _trained(registry: Registry, split: Split, fingerprint: Mapping[str, str]) -> Training:
    with mlflow.start_run(tags=dict(fingerprint)) as run:
        model = learners.fit_model(split)
        metrics, rivals = _measured(model, split.test), _rivals(registry, split)
        verdict = judge(metrics, rivals)
        _record(split, metrics, rivals)
        _record_artefacts(model, split, model_card({_MODEL: metrics, **rivals}, _sizes(split), fingerprint, verdict))
        logged = mlflow.sklearn.log_model(
            model,
            name=_MODEL,
            signature=infer_signature(_example(split.train), model.predict_proba(_example(split.train))),
            input_example=_example(split.train),
            pip_requirements=_REQUIREMENTS,
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
        mlflow.set_tags({"verdict": verdict.sentence, "promoted": str(verdict.passed).lower()})
    version = registry.register(logged.model_uri, run.info.run_id, fingerprint)
    if verdict.passed:
        registry.promote(version)
    return Training(version, True, verdict.passed, verdict.sentence, metrics, rivals)


def _rivals(registry: Registry, split: Split) -> dict[str, Metrics]:
    """The baselines and the champion on the same held-out rows; the champion may have seen some of them."""
    models: dict[str, Any] = dict(learners.fit_baselines(split))
    if registry.champion_version() is not None:
        models["champion"] = registry.champion().model
    return {name: _measured(rival, split.test) for name, rival in models.items()}


def _measured(model: Any, rows: pd.DataFrame) -> Metrics:
    return evaluate(learners.labels(rows), model.predict_proba(model_frame(rows))[:, 1])


def _record(split: Split, metrics: Metrics, rivals: Mapping[str, Metrics]) -> None:
    mlflow.log_params({**learners.PARAMS, "calibration": learners.CALIBRATION})
    mlflow.log_params(dict(zip(("train_rows", "calibrate_rows", "test_rows"), _sizes(split), strict=True)))
    mlflow.log_metrics(metrics.named(_MODEL))
    for name, rival in rivals.items():
        mlflow.log_metrics(rival.named(name))


def _record_artefacts(model: Any, split: Split, card: str) -> None:
    y, p = learners.labels(split.test), model.predict_proba(model_frame(split.test))[:, 1]
    mlflow.log_figure(calibration_plot(y, p), "calibration.png")
    mlflow.log_figure(precision_recall_plot(y, p), "precision_recall.png")
    mlflow.log_text(card, "model_card.md")


def _example(rows: pd.DataFrame) -> pd.DataFrame:
    """One typical moment, made of medians and modes: nobody's row leaves the lake."""
    frame = model_frame(rows)
    return pd.DataFrame({n: [frame[n].mode()[0] if frame[n].dtype == object else frame[n].median()] for n in frame})


def _sizes(split: Split) -> tuple[int, int, int]:
    return len(split.train), len(split.calibrate), len(split.test)


def _recalled(registry: Registry, version: int) -> Training:
    run = registry.run_of(version)
    names = [f.name for f in fields(Metrics)]
    measured = run.data.metrics
    of = {
        model: Metrics(**{n: measured[f"{model}_{n}"] for n in names})
        for model in (_MODEL, "majority", "logistic", "champion")
        if f"{model}_{names[0]}" in measured
    }
    metrics = of.pop(_MODEL)
    sentence = f"Nothing to do: version {version} was trained on these features already. {run.data.tags['verdict']}"
    return Training(version, False, run.data.tags["promoted"] == "true", sentence, metrics, of)
