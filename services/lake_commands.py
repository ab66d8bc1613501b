"""`mangrove lake`: jobs with the folders of an installation."""

from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home
from spark_jobs.commands import MasterOption, run_jobs

app = typer.Typer(no_args_is_help=True, help="Run the Spark jobs that turn masked events into people and journeys.")


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
