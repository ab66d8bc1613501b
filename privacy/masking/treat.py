"""Treats the values of fields as the plan says; texts are gathered in a run and masked together."""

import ipaddress
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from privacy.masking.actions import NUMBER
from privacy.masking.labels import secret_of, words_of
from privacy.masking.limits import Kind
from privacy.masking.plan import UNKNOWN, FieldPlan, Treatment
from privacy.masking.run import Run
from privacy.masking.texts import TextField
from privacy.masking.unknown import Value

NO_ADDRESS = "<IP_ADDRESS>"
"""Stands for what is no address where one belongs."""

BYTES = "<BYTES>"
"""Stands for a field that the schema does not have and that is no text or number."""

TEXTS = (Treatment.FREE_TEXT, Treatment.URL)
"""Treatments of what is searched for personal data."""

_EXACT_BELOW = 2**53


def put_field(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any) -> None:
    """Put a set field that holds no message of ours and names nobody among the others.

    Args:
        run: Takes the texts.
        out: The fields of the message.
        one: The field's plan.
        path: Its path from the event.
        value: What it holds, which breaks no rule.
    """
    if one.treatment in TEXTS:
        put_texts(run, out, one, path, _plain(one, value))
    elif one.treatment in _CONVERSIONS:
        convert = _CONVERSIONS[one.treatment]
        if one.enum_names is not None:
            convert = one.enum_names.__getitem__
        if one.repeated:
            out[one.name] = [convert(item) for item in value]
        elif value or one.explicit:
            out[one.name] = convert(value)


def put_texts(run: Run, out: dict[str, Any], one: FieldPlan, path: str, value: Any) -> None:
    """Put a field of texts among the others, unless the policy drops it.

    Args:
        run: Takes the texts.
        out: The fields of the message.
        one: The field's plan.
        path: Its path from the event.
        value: A text; a dict for a map or Struct; a list of either.
    """
    text = run.fields[path]
    if text is None:
        return
    put = _PUTS[one.kind] if one.treatment is not Treatment.URL else Run.url
    if not one.repeated:
        put(run, text, out, one.name, value)
        return
    many = out[one.name] = [None] * len(value)
    for index, item in enumerate(value):
        put(run, text, many, index, item)


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


def put_unknown(run: Run, out: dict[str, Any], values: Sequence[tuple[str, Value]]) -> None:
    """Put fields that the schema does not have among the others, masked like the entries of a Struct."""
    text = run.fields[UNKNOWN]
    if text is None or not values:
        return
    made: list[Any] = [None] * len(values)
    for index, (_, value) in enumerate(values):
        if isinstance(value, str):
            run.text(text, made, index, value)
        elif isinstance(value, int):
            _put_either(run, text, made, index, value)
        else:
            made[index] = BYTES
    out[UNKNOWN], _ = run.entries(text, [path for path, _ in values], made)


@lru_cache(maxsize=16_384)
def truncated(value: str) -> str:
    """Truncate an address to its network, /24 or /48; what is no address is withheld."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return NO_ADDRESS
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _put_either(run: Run, text: TextField, container: list[Any], place: int, number: int) -> None:
    """Put a number that may mean two: what has a sign is written twice as large (zigzag). Or it is a double."""
    if not 0 <= number < _EXACT_BELOW:
        container[place] = NUMBER
        return
    meant = [number, number >> 1 ^ -(number & 1)]
    read: list[Any] = [None, None]
    for index, one in enumerate(meant):
        put_number(run, text, read, index, one)

    def join() -> None:
        container[place] = number if read == meant else NUMBER

    run.afterwards(join)


def _put_map(run: Run, text: TextField, container: Any, place: Any, values: dict[str, str]) -> None:
    """Put a dict of texts; each is read under its key."""
    container[place], masked = run.entries(text, list(values))
    for index, (key, value) in enumerate(values.items()):
        run.text(text, masked, index, value, label=words_of(key), whole=secret_of(key))


def _put_struct(run: Run, text: TextField, container: Any, place: Any, values: dict[str, Any]) -> None:
    """Put a dict of any values; keys, strings and numbers are masked."""
    container[place], masked = run.entries(text, list(values))
    for index, (key, value) in enumerate(values.items()):
        _put_value(run, text, masked, index, value, key)


def _put_value(run: Run, text: TextField, container: Any, place: Any, value: Any, key: str) -> None:
    """Put a value of a Struct; a value in a list is read under the key of the list."""
    if isinstance(value, str):
        run.text(text, container, place, value, label=words_of(key), whole=secret_of(key))
    elif isinstance(value, dict):
        _put_struct(run, text, container, place, value)
    elif isinstance(value, list):
        items = container[place] = [None] * len(value)
        for index, item in enumerate(value):
            _put_value(run, text, items, index, item, key)
    elif isinstance(value, bool) or value is None:
        container[place] = value
    else:
        put_number(run, text, container, place, value, key)


def _plain(one: FieldPlan, value: Any) -> Any:
    """Return a field of texts as strings, dicts and lists."""
    if one.kind is Kind.MAP:
        return dict(value)
    if one.kind is Kind.STRUCT:
        return [_plain_struct(item) for item in value] if one.repeated else _plain_struct(value)
    return value


def _plain_struct(struct: Any) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _plain_value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


_PUTS: dict[Kind, Callable[[Run, TextField, Any, Any, Any], None]] = {
    Kind.TEXT: Run.text,
    Kind.STRUCT: _put_struct,
    Kind.MAP: _put_map,
}

_CONVERSIONS: dict[Treatment, Callable[[Any], Any]] = {
    Treatment.KEEP: lambda value: value,
    Treatment.EMOTION: lambda value: value,
    Treatment.LOCATION: lambda value: round(value, 1),
    Treatment.IP: truncated,
}
