"""`mangrove audit`: what the service claims, measured."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Measure what the private query service claims.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Measure what the private query service claims."""


@app.command(epilog="Example: mangrove audit epsilon --rho 0.5 --answers 200 --out epsilon.json")
def epsilon(
    rho: Annotated[float, typer.Option(min=0.001, max=10, help="What each question may cost.")] = 0.5,
    answers: Annotated[int, typer.Option(min=1, max=10_000, help="Questions asked of each of the two marts.")] = 200,
    out: Annotated[Path | None, typer.Option(help="Write what was measured there, as JSON.")] = None,
) -> None:
    """Measure a lower bound on epsilon with canaries, over the socket of the real service in a temporary home."""
    import json

    from privacy.dp.types import NanoRho
    from services.private_audit.measured import audit

    told = json.dumps(audit(rho=NanoRho(round(rho * 10**9)), answers=answers).told(), indent=1)
    typer.echo(told)
    if out is not None:
        out.write_text(told + "\n")
