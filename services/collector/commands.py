"""`mangrove collector` and `mangrove lander`."""

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.collector.status_command import status
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Take events from channels.")
lander_app = typer.Typer(no_args_is_help=True, help="Move acknowledged events into the lake.")

app.command(epilog="Example: mangrove collector status --home .mangrove --json")(status)


@app.command(epilog="Example: mangrove collector serve --home .mangrove --workers 2")
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0 for as many as the settings say.")] = 0,
) -> None:
    """Serve CollectorService until SIGTERM or Ctrl-C, then drain; dead workers are started again."""
    from services.addresses import checked
    from services.collector.bootstrap import serve_collector

    if address:
        checked(address)
    raise typer.Exit(serve_collector(Home(home), address, workers))


@app.command(epilog="Example: mangrove collector salvage .mangrove/journal/collector-0-1f2e3d4c.damaged")
def salvage(
    journal: Annotated[Path, typer.Argument(help="A journal that was set aside, or one that the lander cannot read.")],
) -> None:
    """Take what can be read out of a damaged journal, for the lander to land; the damaged file stays as it is."""
    from services.collector.journals.salvage import salvage as run

    found = run(journal)
    if not found.journal:
        typer.echo("Nothing could be read: the file is no journal of a collector, or nothing of its records is left.")
        raise typer.Exit(1)
    typer.echo(f"{found.records} records whole, {found.mended} mended without {found.lost_lines} lines of theirs")
    typer.echo(f"{found.missing} records between the first and the last could not be read")
    typer.echo(f"what was read waits to be landed in {found.journal}")


@lander_app.command(epilog="Example: mangrove lander run --home .mangrove --once")
def run(
    home: HomeOption = DEFAULT_HOME,
    once: Annotated[bool, typer.Option("--once", help="Land what waits, then stop.")] = False,
) -> None:
    """Land what the collector acknowledged until SIGTERM or Ctrl-C."""
    from services import tracing
    from services.collector.bootstrap import lander_at, serve_landing_metrics

    installation = Home(home)
    tracing.configure(installation.settings.tracing, "mangrove-lander", "0")
    lander = lander_at(installation)
    if once:
        landed = lander.drain()
        typer.echo(f"landed {landed.events} events and {landed.refusals} refusals, left out {landed.repeats} repeats")
        return
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    with serve_landing_metrics(installation):
        lander.run(stop)
    lander.close()
    tracing.close()


@lander_app.command(epilog="Example: mangrove lander skip kafka:Xyz:mangrove-events:0 --through 4711 --home .mangrove")
def skip(
    journal: Annotated[str, typer.Argument(help="The journal's id, as the lander's log tells it.")],
    through: Annotated[int, typer.Option(min=1, help="The last record that is lost, as the log tells it.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Go on behind records that a journal lost before they landed. They are lost for good: it is noted in the audit."""
    from services.audit import AuditLog
    from services.collector.bootstrap import skip_lost

    installation = Home(home)
    skip_lost(installation, journal, through)
    AuditLog(installation.path(installation.settings.audit)).note("records_skipped", journal=journal, through=through)
    typer.echo(f"the lander goes on behind record {through}")


@lander_app.command(epilog="Example: mangrove lander maintain --home .mangrove")
def maintain(home: HomeOption = DEFAULT_HOME) -> None:
    """Let go of old emotions and join the small files of bronze and quarantine now; the lander does so by itself."""
    from services.collector.bootstrap import lander_at

    lander_at(Home(home)).maintain(datetime.now(UTC).date())
