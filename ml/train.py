"""Training: split, fit, compare, record, and let the gate decide. The same for every task."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import orjson
import pandas as pd
from mlflow.models import infer_signature

from ml.card import CardFacts, model_card
from ml.drift import profile_of
from ml.gate import judge, slices
from ml.registry import Registry
from ml.split import NotEnoughToLearn
from ml.task import Floats, Split, Task
from privacy.errors import MangroveError
from spark_jobs.lake.snapshot import TableMissing, id_of

_REQUIREMENTS = ["scikit-learn", "pandas", "numpy"]
_MODEL = "model"
_RIVALS = "rivals"
CARD, PROFILE, SLICES = "model_card.md", "profile.json", "slices.json"

PrivacyCheck = Callable[[Task, Any, Split], tuple[dict[str, float], str]]
"""Measures what a fitted model gives away: numbers to log, and the card's section about it."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a training gave.

    `metrics` are the model's on held-out rows, `rivals` those of the baselines and of the champion before.
    `is_new` is false if this very training had been done before; nothing was made then.
    """

    task: str
    version: int
    is_new: bool
    promoted: bool
    sentence: str
    metrics: Mapping[str, float]
    rivals: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class _Fitted:
    model: Any
    said: Floats
    rivals: dict[str, Floats]
    champion: Floats | None


def feature_hash(task: Task) -> str:
    """Fingerprint of the inputs, of the values that categories may have, and of how the model is made: 16 hex digits.

    Two trainings with the same fingerprint on the same table versions give the same model.
    """
    described = orjson.dumps([task.inputs(), task.declared, task.settings()], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(described).hexdigest()[:16]


def fingerprint_of(task: Task, lake_root: str, versions: Mapping[str, int]) -> dict[str, str]:
    """What tells whether a training was done before: the feature hash, and the tables read with their versions."""
    return {
        "feature_hash": feature_hash(task),
        **{f"input.{name}": str(version) for name, version in sorted(versions.items())},
        **{f"table.{table.name}": id_of(lake_root, table) for table in task.tables},
    }


def train(task: Task, lake_root: str, mlflow_folder: Path, check: PrivacyCheck | None = None) -> Training:
    """Train on the newest tables and promote the model if it passes the gate; nothing is done twice.

    Args:
        task: What to predict.
        lake_root: The lake's root.
        mlflow_folder: Where experiments and models lie.
        check: Measures what the model gives away; its numbers are logged and shown on the card.

    Raises:
        TableMissing: if a table was not made yet.
        NotEnoughToLearn: if there are too few rows or only one kind of ending.
    """
    registry = Registry(mlflow_folder, task.name)
    known = registry.find(fingerprint_of(task, lake_root, task.versions(lake_root)))
    if known is not None:
        return _recalled(registry, known)
    rows = task.rows(lake_root)
    return _trained(task, registry, task.split(rows.frame), fingerprint_of(task, lake_root, rows.versions), check)


def train_each(
    tasks: Iterable[Task], lake_root: str, mlflow_folder: Path, check: PrivacyCheck | None = None
) -> Iterator[tuple[str, Training | MangroveError]]:
    """Train tasks one after the other; yield each one's name with its training, or with what stood in its way."""
    for task in tasks:
        try:
            yield task.name, train(task, lake_root, mlflow_folder, check)
        except (TableMissing, NotEnoughToLearn) as error:
            yield task.name, error


def _trained(
    task: Task, registry: Registry, split: Split, fingerprint: Mapping[str, str], check: PrivacyCheck | None
) -> Training:
    with mlflow.start_run(tags={"kind": "training", **fingerprint}) as run:
        fitted = _fit(task, registry, split)
        verdict = judge(task, split.test, fitted.said, fitted.rivals, fitted.champion)
        metrics = task.metrics(split.test, fitted.said)
        rivals = {name: task.metrics(split.test, said) for name, said in _all_rivals(fitted).items()}
        privacy = check(task, fitted.model, split) if check is not None else ({}, "")
        facts = CardFacts(
            metrics={_MODEL: metrics, **rivals},
            slices=_by_slice(task, split.test, fitted.said),
            sizes=split.sizes,
            fingerprint=fingerprint,
            learner=getattr(fitted.model, "learner", type(fitted.model).__name__),
            extras=task.extras(fitted.model, split),
            privacy=privacy[1],
        )
        _record(task, split, facts, privacy[0])
        _record_artefacts(task, split, fitted, model_card(task, facts, verdict), facts.slices)
        uri = _log_model(task, fitted.model, split)
        mlflow.set_tags(
            {"verdict": verdict.sentence, "promoted": str(verdict.passed).lower(), _RIVALS: ",".join(rivals)}
        )
    version = registry.register(uri, run.info.run_id, fingerprint)
    if verdict.passed:
        registry.promote(version)
    return Training(task.name, version, True, verdict.passed, verdict.sentence, metrics, rivals)


def _fit(task: Task, registry: Registry, split: Split) -> _Fitted:
    """Fit the model and its rivals; the champion may have seen some of the rows held out."""
    model = task.fit(split)
    said = task.predict(model, split.test)
    return _Fitted(model, said, said_by_baselines(task, split), said_by_champion(task, registry, split))


def said_by_baselines(task: Task, split: Split) -> dict[str, Floats]:
    """Fit the baselines and return what each says of the held-out rows."""
    return {name: task.predict(model, split.test) for name, model in task.baselines(split).items()}


def said_by_champion(task: Task, registry: Registry, split: Split) -> Floats | None:
    """Return what the champion says of the held-out rows, None if there is none that counts as a rival."""
    if registry.champion_version() is None:
        return None
    champion = registry.champion().model
    return task.predict(champion, split.test) if task.accepts(champion) else None


def _all_rivals(fitted: _Fitted) -> dict[str, Floats]:
    return fitted.rivals if fitted.champion is None else {**fitted.rivals, "champion": fitted.champion}


def _by_slice(task: Task, frame: pd.DataFrame, said: Floats) -> dict[str, dict[str, float]]:
    """Measure each slice that is large enough; where a measure needs both classes and has one, it is left out."""
    told = {}
    for name, here in slices(task, frame):
        loss = float(np.mean(task.losses(frame[here], said[here])))
        told[name] = {"rows": float(here.sum()), "loss": loss}
        try:
            told[name] |= task.metrics(frame[here], said[here])
        except ValueError:
            continue
    return told


def _record(task: Task, split: Split, facts: CardFacts, privacy: Mapping[str, float]) -> None:
    settings = {name: str(value) for name, value in task.settings().items()}
    sizes = {f"{name}_rows": str(size) for name, size in split.sizes.items()}
    mlflow.log_params({**settings, **sizes, "learner": facts.learner})
    for name, metrics in facts.metrics.items():
        mlflow.log_metrics({f"{name}_{measure}": value for measure, value in metrics.items()})
    mlflow.log_metrics({**facts.extras, **privacy})


def _record_artefacts(
    task: Task, split: Split, fitted: _Fitted, card: str, by_slice: Mapping[str, Mapping[str, float]]
) -> None:
    for name, figure in task.plots(fitted.model, split.test, fitted.said).items():
        mlflow.log_figure(figure, name)
    mlflow.log_text(card, CARD)
    mlflow.log_dict(dict(by_slice), SLICES)
    mlflow.log_dict(profile_of(task, fitted.model, split).as_dict(), PROFILE)


def _log_model(task: Task, model: Any, split: Split) -> str:
    example = task.example(split.train)
    predict = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    with warnings.catch_warnings():
        # Half hours, weekdays and segments are whole numbers, and none is ever missing.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer", UserWarning)
        signature = infer_signature(example, getattr(model, predict)(example))
    logged = mlflow.sklearn.log_model(
        model,
        name=_MODEL,
        signature=signature,
        input_example=example,
        pip_requirements=_REQUIREMENTS,
        pyfunc_predict_fn=predict,
        serialization_format="cloudpickle",
    )
    return str(logged.model_uri)


def _recalled(registry: Registry, version: int) -> Training:
    run = registry.run_of(version)
    of = {
        name: {
            measure.removeprefix(f"{name}_"): value
            for measure, value in run.data.metrics.items()
            if measure.startswith(f"{name}_")
        }
        for name in (_MODEL, *run.data.tags[_RIVALS].split(","))
    }
    metrics = of.pop(_MODEL)
    verdict = run.data.tags["verdict"]
    sentence = f"Nothing to do: version {version} was trained on these inputs already. The verdict was: {verdict}"
    promoted = run.data.tags["promoted"] == "true"
    return Training(registry.name, version, False, promoted, sentence, metrics, of)
