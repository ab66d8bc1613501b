"""Reads any event into a tree, a broken one too: the plain way, which is complete.

What breaks a rule is masked more strictly than what does not, or left out; what is left out and cannot be seen in the
tree is noted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from privacy.masking.actions import NUMBER
from privacy.masking.limits import UNKNOWN_VALUE, Kind
from privacy.masking.plan import TRAITS, FieldPlan, MessagePlan, Treatment, known_names, type_field
from privacy.masking.run import Run
from privacy.masking.treat import NO_ADDRESS, TEXTS, put_field, put_number, put_texts, put_unknown
from privacy.masking.unknown import MOST, unknown_values

# Numbers of enums that are too small to say anything else.
_HIGHEST_ENUM = 255

Measure = int | list[int] | None


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that a field broke and that its masked form may not show.

    Attributes:
        path: The field's path from the event.
        reason: The rule.
        measure: How long it was, or which numbers of an enum it held; None if that is not kept.
    """

    path: str
    reason: str
    measure: Measure = None


@dataclass(slots=True)
class Tree:
    """An event as a tree of dicts; its texts stand in it when the run has masked them.

    Attributes:
        fields: The fields by their names.
        held: Broken rules that the fields may not show.
        fits: False if it holds more than is looked at.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    fits: bool = True

    def __repr__(self) -> str:
        return "Tree(withheld)"


def tree_of(run: Run, event: Message, plan: MessagePlan) -> Tree:
    """Return an event as a tree."""
    tree = Tree()
    tree.fields = _message(run, event, plan, "", tree) or {}
    unknown = unknown_values(event, plan)
    put_unknown(run, tree.fields, unknown[:MOST])
    if len(unknown) > MOST:
        tree.held.append(Held("event", "UNKNOWN_FIELD"))
    return tree


def text_fields(plan: MessagePlan, wanted: Sequence[Treatment] = TEXTS, path: str = "") -> list[str]:
    """Return the paths of all fields that are treated in one of some ways."""
    found: list[str] = []
    for one in plan.fields.values():
        if one.treatment in wanted:
            found.append(f"{path}{one.name}")
        elif one.child is not None:
            found += text_fields(one.child, wanted, f"{path}{one.name}.")
    return found


def _message(run: Run, message: Message, plan: MessagePlan, path: str, tree: Tree) -> dict[str, Any] | None:
    """Return a message's fields, or None if it names somebody in a way that is not known."""
    out: dict[str, Any] = {}
    traits: dict[str, str] = {}
    for descriptor, value in message.ListFields():
        one = plan.fields[descriptor.number]
        where = f"{path}{one.name}"
        broken = one.check(value)
        if one.treatment is Treatment.IDENTIFIER:
            kind = one.identifier_type or known_names(type_field(plan)).get(message.type)  # type: ignore[attr-defined]
            if kind is None:
                tree.held.append(Held(f"{path}type", UNKNOWN_VALUE[0]))
                return None
            if (token := _token(run, one, kind, value, tree, where)) != "":
                out[one.name] = token
        elif broken is not None:
            _put_broken(run, out, one, where, value, tree, broken[0])
        elif one.trait is not None:
            traits[one.trait] = value
        elif one.child is None:
            put_field(run, out, one, where, value)
        elif one.repeated:
            items = [_message(run, item, one.child, f"{where}.", tree) for item in value]
            out[one.name] = [item for item in items if item is not None]
        elif (fields := _message(run, value, one.child, f"{where}.", tree)) is not None:
            out[one.name] = fields
    if traits:
        out[TRAITS] = run.encode(traits)
    return out


def _token(run: Run, one: FieldPlan, kind: str, value: str, tree: Tree, path: str) -> str | None:
    """Return a token, or nothing for a blank that must be none."""
    if one.limits.required and not value.strip():
        return ""
    if len(value) > one.limits.max_length:
        tree.held.append(Held(path, "MAX_LENGTH", len(value)))
    return run.token(kind, value)


def _put_broken(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any, tree: Tree, reason: str) -> None:
    """Put what may be kept of a field that breaks a rule, and note what then does not show."""
    if reason in ("MAX_ITEMS", "MAX_DEPTH") or (one.repeated and one.kind is not Kind.ENUM):
        tree.fits = False
    elif one.treatment is Treatment.UNKNOWN:
        tree.held.append(Held(path, reason))
    elif one.treatment in (Treatment.DROP, Treatment.TRAIT):
        tree.held.append(Held(path, reason, len(value)))
    elif one.treatment is Treatment.IP:
        tree.held.append(Held(path, reason, len(value)))
        out[one.name] = NO_ADDRESS
    elif one.treatment in TEXTS:
        put_field(run, out, one, path, value)
    elif one.kind is Kind.ENUM:
        numbers = list(value) if one.repeated else [value]
        told = all(0 <= number <= _HIGHEST_ENUM for number in numbers)
        tree.held.append(Held(path, reason, None if not told else numbers if one.repeated else value))
    elif one.kind is Kind.TEXT:
        # What does not have its form may be anything.
        tree.held.append(Held(path, reason))
        put_texts(run, out, one, path, value)
    elif (text := run.fields[path]) is None or not math.isfinite(value):
        out[one.name] = NUMBER
    else:
        put_number(run, text, out, one.name, round(value, 1) if one.treatment is Treatment.LOCATION else value)
