"""Turns valid raw events into masked ones; nothing else in Mangrove can make a `MaskedEvent`."""

import ipaddress
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from google.protobuf.message import Message

from privacy.errors import MangroveError
from privacy.masking.limits import Violation
from privacy.masking.masker import Masker
from privacy.masking.plan import FieldPlan, MessagePlan, Treatment
from privacy.masking.urls import mask_url
from privacy.masking.validate import violations
from privacy.pseudonyms import Pseudonymiser

_SEAL = object()


class NotMasked(MangroveError):
    """Code outside `privacy.masking` tried to build a masked event."""

    reason = "NOT_MASKED"


@dataclass(frozen=True, slots=True)
class MaskedEvent:
    """An event without raw personal data: what its treatments promise holds for every field.

    `event_id` is a pseudonym; `record` holds the columns of `bronze.events` without the journal's own.
    """

    event_id: str
    record: dict[str, Any] = field(repr=False)
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise NotMasked("Only privacy.masking can build a masked event.")

    def to_bytes(self) -> bytes:
        """Return the record as JSON in UTF-8."""
        return orjson.dumps(self.record)


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an event was refused as invalid, and which rules it broke; nothing of what it held."""

    source: str
    channel: str | None
    event_type: str | None
    received_at: datetime
    broken: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Return the columns of `quarantine.events` without the journal's own as JSON in UTF-8."""
        return orjson.dumps(
            {
                "source": self.source,
                "channel": self.channel,
                "event_type": self.event_type,
                "received_at": _micros(self.received_at),
                "violations": list(self.broken),
            }
        )


class EventMasker:
    """Checks and masks events by the plan that the schema's treatments were compiled into.

    Args:
        plan: The plan of the event message.
        pseudonymiser: Makes tokens of identifiers.
        masker: Masks free text.
    """

    def __init__(self, plan: MessagePlan, pseudonymiser: Pseudonymiser, masker: Masker) -> None:
        self._plan = plan
        self._pseudonymiser = pseudonymiser
        self._masker = masker
        self._channels = _enum_names_of(plan, "channel")
        self._bodies = {f.name for f in plan.fields.values()}

    def violations(self, event: Message) -> list[Violation]:
        """Return which rules of the schema the event breaks; empty if it is valid."""
        return violations(event, self._plan)

    def refusal(self, event: Message, source: str, received_at: datetime, broken: Sequence[Violation]) -> Refusal:
        """Record that an event was refused: which rules it broke, nothing of what it held."""
        return Refusal(
            source=source,
            channel=self._channels.get(event.channel) if event.channel else None,  # type: ignore[attr-defined]
            event_type=event.WhichOneof("body"),
            received_at=received_at,
            broken=tuple(f"{v.field}:{v.reason}" for v in broken),
        )

    def mask_batch(self, events: Sequence[Message], source: str, received_at: datetime) -> list[MaskedEvent]:
        """Mask valid events; the result has their order.

        Args:
            events: Events for which `violations` found nothing.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.

        Raises:
            MaskingFailed: if a detector fails; none of the events may then be stored.
        """
        run = _Run(self._pseudonymiser, self._masker)
        trees = [run.tree(event, self._plan) for event in events]
        run.fill_in_texts()
        return [
            _seal(tree, event.WhichOneof("body"), source, received_at)
            for tree, event in zip(trees, events, strict=True)
        ]


class _Run:
    """Walks the events of one batch; texts are gathered and masked together at the end."""

    def __init__(self, pseudonymiser: Pseudonymiser, masker: Masker) -> None:
        self._token = pseudonymiser.token
        self._masker = masker
        self._texts: list[str] = []
        self._places: list[tuple[Any, Any]] = []
        self._treat: dict[Treatment, Callable[[Any], Any]] = {
            Treatment.KEEP: lambda value: value,
            Treatment.URL: lambda value: mask_url(value, masker),
            Treatment.IP: _truncate_ip,
            Treatment.LOCATION: lambda value: round(value, 1),
            Treatment.EMOTION: lambda value: value,
        }

    def tree(self, message: Message, plan: MessagePlan) -> dict[str, Any]:
        """Return the message as a tree of dicts; texts are filled in later by `fill_in_texts`."""
        out: dict[str, Any] = {}
        for descriptor, value in message.ListFields():
            self._put(out, plan.fields[descriptor.number], value, message)
        return out

    def fill_in_texts(self) -> None:
        """Mask the gathered texts and put them in their places."""
        masked = self._masker.mask_texts(self._texts)
        for (container, key), text in zip(self._places, masked, strict=True):
            container[key] = text.text

    def _put(self, out: dict[str, Any], field: FieldPlan, value: Any, parent: Message) -> None:
        treatment, name = field.treatment, field.name
        if treatment is Treatment.DROP:
            return
        if field.child is not None:
            child = field.child
            out[name] = [self.tree(v, child) for v in value] if field.repeated else self.tree(value, child)
        elif treatment is Treatment.FREE_TEXT:
            self._put_text(out, field, value)
        elif treatment is Treatment.IDENTIFIER:
            kind = field.identifier_type or _sibling_type(parent)
            out[name] = self._token(kind, value)
        elif field.enum_names is not None:
            names = field.enum_names
            out[name] = [names[v] for v in value] if field.repeated else names[value]
        else:
            treat = self._treat[treatment]
            out[name] = [treat(v) for v in value] if field.repeated else treat(value)

    def _put_text(self, out: dict[str, Any], field: FieldPlan, value: Any) -> None:
        if field.is_struct:
            out[field.name] = self._struct(value)
        elif field.is_map:
            entries: dict[str, Any] = {}
            for key in value:
                self._later(entries, self._mask_now(key), value[key])
            out[field.name] = entries
        elif field.repeated:
            texts: list[str | None] = [None] * len(value)
            for index, text in enumerate(value):
                self._later(texts, index, text)
            out[field.name] = texts
        else:
            self._later(out, field.name, value)

    def _struct(self, struct: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in struct.fields.items():
            self._value(out, self._mask_now(key), value)
        return out

    def _value(self, container: Any, place: Any, value: Any) -> None:
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            self._later(container, place, value.string_value)
        elif kind == "number_value":
            container[place] = self._number(value.number_value)
        elif kind == "bool_value":
            container[place] = value.bool_value
        elif kind == "struct_value":
            container[place] = self._struct(value.struct_value)
        elif kind == "list_value":
            items: list[Any] = [None] * len(value.list_value.values)
            for index, item in enumerate(value.list_value.values):
                self._value(items, index, item)
            container[place] = items
        else:
            container[place] = None

    def _number(self, number: float) -> float | int | str:
        """A phone number may come as a number: its decimal form is scanned like a text."""
        plain = int(number) if math.isfinite(number) and abs(number) < 1e20 and number == int(number) else number
        text = str(plain)
        masked = self._mask_now(text)
        return plain if masked == text else masked

    def _later(self, container: Any, key: Any, text: str) -> None:
        container[key] = None
        self._texts.append(text)
        self._places.append((container, key))

    def _mask_now(self, text: str) -> str:
        return self._masker.mask_text(text).text


def _sibling_type(message: Any) -> str:
    kind = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[message.type].name
    return str(kind.removeprefix("IDENTIFIER_TYPE_").lower())


@lru_cache(maxsize=65_536)
def _truncate_ip(value: str) -> str:
    """Truncate an address to its network, /24 or /48; what is no address is withheld."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return "<IP_ADDRESS>"
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _enum_names_of(plan: MessagePlan, name: str) -> dict[int, str]:
    return next(f.enum_names or {} for f in plan.fields.values() if f.name == name)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _seal(tree: dict[str, Any], event_type: str, source: str, received_at: datetime) -> MaskedEvent:
    body = tree[event_type]
    emotion = body.pop("emotion", None)
    tokens = [{"type": i["type"], "token": i["value"]} for i in tree.get("identifiers", ()) if i["value"] is not None]
    context = tree.get("context")
    record = {
        "event_id": tree["event_id"],
        "source": source,
        "channel": tree["channel"],
        "event_type": event_type,
        "occurred_at": tree["occurred_at_unix_nano"] // 1000,
        "received_at": _micros(received_at),
        "received_date": received_at.astimezone(UTC).date().isoformat(),
        "identifiers": tokens,
        "conversation_id": tree.get("conversation_id"),
        "purposes": tree.get("consent", {}).get("purposes", []),
        "context": orjson.dumps(context).decode() if context else None,
        "body": orjson.dumps(body).decode(),
        "emotion": orjson.dumps(emotion).decode() if emotion else None,
    }
    return MaskedEvent(tree["event_id"], record, _SEAL)
