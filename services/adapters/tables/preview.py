"""Shows what an event would be without its personal data: kinds and lengths stand in the place of values."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import typer
from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from privacy.masking import MessagePlan, compile_plan
from privacy.masking.plan import FieldPlan, Treatment
from privacy.masking.validate import violations
from services.adapters.account import Account, Mapped, Outcome

_MOMENTS = "_unix_nano"


def show(outcomes: Iterable[Outcome], most: int, account: Account) -> None:
    """Print what the first records become, read the others as well, and print the account; nothing is sent."""
    plan = compile_plan(event_pb2.Event.DESCRIPTOR)
    for outcome in outcomes:
        if isinstance(outcome, Mapped) and most > 0:
            most -= 1
            for event in outcome.events:
                typer.echo(f"{account.unit} {outcome.number}: {event.WhichOneof('body')}")
                typer.echo("\n".join(f"    {line}" for line in lines(event, plan)))
    typer.echo("\n".join(account.lines(None)))


def lines(event: event_pb2.Event, plan: MessagePlan) -> Iterator[str]:
    """Yield a line a field that is set, and one for each rule for which the collector would refuse the event."""
    yield from _fields(event, plan, "")
    for broken in violations(event, plan):
        yield f"would be refused, {broken.field}: {broken.description}"
    if event_pb2.PURPOSE_ANALYTICS not in event.consent.purposes and not event.HasField("consent_changed"):
        yield "would be refused, consent: The customer did not allow analytics."


def _fields(message: Message, plan: MessagePlan, path: str) -> Iterator[str]:
    for descriptor, value in message.ListFields():
        field = plan.fields[descriptor.number]
        where = path + field.name
        if field.child is None:
            yield f"{where}: {_shown(field, value)}"
        elif field.repeated:
            for place, item in enumerate(value):
                yield from _fields(item, field.child, f"{where}[{place}].")
        else:
            if not value.ListFields():
                yield f"{where}: (nothing)"
            yield from _fields(value, field.child, f"{where}.")


def _shown(field: FieldPlan, value: Any) -> str:
    """Give a sound value that is stored as it is; of others what they are and how long."""
    if field.treatment is Treatment.KEEP and field.check(value) is None:
        return _kept(field, value)
    kind = "unsound" if field.treatment is Treatment.KEEP else field.treatment.name.lower().replace("_", " ")
    if isinstance(value, int | float):
        return f"<{kind}>"
    return f"<{kind}, {len(value)} {'characters' if isinstance(value, str) else 'keys'}>"


def _kept(field: FieldPlan, value: Any) -> str:
    if field.enum_names is not None:
        return ", ".join(field.enum_names[number] for number in (value if field.repeated else [value]))
    if field.name.endswith(_MOMENTS):
        return datetime.fromtimestamp(value / 10**9, UTC).isoformat(timespec="milliseconds")
    return str(value)
