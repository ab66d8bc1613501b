"""The command line of the models: `app` is mounted as `mangrove ml`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from privacy.errors import MangroveError

app = typer.Typer(no_args_is_help=True, help="Train the hand-over model and score conversations with it.")
console = Console()

LakeRoot = Annotated[str, typer.Option(help="the lake's root: a folder or an s3a:// URL")]
MlflowFolder = Annotated[Path, typer.Option(help="the folder of the model registry")]


@contextmanager
def _told_in_one_sentence() -> Iterator[None]:
    try:
        yield
    except MangroveError as error:
        console.print(f"[red]{error.sentence}[/red]")
        raise typer.Exit(1) from None


@app.command(epilog="Example: mangrove ml train --lake .mangrove/lake --mlflow .mangrove/mlflow")
def train(lake: LakeRoot, mlflow: MlflowFolder) -> None:
    """Train on gold.features, compare with baselines and champion, and promote the model if it is better."""
    from ml.train import train as train_model

    with _told_in_one_sentence(), console.status("training …"):
        training = train_model(lake, mlflow)
    shown = Table("", "AUC", "log loss", "Brier", "ECE", "average precision", title="on held-out people")
    for name, metrics in {f"version {training.version}": training.metrics, **training.rivals}.items():
        shown.add_row(name, *(f"{value:.4f}" for value in asdict(metrics).values()))
    console.print(shown)
    console.print(training.sentence)


@app.command(epilog="Example: mangrove ml score --lake .mangrove/lake --mlflow .mangrove/mlflow")
def score(lake: LakeRoot, mlflow: MlflowFolder) -> None:
    """Score every moment of gold.features with the champion, into gold.predictions."""
    from ml.score import score as score_features
    from spark_jobs.lake.io import Lake
    from spark_jobs.session import spark_session

    spark = None
    try:
        with _told_in_one_sentence(), console.status("starting Spark and scoring …"):
            spark = spark_session("mangrove-score")
            changes = score_features(Lake(spark, lake), mlflow)
    finally:
        if spark is not None:
            spark.stop()
    console.print(str(changes))


if __name__ == "__main__":
    app()
