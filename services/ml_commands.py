"""`mangrove ml`: models with the folders of an installation."""

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from ml import commands as models
from ml.call_log.commands import events
from ml.satisfaction.commands import evaluate_satisfaction
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home
from spark_jobs.commands import MasterOption

app = typer.Typer(no_args_is_help=True, help="Train models, judge them, score with them, and keep them true.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Measure models beside baselines.")
app.add_typer(evaluate_app, name="evaluate")

Tasks = Annotated[list[str] | None, typer.Argument(help="Tasks by name; all if none is named.")]
TaskName = Annotated[str, typer.Argument(help="A task's name, such as handover.")]


def _places(home: Path) -> tuple[str, Path]:
    installation = Home(home)
    return installation.lake_root, installation.path(installation.settings.mlflow)


@app.command(epilog="Example: mangrove ml train handover --home .mangrove")
def train(
    names: Tasks = None,
    home: HomeOption = DEFAULT_HOME,
    campaigns: Annotated[
        Path | None, typer.Option(help="For demand: a CSV with name, from, until and channel, a campaign a row.")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="Train next actions with differential privacy.")
    ] = None,
    delta: Annotated[float, typer.Option(min=1e-12, max=1e-2, help="The delta that goes with epsilon.")] = 1e-6,
) -> None:
    """Train, compare with baselines and champion, and promote what passes the gate. Nothing is trained twice."""
    models.train(names or [], *_places(home), models.Asked(campaigns, epsilon, delta))


@app.command(epilog="Example: mangrove ml retrain --home .mangrove")
def retrain(names: Tasks = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Train again where inputs changed and drifted or grew; otherwise say why there is nothing to do."""
    models.retrain(names or [], *_places(home))


@evaluate_app.command(epilog="Example: mangrove ml evaluate task handover --home .mangrove")
def task(name: TaskName, home: HomeOption = DEFAULT_HOME) -> None:
    """Measure a task's champion on the newest held-out rows."""
    models.evaluate(name, *_places(home))


evaluate_app.command("satisfaction", epilog="Example: mangrove ml evaluate satisfaction --train dialogues.jsonl")(
    evaluate_satisfaction
)
evaluate_app.command(epilog="Example: mangrove ml evaluate events --events calls.csv --target abandoned")(events)


@app.command(epilog="Example: mangrove ml promote handover 3 --home .mangrove")
def promote(
    name: TaskName,
    version: Annotated[int | None, typer.Argument(help="The version to promote.")] = None,
    home: HomeOption = DEFAULT_HOME,
    roll_back: Annotated[bool, typer.Option(help="Go back to the champion before this one instead.")] = False,
) -> None:
    """Make a version champion if it passes the gate on the newest held-out rows, or roll back."""
    lake, mlflow = _places(home)
    if roll_back:
        models.roll_back(name, mlflow)
    elif version is None:
        raise typer.BadParameter("Name a version, or --roll-back.")
    else:
        models.promote(name, version, lake, mlflow)


@app.command(epilog="Example: mangrove ml score --home .mangrove")
def score(home: HomeOption = DEFAULT_HOME, master: MasterOption = "") -> None:
    """Score with every champion: gold.predictions, journey_predictions, satisfaction, segments and demand."""
    models.score(*_places(home), master)


@app.command(epilog="Example: mangrove ml report handover --card --home .mangrove")
def report(
    names: Tasks = None,
    home: HomeOption = DEFAULT_HOME,
    card: Annotated[bool, typer.Option(help="Show the model cards, too.")] = False,
) -> None:
    """Show champions, their versions and how far today's rows drifted from those they learned from."""
    models.report(names or [], *_places(home), card)


@app.command(epilog="Example: mangrove ml ui --home .mangrove --port 5000")
def ui(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The loopback port.")] = 5000,
) -> None:
    """Show experiments, runs and models in MLflow's own pages on 127.0.0.1, until Ctrl-C."""
    import sys

    from ml.registry import database_of
    from services.grpc_server import is_free

    _, folder = _places(home)
    if not is_free(socket.AF_INET, ("127.0.0.1", port)):
        typer.echo(f"Port {port} of 127.0.0.1 is in use. Name another with --port.", err=True)
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    # MLflow's own background jobs are seven processes that nothing here uses.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    typer.echo(f"http://127.0.0.1:{port}")
    store = ["--backend-store-uri", database_of(folder), "--registry-store-uri", database_of(folder)]
    bind = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *store, *bind])
