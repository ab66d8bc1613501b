"""The command line of the lake: `app` is mounted as `mangrove lake`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

from privacy.errors import MangroveError

MasterOption = Annotated[
    str, typer.Option(help="A Spark cluster such as spark://host:7077, which must reach the lake; else this machine.")
]

app = typer.Typer(no_args_is_help=True, help="Run the Spark jobs that turn masked events into people and journeys.")


@app.callback()
def lake() -> None:
    """Run the Spark jobs that turn masked events into people and journeys."""


@app.command(epilog="Example: mangrove lake run all --lake .mangrove/lake")
def run(
    names: Annotated[list[str], typer.Argument(help="jobs by name, or `all` for each in order")],
    lake: Annotated[str, typer.Option(help="the lake's root: a folder or an s3a:// URL")],
    master: MasterOption = "",
) -> None:
    """Run jobs, in the pipeline's order. A run without new events changes no table."""
    run_jobs(names, lake, master)


def run_jobs(names: list[str], root: str, master: str = "") -> None:
    """Start Spark, run the jobs on the lake at `root`, and print what changed.

    `master` is a cluster such as spark://host:7077, empty for this machine.

    Exits with 1 and one sentence if a job cannot run.
    """
    # Spark's modules take two seconds to import: help must not wait for them.
    from spark_jobs.lake.io import Lake
    from spark_jobs.pipeline import Done, run
    from spark_jobs.session import spark_session

    console = Console()
    shown = RichTable("table", "rows", "new", "changed", "gone", title="the lake now")

    def report(done: Done) -> None:
        console.print(f"{done.job}: {done.rows} rows in {done.seconds:.1f} s")
        for c in done.changes:
            shown.add_row(c.table, *map(str, (c.rows, c.inserted, c.updated, c.deleted)))

    spark = None
    try:
        with console.status("starting Spark (5 to 20 s) …"):
            spark = spark_session("mangrove-lake", master)
        run(names, Lake(spark, root), report)
    except MangroveError as error:
        console.print(f"[red]{error.sentence}[/red]")
        raise typer.Exit(1) from None
    finally:
        if spark is not None:
            spark.stop()
    console.print(shown)


if __name__ == "__main__":
    app()
