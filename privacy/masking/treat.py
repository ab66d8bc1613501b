"""Treats the fields of events as the plan says: one compiled step a field, texts gathered and masked together."""

import ipaddress
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message

from privacy.masking.masker import Masker
from privacy.masking.plan import FieldPlan, MessagePlan, Treatment
from privacy.pseudonyms import Pseudonymiser

_EXACT_BELOW = 2.0**53

Step = Callable[["Run", dict[str, Any], Any, Any], None]
"""Puts one set field into the tree: (run, tree, value, the message it belongs to)."""

Steps = dict[int, Step]


def compile_steps(plan: MessagePlan) -> Steps:
    """Compile a plan into one step a field number; what is dropped or refused gets one that does nothing."""
    type_names = next((f.enum_names for f in plan.fields.values() if f.name == "type" and f.enum_names), {})
    return {number: _step(field, type_names) for number, field in plan.fields.items()}


class Run:
    """One batch: its trees, and the texts that wait to be masked together."""

    def __init__(self, pseudonymiser: Pseudonymiser, masker: Masker, mask_url: Callable[[str], str]) -> None:
        self.token = pseudonymiser.token
        self.mask_url = mask_url
        self._masker = masker
        self._texts: list[str] = []
        self._places: list[tuple[Any, Any]] = []

    def tree(self, message: Message, steps: Steps) -> dict[str, Any]:
        """Return the message as a tree of dicts; texts are filled in later by `fill_in_texts`."""
        out: dict[str, Any] = {}
        for descriptor, value in message.ListFields():
            steps[descriptor.number](self, out, value, message)
        return out

    def later(self, container: Any, key: Any, text: str) -> None:
        """Note a text that `fill_in_texts` masks and puts at container[key]."""
        container[key] = None
        self._texts.append(text)
        self._places.append((container, key))

    def now(self, text: str) -> str:
        """Mask one text at once."""
        return self._masker.mask_text(text).text

    def fill_in_texts(self) -> None:
        """Mask the gathered texts and put them in their places."""
        masked = self._masker.mask_texts(self._texts)
        for (container, key), text in zip(self._places, masked, strict=True):
            container[key] = text.text


def _step(field: FieldPlan, type_names: dict[int, str]) -> Step:
    name, names = field.name, field.enum_names
    if field.treatment in (Treatment.DROP, Treatment.UNKNOWN):
        return lambda _run, _out, _value, _message: None
    if field.treatment is Treatment.IDENTIFIER:
        return _identifier(name, field.identifier_type, type_names)
    if field.treatment is Treatment.FREE_TEXT:
        return _text(field)
    if field.child is not None:
        steps = compile_steps(field.child)
        return _converted(name, lambda run, value: run.tree(value, steps), field.repeated)
    if names is not None:
        return _converted(name, lambda _run, value: names[value], field.repeated)
    return _converted(name, _CONVERSIONS[field.treatment], field.repeated)


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

    def one(run: Run, out: dict[str, Any], value: str, _message: Any) -> None:
        run.later(out, name, value)

    def many(run: Run, out: dict[str, Any], values: Any, _message: Any) -> None:
        texts: list[str | None] = [None] * len(values)
        for index, text in enumerate(values):
            run.later(texts, index, text)
        out[name] = texts

    def mapped(run: Run, out: dict[str, Any], values: Any, _message: Any) -> None:
        entries: dict[str, Any] = {}
        for key in values:
            run.later(entries, _free_key(entries, run.now(key)), values[key])
        out[name] = entries

    if field.is_struct:
        return _converted(name, _struct, field.repeated)
    if field.is_map:
        return mapped
    return many if field.repeated else one


def _struct(run: Run, struct: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in struct.fields.items():
        _put_value(run, out, _free_key(out, run.now(key)), value)
    return out


def _free_key(entries: dict[str, Any], key: str) -> str:
    """Two keys may be masked to the same placeholder: the later ones are numbered, so that no entry is lost."""
    free, number = key, 2
    while free in entries:
        free, number = f"{key}#{number}", number + 1
    return free


def _put_value(run: Run, container: Any, place: Any, value: Any) -> None:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        run.later(container, place, value.string_value)
    elif kind == "number_value":
        container[place] = _number(run, value.number_value)
    elif kind == "bool_value":
        container[place] = value.bool_value
    elif kind == "struct_value":
        container[place] = _struct(run, value.struct_value)
    elif kind == "list_value":
        items: list[Any] = [None] * len(value.list_value.values)
        for index, item in enumerate(value.list_value.values):
            _put_value(run, items, index, item)
        container[place] = items
    else:
        container[place] = None


def _number(run: Run, number: float) -> float | int | str:
    """A phone number may come as a number: its decimal form is scanned like a text.

    From 2^53 on a double has lost its last digits, and with them the checksum that would tell an id or a card:
    such numbers are withheld.
    """
    if abs(number) >= _EXACT_BELOW:
        return "<NUMBER>"
    plain = int(number) if math.isfinite(number) and number == int(number) else number
    text = str(plain)
    masked = run.now(text)
    return plain if masked == text else masked


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
    Treatment.URL: lambda run, value: run.mask_url(value),
}
