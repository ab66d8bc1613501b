"""`mangrove identity`: why somebody is who they are, and decisions that change it with the next run of the jobs."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption
from spark_jobs.identity import kinds

if TYPE_CHECKING:
    from pathlib import Path

    from services.identity.decisions import Decisions

app = typer.Typer(no_args_is_help=True, help="Who is who: explain a person, join, part, and take it back.")

TokensArgument = Annotated[list[str], typer.Argument(help="Tokens, such as email.1.ABC…; see `explain`.")]

_NEXT = "it counts from the next `mangrove lake run all`"


@app.callback()
def _identity() -> None:
    """Who is who: explain a person, join, part, and take it back."""


@app.command(epilog="Example: mangrove identity token email --home .mangrove")
def token(
    identifier_type: Annotated[str, typer.Argument(help="customer, email, phone, social, device, cookie …")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show the token of a value, which is asked for and neither shown nor kept."""
    from privacy.pseudonyms import PERSON_TYPES, Pseudonymiser
    from services.keys import key_provider
    from services.settings import Home

    if identifier_type not in PERSON_TYPES:
        raise typer.BadParameter(f"give one of {', '.join(PERSON_TYPES)}", param_hint="IDENTIFIER_TYPE")
    value = typer.prompt("value", hide_input=True, err=True)
    made = Pseudonymiser(key_provider(Home(home))).token(identifier_type, value)
    if made is None:
        typer.echo("This value names nobody: no token is ever made of it.", err=True)
        raise typer.Exit(1)
    typer.echo(made)


@app.command(epilog="Example: mangrove identity explain email.1.ABC --home .mangrove")
def explain(
    name: Annotated[str, typer.Argument(help="A person id or a token.")],
    home: HomeOption = DEFAULT_HOME,
    version: Annotated[int | None, typer.Option(help="The graph's version as which to see it; the newest.")] = None,
) -> None:
    """Show which tokens are one person's, what joins them, what was left out and how it came about."""
    from rich.console import Console
    from rich.table import Table

    from services.identity.explain import explain as explained
    from services.settings import Home

    person = explained(Home(home).lake_root, name, version)
    console = Console()
    console.print(f"[bold]{person.person_id}[/bold]")
    for one in person.tokens:
        console.print(f"  {one}  {person.quarantined.get(one, '')}")
    links = Table("token", "and", "because", "since", "joins", title="Links")
    for link in person.links:
        shared = person.quarantined.get(link.token_a) or person.quarantined.get(link.token_b)
        joins = "yes" if link.used else f"no: {shared}" if shared else "no"
        since = f"{link.first_seen_at:%Y-%m-%d %H:%M}" if link.first_seen_at else "-"
        links.add_row(link.token_a, link.token_b, link.because, since, joins)
    changes = Table("version", "known since", "token", "from", "to", title="How it came about")
    for change in person.changes:
        since = f"{change.known_at:%Y-%m-%d %H:%M}" if change.known_at else "-"
        changes.add_row(str(change.version), since, change.token, change.before or "new", change.after or "gone")
    console.print(links, changes)


@app.command(epilog="Example: mangrove identity quarantine --widest 20 --home .mangrove")
def quarantine(
    home: HomeOption = DEFAULT_HOME,
    widest: Annotated[int, typer.Option(min=0, help="How many tokens to show, those seen with most others.")] = 10,
) -> None:
    """Show what joins nobody: shared devices, hotlines and what else broke a guard. `include` trusts a token anyway."""
    from rich.console import Console
    from rich.table import Table

    from services.identity.quarantine import report
    from services.settings import Home

    found = report(Home(home).lake_root, widest)
    counts = Table("type", "because it was", "tokens", title="What joins nobody")
    for type_, reason, count in found.counts:
        counts.add_row(type_, reason, str(count))
    tokens = Table("token", "because it was", "seen with tokens", title="Seen with most others")
    for one in found.widest:
        tokens.add_row(one.token, one.reason, str(one.neighbours))
    Console().print(counts, tokens)


@app.command(epilog="Example: mangrove identity merge customer.1.ABC customer.1.DEF")
def merge(tokens: TokensArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Join the people of tokens into one; the id of the one known first stays."""
    _decide(kinds.MERGE, tokens, home)


@app.command(epilog="Example: mangrove identity split device.1.ABC cookie.1.DEF")
def split(tokens: TokensArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Part tokens, together, from all others that they are seen with."""
    _decide(kinds.SPLIT, tokens, home)


@app.command(epilog="Example: mangrove identity exclude phone.1.ABC")
def exclude(tokens: TokensArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Let tokens join nobody: a role account, a shop's tablet."""
    _decide(kinds.EXCLUDE, tokens, home)


@app.command(epilog="Example: mangrove identity include loyalty_card.1.ABC")
def include(tokens: TokensArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Let tokens join people although they are over their limits: a household's card."""
    _decide(kinds.INCLUDE, tokens, home)


@app.command(epilog="Example: mangrove identity undo 0123456789abcdef0123456789abcdef")
def undo(decision_id: Annotated[str, typer.Argument(help="See `decisions`.")], home: HomeOption = DEFAULT_HOME) -> None:
    """Take a decision back: everybody is again who they would be without it."""
    undone = _decisions(home).undo(decision_id)
    typer.echo(f"took back the {undone.kind} of {len(undone.tokens)} tokens; {_NEXT}")


@app.command(epilog="Example: mangrove identity decisions --home .mangrove")
def decisions(home: HomeOption = DEFAULT_HOME) -> None:
    """List what was decided, the newest first."""
    from rich.console import Console
    from rich.table import Table

    table = Table("decision", "kind", "tokens", "decided", "taken back", title="Decisions")
    for one in _decisions(home).all():
        undone = f"{one.undone_at:%Y-%m-%d %H:%M}" if one.undone_at else "-"
        table.add_row(one.decision_id, one.kind, "\n".join(one.tokens), f"{one.decided_at:%Y-%m-%d %H:%M}", undone)
    Console().print(table)


def _decide(kind: str, tokens: list[str], home: "Path") -> None:
    made = _decisions(home).decide(kind, tokens)
    typer.echo(f"decided: {kind} {len(made.tokens)} tokens; {_NEXT}")
    typer.echo(f"take it back with: mangrove identity undo {made.decision_id}")


def _decisions(home: "Path") -> "Decisions":
    from services.audit import AuditLog
    from services.identity.decisions import Decisions
    from services.settings import Home

    installation = Home(home)
    return Decisions(installation.lake_root, AuditLog(installation.path(installation.settings.audit)))
