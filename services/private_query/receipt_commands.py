"""`mangrove receipt`: the key of receipts, and checking one without the service."""

from pathlib import Path
from typing import Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

app = typer.Typer(help="Signed receipts of private answers.", no_args_is_help=True)


@app.callback()
def _receipt() -> None:
    """Signed receipts of private answers."""


@app.command(epilog="Example: mangrove receipt key --home .mangrove > mangrove-receipts.pem")
def key(home: HomeOption = DEFAULT_HOME) -> None:
    """Print the public key with which receipts are checked, to hand over to partners."""
    from privacy.receipts import Signer
    from services.installation import RECEIPTS
    from services.keys import key_provider
    from services.settings import Home

    typer.echo(Signer(key_provider(Home(home)).secret(RECEIPTS)).public_key, nl=False)


@app.command(epilog="Example: mangrove receipt verify answer.bin --key mangrove-receipts.pem")
def verify(
    file: Annotated[Path, typer.Argument(help="An answer's bytes, as `Answer.raw` has them.", exists=True)],
    key: Annotated[Path, typer.Option(help="The service's public key, PEM, from the operator.", exists=True)],
) -> None:
    """Check offline that an answer and its receipt are what the service gave, and print the receipt."""
    import json
    from dataclasses import asdict

    from services.clients.receipts import check_receipt

    receipt = check_receipt(file.read_bytes(), key.read_text(errors="replace"))
    lines = (f" {json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(receipt).items())
    typer.echo("{\n" + ",\n".join(lines) + "\n}")
