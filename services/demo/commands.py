"""`mangrove demo`."""

from typing import Annotated

import typer
from rich.console import Console

from services.options import DEFAULT_HOME, HomeOption
from services.simulator.world import DEFAULT_PEOPLE, DEFAULT_SEED


def demo(
    home: HomeOption = DEFAULT_HOME,
    people: Annotated[
        int, typer.Option(help="How many people are simulated; each has about 14 events.")
    ] = DEFAULT_PEOPLE,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = DEFAULT_SEED,
) -> None:
    """Run everything once: servers, simulated customers, jobs, model, private questions, report."""
    from services.demo.run import run_demo

    console = Console()
    report = run_demo(home, people, seed, console)
    console.print(f"\nThe report: [bold]{report}[/bold] (open it in a browser; it needs no network)")
