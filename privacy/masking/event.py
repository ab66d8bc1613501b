"""Turns valid raw events into masked ones; nothing else in Mangrove can make a `MaskedEvent`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import orjson
from google.protobuf.message import Message

from privacy.errors import MangroveError
from privacy.masking.limits import Violation
from privacy.masking.masker import Masker
from privacy.masking.plan import MessagePlan
from privacy.masking.treat import Run, compile_steps
from privacy.masking.urls import mask_url
from privacy.masking.validate import violations
from privacy.pseudonyms import Pseudonymiser

_SEAL = object()
_CACHED_URLS = 8_192


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
        self._steps = compile_steps(plan)
        # The same pages are viewed again and again; the cache lives in memory only.
        self._mask_url = lru_cache(_CACHED_URLS)(partial(mask_url, masker=masker))
        self._channels = _enum_names_of(plan, "channel")

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
        run = Run(self._pseudonymiser, self._masker, self._mask_url)
        trees = [run.tree(event, self._steps) for event in events]
        run.fill_in_texts()
        common = {
            "source": source,
            "received_at": _micros(received_at),
            "received_date": received_at.astimezone(UTC).date().isoformat(),
        }
        return [_seal(tree, event.WhichOneof("body") or "", common) for tree, event in zip(trees, events, strict=True)]


def _enum_names_of(plan: MessagePlan, name: str) -> dict[int, str]:
    return next(f.enum_names or {} for f in plan.fields.values() if f.name == name)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _seal(tree: dict[str, Any], event_type: str, common: dict[str, Any]) -> MaskedEvent:
    body = tree[event_type]
    emotion = body.pop("emotion", None)
    context = tree.get("context")
    record = {
        **common,
        "event_id": tree["event_id"],
        "channel": tree["channel"],
        "event_type": event_type,
        "occurred_at": tree["occurred_at_unix_nano"] // 1000,
        "identifiers": [{"type": i["type"], "token": i["value"]} for i in tree.get("identifiers", ()) if i["value"]],
        "conversation_id": tree.get("conversation_id"),
        "purposes": tree["consent"].get("purposes", []) if "consent" in tree else [],
        "context": orjson.dumps(context).decode() if context else None,
        "body": orjson.dumps(body).decode(),
        "emotion": orjson.dumps(emotion).decode() if emotion else None,
    }
    return MaskedEvent(tree["event_id"], record, _SEAL)
