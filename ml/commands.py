"""The command line of the models: `app` is mounted as `mangrove ml`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from privacy.errors import MangroveError
from spark_jobs.lake.snapshot import TableMissing

console = Console()


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Print an error that a user can act on as one sentence, and end with 1."""
    try:
        yield
    except MangroveError as error:
        console.print(f"[red]{error.sentence}[/red]")
        raise typer.Exit(1) from None


@dataclass(frozen=True, slots=True)
class Asked:
    """How a training was asked for: campaigns for the demand, and epsilon and delta if it is to be private."""

    campaigns: Path | None = None
    epsilon: float | None = None
    delta: float = 1e-6


def train(names: list[str], lake: str, mlflow: Path, asked: Asked) -> None:
    """Train tasks by name, show each beside its rivals, and say whether it was promoted.

    Without names, tasks that cannot be trained yet are told and passed over; one that was named ends with 1.
    """
    from ml.private.check import check_privacy
    from ml.tasks import chosen, privately
    from ml.train import train_each

    stuck = trained = False
    with told_in_one_sentence(), console.status("training …") as status:
        tasks = chosen(names, asked.campaigns)
        if asked.epsilon is not None:
            tasks = privately(tasks, asked.epsilon, asked.delta)
        status.update(f"training {', '.join(task.name for task in tasks)} …")
        for name, training in train_each(tasks, lake, mlflow, check_privacy):
            if isinstance(training, MangroveError):
                stuck = True
                console.print(f"[yellow]{name}: {training.sentence}[/yellow]")
                continue
            trained = True
            shown = {f"version {training.version}": training.metrics, **training.rivals}
            console.print(metrics_table(f"{name}: on held-out rows", shown))
            console.print(f"{name}: {training.sentence}")
        if asked.epsilon is not None and trained:
            console.print(
                f"Each of these was trained with epsilon {asked.epsilon:g} at delta {asked.delta:g}; the unit is "
                "a person. Guarantee and price stand on its model card."
            )
    if stuck and names:
        raise typer.Exit(1)


def retrain(names: list[str], lake: str, mlflow: Path) -> None:
    """Train again what it is time for; tasks without data are told and passed over."""
    from ml.private.check import check_privacy
    from ml.split import NotEnoughToLearn
    from ml.tasks import chosen
    from ml.upkeep import retrain as retrain_task

    with told_in_one_sentence():
        for task in chosen(names):
            try:
                with console.status(f"looking at {task.name} …"):
                    done = retrain_task(task, lake, mlflow, check_privacy)
            except (NotEnoughToLearn, TableMissing) as error:
                console.print(f"[yellow]{task.name}: {error.sentence}[/yellow]")
                continue
            console.print(done if isinstance(done, str) else f"{task.name}: {done.sentence}")


def evaluate(name: str, lake: str, mlflow: Path) -> None:
    """Measure a task's champion on the newest held-out rows."""
    from ml.tasks import chosen
    from ml.upkeep import look

    with told_in_one_sentence():
        for task in chosen([name]):
            with console.status(f"measuring {task.name} …"):
                seen = look(task, lake, mlflow)
            rows = {f"version {seen.version}, the champion": seen.metrics, **seen.rivals}
            console.print(metrics_table(f"{task.name}: {seen.sizes['test']} held-out rows", rows))


def promote(name: str, version: int, lake: str, mlflow: Path) -> None:
    """Make a version champion if it passes the gate."""
    from ml.tasks import chosen
    from ml.upkeep import promote as promote_version

    with told_in_one_sentence():
        for task in chosen([name]):
            with console.status("judging …"):
                verdict = promote_version(task, version, lake, mlflow)
            console.print(f"{task.name}: version {version}. {verdict.sentence}")


def roll_back(name: str, mlflow: Path) -> None:
    """Make the champion before this one champion again."""
    from ml.registry import Registry
    from ml.tasks import chosen

    with told_in_one_sentence():
        for task in chosen([name]):
            version = Registry(mlflow, task.name).roll_back()
            console.print(f"{task.name}: version {version} is the champion again.")


def score(lake: str, mlflow: Path, master: str = "") -> None:
    """Score with every champion, into the lake's tables of predictions, and tell which task has none."""
    from ml.registry import Registry
    from ml.score import score as score_features
    from ml.tasks import TASKS
    from spark_jobs.lake.io import Lake
    from spark_jobs.session import spark_session

    spark = None
    try:
        with told_in_one_sentence(), console.status("starting Spark and scoring …"):
            spark = spark_session("mangrove-score", master)
            changes = score_features(Lake(spark, lake), mlflow)
    finally:
        if spark is not None:
            spark.stop()
    for change in changes:
        console.print(str(change))
    silent = [name for name in TASKS if Registry(mlflow, name).champion_version() is None]
    if silent:
        console.print(f"Without a champion, and so not scored: {', '.join(silent)}.")


def report(names: list[str], lake: str, mlflow: Path, card: bool) -> None:
    """Show each task's champion, its versions and its drift, or its model card."""
    from rich.markdown import Markdown

    from ml.drift import SCORE
    from ml.registry import NoChampion, Registry
    from ml.tasks import chosen
    from ml.train import CARD
    from ml.upkeep import watch

    table = Table("task", "champion", "versions", "measure", "value", "drift of score", "watched inputs")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    with told_in_one_sentence():
        for task in chosen(names):
            registry = Registry(mlflow, task.name)
            try:
                seen = watch(task, lake, mlflow)
            except NoChampion:
                table.add_row(task.name, "none", _told(registry.versions()), task.headline, "", "", "")
                continue
            run = registry.run_of(seen.version)
            if card:
                console.print(Markdown(registry.text_of(run.info.run_id, CARD)))
            value = run.data.metrics[f"model_{task.headline}"]
            drifting = ", ".join(f"{name} {seen.indices[name]:.2f}" for name in seen.watched if name != SCORE)
            table.add_row(
                task.name, str(seen.version), _told(registry.versions()), task.headline, f"{value:.3f}",
                f"{seen.score:.3f}", drifting or "none",
            )  # fmt: skip
    console.print(table)


def _told(versions: list[int]) -> str:
    return ", ".join(str(version) for version in versions) or "none"


def metrics_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    """A table of measures, a row each model."""
    names = list(next(iter(rows.values())))
    shown = Table("", *(name.replace("_", " ") for name in names), title=title)
    shown.columns[0].no_wrap = True
    for row, metrics in rows.items():
        shown.add_row(row, *(f"{metrics[name]:.4f}" if name in metrics else "" for name in names))
    return shown
