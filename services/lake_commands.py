"""`mangrove lake` and `mangrove ml`: jobs and models with the folders of an installation."""

from typing import Annotated

import typer

from ml import commands as models
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home
from spark_jobs.commands import MasterOption, run_jobs

app = typer.Typer(no_args_is_help=True, help="Run the Spark jobs that turn masked events into people and journeys.")
ml_app = typer.Typer(no_args_is_help=True, help="Train the hand-over model and score conversations with it.")


@app.callback()
def _lake() -> None:
    """Run the Spark jobs that turn masked events into people and journeys."""


@app.command(epilog="Example: mangrove lake run all --home .mangrove")
def run(
    names: Annotated[list[str], typer.Argument(help="Jobs by name, or `all` for each in order.")],
    home: HomeOption = DEFAULT_HOME,
    lake: Annotated[str, typer.Option(help="The lake's root instead of the home folder's.")] = "",
    master: MasterOption = "",
) -> None:
    """Run jobs, in the pipeline's order. A run without new events changes no table.

    After `resolve` on the home folder's own lake, its ledger follows the people who were merged or split.
    """
    run_jobs(names, lake or Home(home).lake_root, master)
    if not lake and {"resolve", "all"} & set(names):
        from services.private_query.merged import follow_people

        for sentence in follow_people(Home(home)):
            typer.echo(sentence)


@ml_app.command(epilog="Example: mangrove ml train --home .mangrove")
def train(home: HomeOption = DEFAULT_HOME) -> None:
    """Train on gold.features, compare with baselines and champion, and promote the model if it is better."""
    installation = Home(home)
    models.train(installation.lake_root, installation.path(installation.settings.mlflow))


@ml_app.command(epilog="Example: mangrove ml score --home .mangrove")
def score(home: HomeOption = DEFAULT_HOME) -> None:
    """Score every moment of gold.features with the champion, into gold.predictions."""
    installation = Home(home)
    models.score(installation.lake_root, installation.path(installation.settings.mlflow))
