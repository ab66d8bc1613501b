"""Treats the fields of events as the plan says: one compiled step a field; texts are gathered and masked together."""

import ipaddress
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message

from privacy.masking.actions import NUMBER
from privacy.masking.labels import secret_of, words_of
from privacy.masking.plan import FieldPlan, MessagePlan, Treatment
from privacy.masking.run import Run

_EXACT_BELOW = 2.0**53

Step = Callable[[Run, dict[str, Any], Any, Any], None]
"""Puts one set field into the tree: (run, tree, value, the message it belongs to)."""

Steps = dict[int, Step]


def compile_steps(plan: MessagePlan, path: str = "") -> Steps:
    """Compile a plan into one step a field number; what is dropped or refused gets one that does nothing."""
    type_names = next((f.enum_names for f in plan.fields.values() if f.name == "type" and f.enum_names), {})
    return {number: _step(field, type_names, f"{path}{field.name}") for number, field in plan.fields.items()}


def text_fields(plan: MessagePlan, path: str = "") -> list[str]:
    """Return the paths of all fields that hold free text or a URL: those that a policy can speak about."""
    found: list[str] = []
    for field in plan.fields.values():
        if field.treatment in (Treatment.FREE_TEXT, Treatment.URL):
            found.append(f"{path}{field.name}")
        elif field.child is not None:
            found += text_fields(field.child, f"{path}{field.name}.")
    return found


def tree_of(run: Run, message: Message, steps: Steps) -> dict[str, Any]:
    """Return the message as a tree of dicts; its texts stand in it when the run has masked them."""
    out: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        steps[descriptor.number](run, out, value, message)
    return out


def _step(field: FieldPlan, type_names: dict[int, str], path: str) -> Step:
    name, names = field.name, field.enum_names
    if field.treatment in (Treatment.DROP, Treatment.UNKNOWN):
        return lambda _run, _out, _value, _message: None
    if field.treatment is Treatment.IDENTIFIER:
        return _identifier(name, field.identifier_type, type_names)
    if field.treatment in (Treatment.FREE_TEXT, Treatment.URL):
        return _unless_dropped(path, _text(field))
    if field.child is not None:
        steps = compile_steps(field.child, f"{path}.")
        return _converted(name, lambda run, value: tree_of(run, value, steps), field.repeated)
    if names is not None:
        return _converted(name, lambda _run, value: names[value], field.repeated)
    return _converted(name, _CONVERSIONS[field.treatment], field.repeated)


def _unless_dropped(path: str, step: Step) -> Step:
    def checked(run: Run, out: dict[str, Any], value: Any, message: Any) -> None:
        if run.enters(path):
            step(run, out, value, message)

    return checked


def _converted(name: str, convert: Callable[[Run, Any], Any], repeated: bool) -> Step:
    def one(run: Run, out: dict[str, Any], value: Any, _message: Any) -> None:
        out[name] = convert(run, value)

    def many(run: Run, out: dict[str, Any], values: Any, _message: Any) -> None:
        out[name] = [convert(run, value) for value in values]

    return many if repeated else one


def _identifier(name: str, identifier_type: str | None, type_names: dict[int, str]) -> Step:
    def step(run: Run, out: dict[str, Any], value: str, message: Any) -> None:
        out[name] = run.token(identifier_type or type_names[message.type], value)

    return step


def _text(field: FieldPlan) -> Step:
    name = field.name
    put = Run.url if field.treatment is Treatment.URL else Run.text

    def one(run: Run, out: dict[str, Any], value: str, _message: Any) -> None:
        put(run, out, name, value)

    def many(run: Run, out: dict[str, Any], values: Any, _message: Any) -> None:
        texts: list[Any] = [None] * len(values)
        for index, text in enumerate(values):
            put(run, texts, index, text)
        out[name] = texts

    def mapped(run: Run, out: dict[str, Any], values: Any, _message: Any) -> None:
        keys = list(values)
        out[name], masked = run.entries(keys)
        for index, key in enumerate(keys):
            run.text(masked, index, values[key], words_of(key), secret_of(key))

    if field.is_struct:
        return _converted(name, _struct, field.repeated)
    if field.is_map:
        return mapped
    return many if field.repeated else one


def _struct(run: Run, struct: Any) -> dict[str, Any]:
    keys = list(struct.fields)
    out, masked = run.entries(keys)
    for index, key in enumerate(keys):
        _put_value(run, masked, index, struct.fields[key], key)
    return out


def _put_value(run: Run, container: list[Any], place: int, value: Any, key: str) -> None:
    """Put a value of a Struct; a value in a list is read under the key of the list."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        run.text(container, place, value.string_value, words_of(key), secret_of(key))
    elif kind == "number_value":
        _put_number(run, container, place, value.number_value, key)
    elif kind == "bool_value":
        container[place] = value.bool_value
    elif kind == "struct_value":
        container[place] = _struct(run, value.struct_value)
    elif kind == "list_value":
        items: list[Any] = [None] * len(value.list_value.values)
        for index, item in enumerate(value.list_value.values):
            _put_value(run, items, index, item, key)
        container[place] = items


def _put_number(run: Run, container: list[Any], place: int, number: float, key: str) -> None:
    """A phone number may come as a number: its decimal form is masked like a text.

    From 2^53 on a double has lost its last digits, and with them the checksum that would tell an id or a card:
    such numbers are withheld.
    """
    if abs(number) >= _EXACT_BELOW:
        container[place] = NUMBER
        return
    plain = int(number) if math.isfinite(number) and number == int(number) else number
    run.text(container, place, str(plain), words_of(key), secret_of(key), number=plain)


@lru_cache(maxsize=65_536)
def _truncated(value: str) -> str:
    """Truncate an address to its network, /24 or /48; what is no address is withheld."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return "<IP_ADDRESS>"
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


_CONVERSIONS: dict[Treatment, Callable[[Run, Any], Any]] = {
    Treatment.KEEP: lambda _run, value: value,
    Treatment.EMOTION: lambda _run, value: value,
    Treatment.LOCATION: lambda _run, value: round(value, 1),
    Treatment.IP: lambda _run, value: _truncated(value),
}
