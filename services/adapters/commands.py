"""`mangrove import`: foreign files become events."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from services.adapters.transcripts import read_transcripts
from services.clients.collector import CollectorClient
from services.installation import api_key_of
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Send foreign files through the collector.")


@app.callback()
def _imports() -> None:
    """Send foreign files through the collector."""


@app.command(epilog="Example: mangrove import transcripts dialogues.jsonl --home .mangrove --source demo")
def transcripts(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Dialogues as JSON lines.")],
    home: HomeOption = DEFAULT_HOME,
    source: Annotated[str, typer.Option(help="The source whose API key is used.")] = "demo",
    start: Annotated[datetime, typer.Option(help="When the first dialogue began, UTC.")] = datetime(2026, 1, 5),
) -> None:
    """Send dialogues (`dialogue_id`, `turns` of `user`, `agent`, `satisfaction`) to a running collector."""
    installation = Home(home)
    address = installation.settings.collector.address
    events = sum(1 for _ in read_transcripts(file, start.replace(tzinfo=UTC)))
    with CollectorClient(address, api_key_of(installation, source)) as client, Progress(transient=True) as progress:
        task = progress.add_task("sending", total=events)
        for event in read_transcripts(file, start.replace(tzinfo=UTC)):
            client.send(event)
            progress.advance(task)
        client.flush()
        verdicts = dict(client.tally.verdicts)
    typer.echo(f"{events} events: " + ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items())))
