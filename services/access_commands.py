"""`mangrove access`: who may call. Running servers take a change within a second."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from services.access.keys import Role
from services.options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from services.access.administration import Administration
    from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Who may call: sources, partners and their API keys.")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

NameArgument = Annotated[str, typer.Argument(help="The source or partner.")]


@app.callback()
def _access() -> None:
    """Who may call: sources, partners and their API keys."""


@app.command("list", epilog="Example: mangrove access list --home .mangrove")
def list_callers(home: HomeOption = DEFAULT_HOME) -> None:
    """Show who may call, with which keys, until when and for what."""
    from rich.console import Console
    from rich.table import Table

    from services.settings import Home

    table = Table("name", "role", "key", "made", "ends", "channels", "certificates", title="Who may call")
    now = datetime.now(UTC)
    for caller in _administration(Home(home)).callers():
        beside = ", ".join(caller.certificates or ("-",))
        if not caller.key:
            table.add_row(caller.name, caller.role, "none", "", "", "", beside)
        for key in caller.key:
            ended = "revoked" if key.revoked_at else "over"
            ends = ended if key.is_over(now) else _shown(key.not_after)
            channels = ", ".join(key.channels or ("all",)) if caller.role == "source" else "-"
            table.add_row(caller.name, caller.role, key.key_id, _shown(key.made_at), ends, channels, beside)
    Console().print(table)


@app.command(epilog="Example: mangrove access add webshop --channel web --channel chat")
def add(
    name: NameArgument,
    home: HomeOption = DEFAULT_HOME,
    role: Annotated[Role, typer.Option(help="Sources send events, partners ask questions.")] = "source",
    channel: Annotated[
        list[str] | None, typer.Option(help="A channel that the source may send events of; repeat it. Default: all.")
    ] = None,
    certificate: Annotated[
        list[str] | None,
        typer.Option(help="A client certificate's name beside which alone the key is good; repeat it."),
    ] = None,
) -> None:
    """Let somebody call: make its API key."""
    from services.settings import Home

    installation = Home(home)
    key = _administration(installation).add(name, role, channels=channel or (), certificates=certificate or ())
    typer.echo(f"made the {role} '{name}' with key {key.key_id}")
    _tell_where(installation, name)


@app.command(epilog="Example: mangrove access rotate webshop --overlap 7d")
def rotate(
    name: NameArgument,
    home: HomeOption = DEFAULT_HOME,
    overlap: Annotated[str, typer.Option(help="How long the old key goes on, such as 90s, 30m, 12h or 7d.")] = "7d",
    key: Annotated[str, typer.Option(help="The id of the key to replace, if there is more than one.")] = "",
) -> None:
    """Make a new key with the same scope; the old one ends after the overlap."""
    from services.settings import Home

    installation = Home(home)
    rotated = _administration(installation).rotate(name, overlap=_duration(overlap), key_id=key)
    ends = "at once" if rotated.old_until is None else f"at {rotated.old_until.isoformat(timespec='seconds')}"
    typer.echo(f"made key {rotated.key_id} of '{name}'; key {rotated.old_key_id} ends {ends}")
    _tell_where(installation, name)


@app.command(epilog="Example: mangrove access revoke webshop --key 1f2e3d4c")
def revoke(
    name: NameArgument,
    home: HomeOption = DEFAULT_HOME,
    key: Annotated[str, typer.Option(help="The id of one key; all of them by default.")] = "",
) -> None:
    """Make keys open nothing any more, within a second."""
    from services.settings import Home

    ids = _administration(Home(home)).revoke(name, key_id=key)
    typer.echo(f"revoked {len(ids)} of the keys of '{name}': {', '.join(ids) or '-'}")


def _administration(home: "Home") -> "Administration":
    from services.installation import administration_of
    from services.keys import key_provider

    return administration_of(home, key_provider(home).secret("access"))


def _tell_where(home: "Home", name: str) -> None:
    from services.installation import credential_path

    typer.echo(f"hand this file over and delete it here: {credential_path(home, name)}")


def _shown(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter("give a number and s, m, h or d, such as 7d", param_hint="--overlap")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
