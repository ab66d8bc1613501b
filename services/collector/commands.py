"""`mangrove collector` and `mangrove lander`."""

import asyncio
import signal
import threading
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.collector.bootstrap import lander_at, serve_collector
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Take events from channels.")
lander_app = typer.Typer(no_args_is_help=True, help="Move acknowledged events into the lake.")


@app.command(epilog="Example: mangrove collector serve --home .mangrove")
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
) -> None:
    """Serve CollectorService until SIGTERM or Ctrl-C, then drain."""
    asyncio.run(serve_collector(Home(home), address))


@lander_app.command(epilog="Example: mangrove lander run --home .mangrove --once")
def run(
    home: HomeOption = DEFAULT_HOME,
    once: Annotated[bool, typer.Option("--once", help="Land what waits, then stop.")] = False,
) -> None:
    """Land what the collector acknowledged until SIGTERM or Ctrl-C."""
    lander = lander_at(Home(home))
    if once:
        landed = lander.drain()
        typer.echo(f"landed {landed.events} events and {landed.refusals} refusals")
        return
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    lander.run(stop)


@lander_app.command(epilog="Example: mangrove lander maintain --home .mangrove")
def maintain(home: HomeOption = DEFAULT_HOME) -> None:
    """Let go of old emotions and join the small files of bronze and quarantine now; the lander does so by itself."""
    lander_at(Home(home)).maintain(datetime.now(UTC).date())
