"""Makes events of rows as a mapping says, compiled once against the schema so that typing errors are found early."""

from collections.abc import Callable, Iterator

from mangrove.event.v1 import event_pb2
from services.adapters.account import Mapped, Outcome, Skipped, Unmapped
from services.adapters.tables import steps
from services.adapters.tables.cells import CellUnfit, Row, text_of
from services.adapters.tables.mapping import Condition, MappingInvalid, TableMapping
from services.adapters.tables.steps import Step

MOST_EVENT_BYTES = 3_000_000
"""A larger event would make the collector refuse the whole batch that it travels in."""

_BODIES = frozenset(field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields)


class RowMapper:
    """Makes events of rows.

    Args:
        mapping: What becomes what.

    Raises:
        MappingInvalid: if it names a body, a field, a word or a type of identifier that the schema does not have.
    """

    def __init__(self, mapping: TableMapping) -> None:
        self.columns = tuple(dict.fromkeys(_columns(mapping)))
        """The columns that the mapping names, each once."""
        self._skips = [_condition(one) for one in mapping.skip_when]
        self._rules = [
            (_body(n, rule.body), _condition(rule.when) if rule.when else None) for n, rule in enumerate(mapping.event)
        ]
        self._steps = [
            steps.id_step(mapping.id),
            steps.channel_step(mapping.channel),
            steps.occurred_at_step(mapping.occurred_at),
            *steps.identifier_steps(mapping.identifiers),
            *([steps.conversation_step(mapping.conversation)] if mapping.conversation else []),
            steps.consent_step(mapping.consent),
        ]
        self._fields: dict[str, list[Step]] = {"context": [], **{body: [] for body, _ in self._rules}}
        for path, value in mapping.fields.items():
            root = path.partition(".")[0]
            if root not in self._fields:
                raise MappingInvalid((f'fields."{path}"', "write context or the name of a body under [[event]] first"))
            self._fields[root].append(steps.field_step(path, value))

    def map(self, row: Row) -> Outcome:
        """Return what becomes of a row: one event, or why there is none."""
        if any(skip(row) for skip in self._skips):
            return Skipped(row.number, "skip_when")
        body = next((body for body, when in self._rules if when is None or when(row)), None)
        if body is None:
            return Unmapped(row.number, "event:NO_RULE")
        event = event_pb2.Event()
        getattr(event, body).SetInParent()
        for step in (*self._steps, *self._fields["context"], *self._fields[body]):
            try:
                step.apply(row, event)
            except CellUnfit as unfit:
                return Unmapped(row.number, f"{step.where}:{unfit.rule}")
            except UnicodeError:
                return Unmapped(row.number, f"{step.where}:ENCODING")
        if event.ByteSize() > MOST_EVENT_BYTES:
            return Unmapped(row.number, "event:TOO_LARGE")
        return Mapped(row.number, (event,))


def _columns(mapping: TableMapping) -> Iterator[str]:
    yield from mapping.id.columns
    yield from filter(None, [mapping.occurred_at.column, mapping.conversation, mapping.consent.column])
    for columns in mapping.identifiers.values():
        yield from columns
    for value in (mapping.channel, *mapping.fields.values()):
        yield from filter(None, [value.column, *value.columns.values()])
    for condition in (*mapping.skip_when, *(rule.when for rule in mapping.event if rule.when)):
        yield condition.column


def _body(place: int, name: str) -> str:
    if name not in _BODIES:
        raise MappingInvalid(
            (f"event.{place}.body", f"there is no such body; write one of {', '.join(sorted(_BODIES))}")
        )
    return name


def _condition(condition: Condition) -> Callable[[Row], bool]:
    wanted = frozenset(condition.equals)

    def holds(row: Row) -> bool:
        cell = row.column(condition.column)
        if condition.empty is not None:
            return (cell is None) is condition.empty
        return isinstance(cell, str | int) and text_of(cell) in wanted

    return holds
