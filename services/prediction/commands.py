"""`mangrove prediction`. Heavy libraries are loaded when a command runs."""

import os
from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

app = typer.Typer(help="Say what customers do next, while conversations run.", no_args_is_help=True)

# Frames of a few rows and single predictions take longer when they are spread over processors.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@app.callback()
def _prediction() -> None:
    """Run the prediction service."""


@app.command(epilog="Example: mangrove prediction serve --home .mangrove --address 127.0.0.1:50053")
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
) -> None:
    """Serve PredictionService until SIGTERM or Ctrl-C; champions are loaded and changed without a restart."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")

    from services.prediction.bootstrap import serve_at
    from services.settings import Home

    serve_at(Home(home), address)
