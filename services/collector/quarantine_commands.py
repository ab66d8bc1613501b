"""`mangrove quarantine`: events that broke a rule, and their replay."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from privacy.errors import MangroveError
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

if TYPE_CHECKING:
    from privacy.masking.plan import FieldPlan, MessagePlan

_CONSENT = "consent"
_REFUSED = ":CHANGE_REFUSED"
_WHOLE = re.compile("-?[0-9]{1,19}", re.ASCII)

app = typer.Typer(no_args_is_help=True, help="Look at events that broke a rule, and replay them after a fix.")

SourceOption = Annotated[str, typer.Option(help="Only events of this source.")]
ViolationOption = Annotated[str, typer.Option(help="Only events that broke this rule, such as context.locale:PATTERN.")]
EventIdOption = Annotated[str, typer.Option("--event-id", help="Only the event whose id has this pseudonym.")]


class ChangeInvalid(MangroveError):
    """A change is not written as PATH=VALUE."""

    reason = "CHANGE_INVALID"

    def __init__(self) -> None:
        super().__init__("A change is written as PATH=VALUE, such as --set channel=web.")


@app.command("list", epilog="Example: mangrove quarantine list --home .mangrove --violation channel:REQUIRED")
def list_(
    home: HomeOption = DEFAULT_HOME,
    source: SourceOption = "",
    violation: ViolationOption = "",
    event_id: EventIdOption = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, oldest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line each, with the masked event.")] = False,
) -> None:
    """List quarantined events, masked: when, from whom, which rules they broke, and whether they were taken since."""
    from itertools import islice

    from services.collector.quarantine import Chosen, quarantined

    found = islice(quarantined(Home(home).lake_root, Chosen(source, violation, event_id)), limit)
    if as_json:
        import orjson

        for event in found:
            typer.echo(orjson.dumps({**asdict(event), "state": event.state}, option=orjson.OPT_UTC_Z))
        return
    for event in found:
        kind = f"{event.channel or '-'} {event.event_type or '-'}"
        rules = ", ".join(event.violations)
        typer.echo(f"{event.received_at:%Y-%m-%d %H:%M:%S}  {event.source}  {kind}  {rules}  {event.state}")
        typer.echo(f"  {event.event_id or 'no event id'}")


@app.command(
    epilog="Example: mangrove quarantine replay --home .mangrove --violation channel:REQUIRED --set channel=web"
)
def replay(
    home: HomeOption = DEFAULT_HOME,
    source: SourceOption = "",
    violation: ViolationOption = "",
    event_id: EventIdOption = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="PATH=VALUE for a field that holds no personal data, PATH= unsets it; repeat it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
) -> None:
    """Hand events that satisfy today's rules to the lander, each once; the others stay in quarantine."""
    from services.audit import AuditLog
    from services.collector import wire
    from services.collector.bootstrap import event_masker_at
    from services.collector.journals.chosen import replay_journal_at
    from services.collector.quarantine import Chosen, quarantined
    from services.collector.quarantine import replay as run

    installation = Home(home)
    fields = dict(_changeable(wire.event_plan()))
    wanted = dict(_change(change, fields) for change in changes or [])
    masker = event_masker_at(installation)
    waiting = quarantined(installation.lake_root, Chosen(source, violation, event_id))
    if dry_run:
        done = asyncio.run(run(waiting, masker, None, wanted))
    else:
        with closing(replay_journal_at(installation)) as journal:
            done = asyncio.run(run(waiting, masker, journal, wanted))
        audit = AuditLog(installation.path(installation.settings.audit))
        audit.note("quarantine_replayed", source=source, violation=violation, events=done.replayed)
    typer.echo(f"{done.replayed} events {'would be' if dry_run else 'were'} handed to the lander")
    for rule, count in sorted(done.still_broken.items()):
        typer.echo(f"{count} still break {rule}")
    if any(rule.endswith(_REFUSED) for rule in done.still_broken):
        typer.echo("--set can change, within the schema's rules and never of another body than the event's:")
        for path, field in fields.items():
            typer.echo(f"    {path}: {_values(field)}")


def _changeable(plan: "MessagePlan", above: str = "") -> "Iterator[tuple[str, FieldPlan]]":
    """Yield the fields that hold no personal data and may be given another value, by path."""
    from privacy.masking.plan import Treatment

    for one in plan.fields.values():
        path = f"{above}{one.name}"
        if one.repeated or path == _CONSENT:
            continue
        if one.child is not None:
            yield from _changeable(one.child, f"{path}.")
        elif one.treatment is Treatment.KEEP:
            yield path, one


def _change(change: str, fields: "dict[str, FieldPlan]") -> tuple[str, str | int | None]:
    from privacy.masking.limits import Kind

    path, equals, value = change.partition("=")
    if not path or not equals:
        raise ChangeInvalid
    is_number = path in fields and fields[path].kind is Kind.INTEGER
    return path, int(value) if is_number and _WHOLE.fullmatch(value) else value or None


def _values(field: "FieldPlan") -> str:
    from privacy.masking.limits import Kind
    from privacy.masking.plan import known_names

    names = known_names(field).values()
    return ", ".join(names) if names else "a whole number" if field.kind is Kind.INTEGER else "a text of its pattern"
