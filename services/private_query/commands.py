"""`mangrove query`. Heavy libraries are loaded when a command runs."""

import asyncio
from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

app = typer.Typer(help="The private query service.", no_args_is_help=True)


@app.callback()
def _query() -> None:
    """Run the private query service."""


@app.command(epilog="Example: mangrove query serve --home .mangrove --address 127.0.0.1:50052")
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
) -> None:
    """Answer partners' questions until SIGTERM."""
    from services.private_query.bootstrap import from_home
    from services.private_query.bootstrap import serve as run
    from services.settings import Home

    asyncio.run(run(from_home(Home(home), address)))
