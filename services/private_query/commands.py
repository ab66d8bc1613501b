"""`mangrove query` and `mangrove budget`. Heavy libraries are loaded when a command runs."""

import asyncio
from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

app = typer.Typer(help="The private query service.", no_args_is_help=True)
budget_app = typer.Typer(help="Privacy budgets.", no_args_is_help=True)


@app.callback()
def _query() -> None:
    """Run the private query service."""


@budget_app.callback()
def _budget() -> None:
    """Look at privacy budgets."""


@app.command()
def serve(
    home: HomeOption = DEFAULT_HOME,
    address: Annotated[str, typer.Option(help="Listen at host:port instead of where the settings say.")] = "",
) -> None:
    """Answer partners' questions until SIGTERM.

    Example: mangrove query serve --home .mangrove --address 127.0.0.1:50052
    """
    from services.private_query.bootstrap import from_home
    from services.private_query.bootstrap import serve as run
    from services.settings import Home

    asyncio.run(run(from_home(Home(home), address)))


@budget_app.command()
def show(home: HomeOption = DEFAULT_HOME) -> None:
    """Show what was spent and what is left, for each partner and in all; also beside a running service.

    Example: mangrove budget show --home .mangrove
    """
    from rich.console import Console
    from rich.table import Table

    from privacy.ledger.port import as_rho
    from privacy.ledger.sqlite import read_spending
    from services.private_query.catalogue import load_catalogue
    from services.settings import Home

    installation = Home(home)
    settings = installation.settings.query
    path = installation.path(settings.ledger)
    spending = read_spending(path) if path.exists() else {}
    table = Table("dataset", "who", "limit (rho)", "spent", "left", title="Privacy budgets")
    for dataset in load_catalogue(installation.path(settings.catalogue)).dataset:
        accounts = [(name, f"partner:{name}", dataset.limits.partner) for name in dataset.partners]
        for who, holder, limit in [*accounts, ("all together", "all", dataset.limits.dataset)]:
            spent = spending.get((dataset.name, holder), 0)
            table.add_row(dataset.name, who, as_rho(limit), as_rho(spent), as_rho(max(0, limit - spent)))
    Console().print(table)
