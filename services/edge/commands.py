"""`mangrove edge`."""

import asyncio
from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

app = typer.Typer(no_args_is_help=True, help="Take events over HTTP: Segment's tracking API and webhooks.")


@app.callback()
def _edge() -> None:
    """Take events over HTTP: Segment's tracking API and webhooks."""


@app.command(epilog="Example: mangrove edge serve --home .mangrove --address 127.0.0.1:8080")
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
) -> None:
    """Serve the tracking API and the declared webhooks until SIGTERM or Ctrl-C, then drain."""
    from services.edge.bootstrap import serve_edge
    from services.settings import Home

    asyncio.run(serve_edge(Home(home), address))
