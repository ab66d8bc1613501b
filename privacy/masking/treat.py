"""Treats the fields of any event as the plan says, of a broken one too: the plain way, and the one that is complete.

Texts are gathered in a run and masked together. What breaks a rule is masked more strictly than what does not, or
left out; what is left out and cannot be seen in the tree is noted.
"""

import ipaddress
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message

from privacy.masking.actions import NUMBER
from privacy.masking.labels import secret_of, words_of
from privacy.masking.limits import Kind
from privacy.masking.plan import FieldPlan, MessagePlan, Treatment
from privacy.masking.run import Run
from privacy.masking.texts import TextField

NO_ADDRESS = "<IP_ADDRESS>"
"""Stands for what is no address where one belongs."""

_EXACT_BELOW = 2.0**53
# Numbers of enums that are small enough to say nothing else.
_HIGHEST_ENUM = 255

Measure = int | list[int] | None


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that a field broke and that its masked form does not show.

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
        held: Broken rules that the fields do not show.
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
    return tree


def text_fields(plan: MessagePlan, wanted: Sequence[Treatment], path: str = "") -> list[str]:
    """Return the paths of all fields that are treated in one of some ways."""
    found: list[str] = []
    for one in plan.fields.values():
        if one.treatment in wanted:
            found.append(f"{path}{one.name}")
        elif one.child is not None:
            found += text_fields(one.child, wanted, f"{path}{one.name}.")
    return found


def put_field(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any) -> None:
    """Put a set field that holds no message and names nobody into the tree.

    Args:
        run: Takes the texts.
        out: The fields of the message.
        one: The field's plan.
        path: Its path from the event.
        value: What it holds, which breaks no rule.
    """
    if one.treatment in (Treatment.FREE_TEXT, Treatment.URL):
        _put_texts(run, out, one, path, value)
    elif one.treatment in _CONVERSIONS:
        convert = _CONVERSIONS[one.treatment]
        if one.enum_names is not None:
            convert = one.enum_names.__getitem__
        if one.repeated:
            out[one.name] = [convert(item) for item in value]
        elif value or one.explicit:
            out[one.name] = convert(value)


def put_struct(run: Run, text: TextField, container: Any, place: Any, values: dict[str, Any]) -> None:
    """Put a dict of any values into container[place]; keys, strings and numbers are masked."""
    out, masked = run.entries(text, list(values))
    container[place] = out
    for index, (key, value) in enumerate(values.items()):
        _put_value(run, text, masked, index, value, key)


def put_number(run: Run, text: TextField, container: Any, place: Any, number: float, key: str = "") -> None:
    """A phone number may come as a number: its decimal form is masked like a text.

    From 2^53 on a double has lost its last digits, and with them the checksum that would tell an id or a card:
    such numbers are withheld.
    """
    if isinstance(number, float) and abs(number) >= _EXACT_BELOW:
        container[place] = NUMBER
        return
    plain = int(number) if math.isfinite(number) and number == int(number) else number
    run.text(text, container, place, str(plain), label=words_of(key), whole=secret_of(key), number=plain)


@lru_cache(maxsize=16_384)
def truncated(value: str) -> str:
    """Truncate an address to its network, /24 or /48; what is no address is withheld."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return NO_ADDRESS
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _message(run: Run, message: Message, plan: MessagePlan, path: str, tree: Tree) -> dict[str, Any] | None:
    """Return a message's fields, or None if it names somebody in a way that cannot be told."""
    out: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        one = plan.fields[descriptor.number]
        where = f"{path}{one.name}"
        broken = one.check(value)
        if one.treatment is Treatment.IDENTIFIER:
            kind = one.identifier_type or _type_of(message, plan)
            if kind is None:
                return None
            _put_identifier(run, out, one, kind, value, tree, where)
        elif broken is not None:
            _put_broken(run, out, one, where, value, tree, broken[0])
        elif one.child is not None:
            _put_child(run, out, one, one.child, where, value, tree)
        else:
            put_field(run, out, one, where, value)
    return out


def _put_child(
    run: Run, out: dict[str, Any], one: FieldPlan, child: MessagePlan, path: str, value: Any, tree: Tree
) -> None:
    if one.repeated:
        items = [_message(run, item, child, f"{path}.", tree) for item in value]
        out[one.name] = [item for item in items if item is not None]
    elif (fields := _message(run, value, child, f"{path}.", tree)) is not None:
        out[one.name] = fields


def _type_of(message: Any, plan: MessagePlan) -> str | None:
    """Return the type that a message says its identifier has, or None if it says none that is known."""
    one = next(f for f in plan.fields.values() if f.name == "type" and f.enum_names)
    return (one.enum_names or {})[message.type] if message.type in one.limits.known else None


def _put_identifier(
    run: Run, out: dict[str, Any], one: FieldPlan, kind: str, value: str, tree: Tree, path: str
) -> None:
    """Put a token; a blank one that must not be blank names nothing."""
    if one.limits.required and not value.strip():
        return
    if len(value) > one.limits.max_length:
        tree.held.append(Held(path, "MAX_LENGTH", len(value)))
    out[one.name] = run.token(kind, value)


def _put_broken(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any, tree: Tree, reason: str) -> None:
    """Put what may be kept of a field that breaks a rule, and note what then does not show."""
    if reason in ("MAX_ITEMS", "MAX_DEPTH") or (one.repeated and one.kind is not Kind.ENUM):
        tree.fits = False
    elif one.treatment is Treatment.UNKNOWN:
        tree.held.append(Held(path, reason))
    elif one.treatment in (Treatment.DROP, Treatment.IP):
        tree.held.append(Held(path, reason, len(value)))
        if one.treatment is Treatment.IP:
            out[one.name] = NO_ADDRESS
    elif one.treatment in (Treatment.FREE_TEXT, Treatment.URL):
        _put_texts(run, out, one, path, value)
    elif one.kind is Kind.ENUM:
        numbers = list(value) if one.repeated else [value]
        told = all(0 <= number <= _HIGHEST_ENUM for number in numbers)
        tree.held.append(Held(path, reason, None if not told else numbers if one.repeated else value))
    elif (text := run.fields[path]) is None:
        tree.held.append(Held(path, reason))
    elif one.kind is Kind.TEXT:
        # What does not have its form may be anything.
        run.text(text, out, one.name, value)
    elif not math.isfinite(value):
        out[one.name] = NUMBER
    else:
        put_number(run, text, out, one.name, round(value, 1) if one.treatment is Treatment.LOCATION else value)


def _put_texts(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any) -> None:
    text = run.fields[path]
    if text is None:
        return
    put = run.url if one.treatment is Treatment.URL else run.text
    if one.kind is Kind.STRUCT:
        structs = value if one.repeated else [value]
        made: list[Any] = [None] * len(structs)
        for index, struct in enumerate(structs):
            put_struct(run, text, made, index, _plain_struct(struct))
        out[one.name] = made if one.repeated else made[0]
    elif one.kind is Kind.MAP:
        put_map(run, text, out, one.name, dict(value))
    elif one.repeated:
        texts = out[one.name] = [None] * len(value)
        for index, item in enumerate(value):
            put(text, texts, index, item)
    else:
        put(text, out, one.name, value)


def put_map(run: Run, text: TextField, container: Any, place: Any, values: dict[str, str]) -> None:
    """Put a dict of texts into container[place]; each value is read under its key."""
    out, masked = run.entries(text, list(values))
    container[place] = out
    for index, (key, value) in enumerate(values.items()):
        run.text(text, masked, index, value, label=words_of(key), whole=secret_of(key))


def _put_value(run: Run, text: TextField, container: Any, place: Any, value: Any, key: str) -> None:
    """Put a value of a Struct; a value in a list is read under the key of the list."""
    if isinstance(value, str):
        run.text(text, container, place, value, label=words_of(key), whole=secret_of(key))
    elif isinstance(value, dict):
        put_struct(run, text, container, place, value)
    elif isinstance(value, list):
        items = container[place] = [None] * len(value)
        for index, item in enumerate(value):
            _put_value(run, text, items, index, item, key)
    elif isinstance(value, bool) or value is None:
        container[place] = value
    else:
        put_number(run, text, container, place, value, key)


def _plain_struct(struct: Any) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _plain_value(value: Any) -> Any:
    """Return a Value of a Struct as it would be in JSON."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


_CONVERSIONS: dict[Treatment, Callable[[Any], Any]] = {
    Treatment.KEEP: lambda value: value,
    Treatment.EMOTION: lambda value: value,
    Treatment.LOCATION: lambda value: round(value, 1),
    Treatment.IP: truncated,
}
