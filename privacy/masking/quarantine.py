"""What is kept of events that broke a rule: their masked fields, from which an event can be made once it is mended.

It is JSON: `event` holds the masked tree, `held` the broken rules that the tree may not show. Nothing raw is in it, and
nothing raw can be put in: what may be changed are fields that are kept as they are, to values that their rules allow.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from google.protobuf.message import Message

from privacy.consent import may_store
from privacy.masking.envelope import Token
from privacy.masking.limits import UNKNOWN_VALUE, Kind, Violation
from privacy.masking.plan import FieldPlan, MessagePlan, Treatment, known_names
from privacy.masking.refusals import Refusal
from privacy.masking.run import Run
from privacy.masking.tree import Held, Tree, tree_of

MOST_BYTES = 64 * 1024
"""Of larger events nothing is kept."""

UNREADABLE = Violation(
    "event", "CONTENT_UNREADABLE", "What was kept of it cannot be read: it was changed, or never kept by a collector."
)

_TYPES: dict[Kind, type | tuple[type, ...]] = {Kind.INTEGER: int, Kind.NUMBER: (int, float), Kind.TEXT: str}
# What is told of content is of our own making.
_PATH, _RULE = re.compile("[a-z0-9_.]{1,200}"), re.compile("[A-Z_]{1,40}")
_CONSENT = "consent"
_LARGEST = 2**63 - 1
_AT_ONCE = 1024 * 1024
_STILL_BROKEN = "It broke this rule when it was sent, and would today."
_REFUSED = (
    "CHANGE_REFUSED",
    "It cannot be changed to that. Channels, kinds, parties and the like take a name of the schema, numbers a number "
    "within their bounds, null unsets a field. Names, texts and consent stay as they are.",
)


@dataclass(slots=True)
class Content:
    """What was kept of an event: the masked tree of its fields, and broken rules that it may not show."""

    fields: dict[str, Any]
    held: list[Held]

    def __repr__(self) -> str:
        return "Content(withheld)"


def trees_of(run: Run, events: Sequence[Message], plan: MessagePlan) -> list[Tree | None]:
    """Return the trees of broken events that may be kept, of a bounded size all together.

    Nothing is kept of an event that may not be stored, and of one larger than 64 KiB.

    Args:
        run: Takes the texts; the places of events are those of the sequence.
        events: The events.
        plan: Their plan.
    """
    trees: list[Tree | None] = []
    left = _AT_ONCE
    for run.event, event in enumerate(events):
        size = event.ByteSize()
        left -= size
        may_keep = size <= MOST_BYTES and left >= 0 and is_allowed(event, plan)
        trees.append(tree_of(run, event, plan) if may_keep else None)
    return trees


def is_allowed(event: Message, plan: MessagePlan) -> bool:
    """Say whether the customer allows that anything of an event is stored."""
    names = known_names(_field_at(plan, "consent.purposes"))
    purposes = [names.get(number, "") for number in event.consent.purposes]  # type: ignore[attr-defined]
    return may_store(event.WhichOneof("body") or "", purposes)


def refusal_of(
    event: Any, plan: MessagePlan, source: str, received_at: datetime, broken: Sequence[Violation]
) -> Refusal:
    """Record which rules an event broke, nothing of what it held."""
    return Refusal(
        source=source,
        channel=known_names(_field_at(plan, "channel")).get(event.channel),
        event_type=event.WhichOneof("body"),
        received_at=received_at,
        broken=tuple(f"{one.field}:{one.reason}" for one in broken),
    )


def with_content(refusal: Refusal, event: Any, tree: Tree | None, plan: MessagePlan, token: Token) -> Refusal:
    """Add what is kept of an event that may be stored.

    Args:
        refusal: What is recorded of it in any case.
        event: The event.
        tree: Its masked tree; None if that is not kept.
        plan: Its plan.
        token: Makes tokens.
    """
    happened, at = _field_at(plan, "occurred_at_unix_nano"), event.occurred_at_unix_nano
    in_bounds = happened is not None and happened.check(at) is None
    return replace(
        refusal,
        event_id=token("event", event.event_id) if event.event_id.strip() else None,
        occurred_at=at // 1000 if in_bounds else None,
        content=_written(tree) if tree is not None else None,
    )


def _written(tree: Tree) -> bytes | None:
    """Return what is kept of a masked event as JSON in UTF-8; None if it is too much."""
    if not tree.fits:
        return None
    content = orjson.dumps({"event": tree.fields, "held": [[one.path, one.reason, one.measure] for one in tree.held]})
    return content if len(content) <= MOST_BYTES else None


def read(content: bytes) -> Content | None:
    """Return what was kept, or None if it cannot be read."""
    try:
        found = orjson.loads(content)
        fields, held = found["event"], [Held(path, reason, measure) for path, reason, measure in found["held"]]
        readable = all(_PATH.fullmatch(one.path) and _RULE.fullmatch(one.reason) for one in held)
    except (ValueError, TypeError, KeyError):
        return None
    return Content(fields, held) if readable and isinstance(fields, dict) else None


def change(content: Content, changes: Mapping[str, Any], plan: MessagePlan) -> list[Violation]:
    """Change fields; return those that cannot be changed so.

    Args:
        content: What was kept; it is changed.
        changes: New values by the paths of fields; None unsets one, or goes on without what could not be kept of it.
        plan: Today's plan of the event.
    """
    refused: list[Violation] = []
    for path, value in changes.items():
        one = _field_at(plan, path)
        if one is None or path.split(".")[0] == _CONSENT or not _may_become(one, value):
            refused.append(Violation(path, *_REFUSED))
            continue
        parent = _parent_of(content.fields, plan, path)
        others = [held for held in content.held if held.path != path]
        if parent is not None:
            parent.pop(one.name, None)
            parent |= {} if value is None else {one.name: value}
        elif value is not None or len(others) == len(content.held):
            refused.append(Violation(path, *_REFUSED))
        content.held = others
    return refused


def settle(content: Content, plan: MessagePlan) -> Iterator[Violation]:
    """Give the held rules that are broken today too; a value that the schema has learnt since is filled in."""
    for held in content.held:
        one = _field_at(plan, held.path)
        if one is None:
            yield Violation(held.path, held.reason, _STILL_BROKEN)
        elif held.reason == UNKNOWN_VALUE[0]:
            if not _learnt(one, held, _parent_of(content.fields, plan, held.path)):
                yield Violation(held.path, *UNKNOWN_VALUE)
        elif one.treatment is Treatment.UNKNOWN or _too_long(one, held):
            yield Violation(held.path, held.reason, _STILL_BROKEN)


def _too_long(one: FieldPlan, held: Held) -> bool:
    return held.reason == "MAX_LENGTH" and isinstance(held.measure, int) and held.measure > one.limits.max_length


def _learnt(one: FieldPlan, held: Held, parent: dict[str, Any] | None) -> bool:
    """Fill in the names of enum values, if all are known by now."""
    numbers = held.measure if isinstance(held.measure, list) else [held.measure]
    names = [known_names(one)[number] for number in numbers if number in known_names(one)]
    if parent is None or len(names) < len(numbers) or isinstance(held.measure, list) != one.repeated:
        return False
    parent[one.name] = names if one.repeated else names[0]
    return True


def _may_become(one: FieldPlan, value: object) -> bool:
    """Say whether a field is kept as it is and a value is one that it may have."""
    if one.treatment is not Treatment.KEEP or one.repeated:
        return False
    if value is None:
        return True
    if one.kind is Kind.ENUM:
        return value in known_names(one).values()
    if isinstance(value, bool):
        return one.kind is Kind.BOOL
    if isinstance(value, int) and abs(value) > _LARGEST:
        return False
    right = _TYPES.get(one.kind)
    return right is not None and isinstance(value, right) and one.check(value) is None


def _field_at(plan: MessagePlan, path: str) -> FieldPlan | None:
    """Return the field at a path, or None."""
    found: FieldPlan | None = None
    below: MessagePlan | None = plan
    for name in path.split("."):
        found = next((one for one in below.fields.values() if one.name == name), None) if below is not None else None
        below = found.child if found is not None else None
    return found


def _parent_of(fields: dict[str, Any], plan: MessagePlan, path: str) -> dict[str, Any] | None:
    """Return the message that a field belongs to; None if it is one of several, or would be another body."""
    for depth, name in enumerate(path.split(".")[:-1]):
        one = _field_at(plan, ".".join(path.split(".")[: depth + 1]))
        if one is None or one.child is None or one.repeated or (one.oneof is not None and name not in fields):
            return None
        fields = fields.setdefault(name, {})
        if not isinstance(fields, dict):
            return None
    return fields
