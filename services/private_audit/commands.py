"""`mangrove audit`: what the service claims, measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from services.private_query.published import Published

app = typer.Typer(help="Measure what the private query service claims.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Measure what the private query service claims."""


@app.command(epilog="Example: mangrove audit epsilon --rho 0.5 --answers 200 --publish --home .mangrove")
def epsilon(
    rho: Annotated[float, typer.Option(min=0.001, max=10, help="What each question may cost.")] = 0.5,
    answers: Annotated[int, typer.Option(min=1, max=10_000, help="Questions asked of each of the two marts.")] = 200,
    out: Annotated[Path | None, typer.Option(help="Write what was measured there, as JSON.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Sign it and let partners see it, whatever was measured.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Measure a lower bound on epsilon with canaries, over the socket of the real service in a temporary home.

    The home folder is only where --publish leaves what was measured.
    """
    import json
    from dataclasses import asdict

    from privacy.dp.types import NanoRho
    from services.private_audit.measured import audit, hold_to_claim

    published = _published(home) if publish else None
    measured = audit(rho=NanoRho(round(rho * 10**9)), answers=answers)
    told = json.dumps({**asdict(measured), "of_claim": measured.of_claim}, indent=1)
    typer.echo(told)
    if out is not None:
        out.write_text(told + "\n")
    if published is not None:
        published.publish(measured)
    hold_to_claim(measured)


@app.command(epilog="Example: mangrove audit show --home .mangrove")
def show(home: HomeOption = DEFAULT_HOME) -> None:
    """Show what was measured last and is published beside the claim."""
    from services.clients.audits import PublishedAudit
    from services.private_query.code import code_version

    last = _published(home).last()
    if last is None:
        typer.echo("nothing was published; `mangrove audit epsilon --publish` measures")
        return
    typer.echo(PublishedAudit.of(last.statement, last.signature, code_version()).sentence())


def _published(home: Path) -> "Published":
    from privacy.receipts import Signer
    from services.installation import RECEIPTS
    from services.keys import key_provider
    from services.private_query.published import Published
    from services.settings import Home

    installation = Home(home)
    return Published(installation, Signer(key_provider(installation).secret(RECEIPTS)))
