"""`mangrove budget`: what was spent, what may be spent, who changed it, and whether the ledger fits."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from pathlib import Path

    from services.private_query.budgets import Budgets

app = typer.Typer(help="Privacy budgets and the ledger.", no_args_is_help=True)

DatasetArgument = Annotated[str, typer.Argument(help="The dataset's name in the catalogue.")]
PartnerOption = Annotated[str, typer.Option(help="The partner; without it the budget of all together is meant.")]
WhyOption = Annotated[str, typer.Option(help="The reason; it stays in the ledger for good, so name no customer.")]

_CATALOGUE = "catalogue"


@app.callback()
def _budget() -> None:
    """Privacy budgets and the ledger."""


@app.command(epilog="Example: mangrove budget show --home .mangrove")
def show(home: HomeOption = DEFAULT_HOME) -> None:
    """Show what was spent and what is left, and what people lost who were merged; also beside a running service."""
    from rich.console import Console
    from rich.table import Table

    from privacy.ledger.port import as_rho
    from services.private_query.ledgers import open_book
    from services.private_query.merged import sentences
    from services.settings import Home

    table = Table("dataset", "who", "limit (rho)", "spent", "left", "new on", "in all", title="Privacy budgets")
    for account in _budgets(home).accounts():
        now = account.standing
        amounts = (as_rho(now.limit), as_rho(now.spent), as_rho(now.left))
        life = "-" if account.life is None else as_rho(account.life)
        table.add_row(account.dataset, account.who, *amounts, str(now.until or "never"), life)
    Console().print(table)
    installation = Home(home)
    for sentence in sentences(open_book(installation), installation.lake_root):
        typer.echo(sentence)


@app.command(epilog='Example: mangrove budget grant journeys 0.1 --partner insights --why "spring campaign"')
def grant(
    dataset: DatasetArgument,
    rho: Annotated[str, typer.Argument(help="How much more may be spent, such as 0.1.")],
    why: WhyOption,
    partner: PartnerOption = "",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let a partner spend more in the period that runs now."""
    entry = _budgets(home).grant(dataset, partner, rho, why)
    typer.echo(f"granted; entry {entry.number} of the ledger, {entry.hash.hex()}")


@app.command(epilog='Example: mangrove budget limit journeys 0.2 --partner insights --why "end of the pilot"')
def limit(
    dataset: DatasetArgument,
    rho: Annotated[str, typer.Argument(help=f"What may be spent, such as 0.2; '{_CATALOGUE}' for what that says.")],
    why: WhyOption,
    partner: PartnerOption = "",
    day: Annotated[bool, typer.Option("--day", help="The limit of each day of data instead.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Put another limit in the place of the catalogue's."""
    from privacy.ledger.terms import ALL, DAY, partner_holder

    if partner and day:
        raise typer.BadParameter("name a partner or --day, not both", param_hint="--day")
    holder = partner_holder(partner) if partner else DAY if day else ALL
    entry = _budgets(home).limit(dataset, holder, None if rho == _CATALOGUE else rho, why)
    typer.echo(f"changed; entry {entry.number} of the ledger, {entry.hash.hex()}")


@app.command(epilog="Example: mangrove budget history --changes --home .mangrove")
def history(
    changes: Annotated[bool, typer.Option("--changes", help="Only what is not a question.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Print the entries of the ledger as JSON lines, the oldest first."""
    import json

    from services.private_query.ledgers import open_book
    from services.settings import Home

    for entry in open_book(Home(home)).entries():
        if changes and entry.kind in {"charge", "commit", "abandon"}:
            continue
        told = {"entry": entry.number, "at": entry.at, "kind": entry.kind, "dataset": entry.dataset}
        typer.echo(json.dumps({**told, **entry.facts, "hash": entry.hash.hex()}))


@app.command(epilog="Example: mangrove budget verify --home .mangrove")
def verify(
    known: Annotated[
        str, typer.Option(help="The hash of an entry that must be there, from a receipt or an earlier check.")
    ] = "",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Check every entry, limit, account and stored answer of the ledger; also beside a running service."""
    from privacy.ledger import verifying
    from services.private_query.ledgers import open_book
    from services.settings import Home

    try:
        wanted = bytes.fromhex(known) if known else None
    except ValueError:
        raise typer.BadParameter("give 64 hexadecimal digits", param_hint="--known") from None
    found = verifying.verify(open_book(Home(home)), wanted)
    typer.echo(f"fits: {found.entries} entries, {found.charges} charges, {found.answers} answers")
    typer.echo(f"last entry: {found.head.hex()}")


@app.command(epilog="Example: mangrove budget follow --home .mangrove")
def follow(home: HomeOption = DEFAULT_HOME) -> None:
    """Recompute what people lost who were merged or split since they were asked about, and write it down."""
    from services.private_query.merged import follow_people
    from services.settings import Home

    for sentence in follow_people(Home(home)):
        typer.echo(sentence)


def _budgets(home: "Path") -> "Budgets":
    from services.audit import AuditLog
    from services.private_query.budgets import Budgets
    from services.private_query.catalogue import load_catalogue
    from services.private_query.ledgers import open_book
    from services.settings import Home

    installation = Home(home)
    catalogue = load_catalogue(installation.path(installation.settings.query.catalogue))
    return Budgets(open_book(installation), catalogue, AuditLog(installation.path(installation.settings.audit)))
