"""`mangrove keys`: the keys of tokens and of profile traits: which there are, new ones, and the end of old ones."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from pathlib import Path

    from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Keys of tokens: list, rotate, destroy.")

_RESTART = "restart the collector: it reads its keys when it starts"


@app.callback()
def _keys() -> None:
    """Keys of tokens: list, rotate, destroy."""


@app.command("list", epilog="Example: mangrove keys list --home .mangrove")
def list_keys(home: HomeOption = DEFAULT_HOME) -> None:
    """Show the version of each key in use, and until when those before it still link people. No key is shown."""
    from rich.console import Console
    from rich.table import Table

    from privacy.pseudonyms import MASKED_TYPES, PERSON_TYPES, REFERENCE_TYPES
    from services.installation import SECRETS
    from services.keys import key_provider
    from services.settings import Home

    provider = key_provider(Home(home))
    table = Table("key", "version", "links people from", "until", title="Keys")
    now = datetime.now(UTC)
    for name in (*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES, *SECRETS):
        former = provider.former(name)
        versions = "\n".join(f"version {one.key.version}" for one in former)
        ends = "\n".join(f"{one.until:%Y-%m-%d %H:%M}{' (over)' if one.until <= now else ''}" for one in former)
        table.add_row(name, str(provider.current(name).version), versions or "-", ends or "-")
    Console().print(table)


@app.command(epilog="Example: mangrove keys rotate email phone --days 90")
def rotate(
    types: Annotated[
        list[str] | None, typer.Argument(help="Identifier types, or linkage; by default all types that name a person.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    days: Annotated[int, typer.Option(min=0, max=400, help="How long old tokens and new ones are linked.")] = 90,
) -> None:
    """Make new keys; in the window after it, events link the tokens under the old key with those under the new."""
    from privacy.pseudonyms import PERSON_TYPES
    from privacy.pseudonyms.key_file import ROTATABLE
    from privacy.pseudonyms.key_file import rotate as rotated
    from services.audit import AuditLog
    from services.settings import Home

    installation, wanted = Home(home), types or list(PERSON_TYPES)
    path = _file(installation)
    AuditLog(installation.path(installation.settings.audit)).note(
        "keys.rotate", types=sorted({*wanted} & {*ROTATABLE}), days=days
    )
    for one in rotated(path, wanted, window=timedelta(days=days), now=datetime.now(UTC)):
        old = f"links people until {one.until:%Y-%m-%d %H:%M} UTC" if one.until else "is destroyed"
        typer.echo(f"{one.purpose}: version {one.version} from now on; version {one.version - 1} {old}")
    typer.echo(f"back up {path.name}, then {_RESTART}")
    if days:
        typer.echo("who is not seen until then is somebody new after it; run `mangrove keys destroy` when it is over")


@app.command(epilog="Example: mangrove keys destroy --home .mangrove")
def destroy(home: HomeOption = DEFAULT_HOME) -> None:
    """Take the keys out of the key file whose window is over; what they made can then be made by nobody."""
    from privacy.pseudonyms.key_file import destroy_ended
    from services.audit import AuditLog
    from services.settings import Home

    installation = Home(home)
    path = _file(installation)
    AuditLog(installation.path(installation.settings.audit)).note("keys.destroy")
    gone = destroy_ended(path, datetime.now(UTC))
    for purpose, version in gone:
        typer.echo(f"{purpose}: version {version} is destroyed")
    done = f"take them out of backups of {path.name} too, and {_RESTART}"
    typer.echo(done if gone else "no key's window is over: nothing was destroyed")


def _file(home: "Home") -> "Path":
    from privacy.pseudonyms.key_file import NotRotated

    if home.settings.keys.startswith("env:"):
        raise NotRotated(
            "The keys come from an environment variable. Put its content into a file of mode 600, name that as `keys` "
            "in a copy of mangrove.toml, rotate there, and set the variable to the new content."
        )
    return home.path(home.settings.keys)
