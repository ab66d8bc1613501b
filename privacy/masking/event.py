"""Turns valid raw events into masked ones; nothing else in Mangrove can make a `MaskedEvent`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from google.protobuf.message import Message

from privacy.errors import MangroveError
from privacy.masking.conversations import Conversations, Said, Window
from privacy.masking.failures import MaskingFailed
from privacy.masking.limits import Violation
from privacy.masking.masker import Found, Masker
from privacy.masking.memory import Memory
from privacy.masking.plan import MessagePlan
from privacy.masking.policy import OnFailure
from privacy.masking.refusals import Refusal, Unmaskable, micros
from privacy.masking.run import SPLIT_FIELD, Failure, Run, Told, Urls
from privacy.masking.treat import compile_steps, text_fields, tree_of
from privacy.masking.validate import violations
from privacy.pseudonyms import Pseudonymiser

_SEAL = object()
_REMEMBERED_URLS = 4_096
_BYTES_AT_ONCE = 256 * 1024

T = TypeVar("T")


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
class MaskedSlice:
    """What became of some events of a batch, in their order, and every failure of a detector on the way."""

    events: tuple[MaskedEvent | Unmaskable, ...]
    failures: tuple[MaskingFailed, ...]


_NOTHING = MaskedSlice((), ())


class EventMasker:
    """Checks and masks events by the plan that the schema's treatments were compiled into, and by the policy.

    It remembers in memory, for minutes, how messages ended that may go on in the next one.

    Args:
        plan: The plan of the event message.
        pseudonymiser: Makes tokens of identifiers.
        masker: Masks free text by its policy.

    Raises:
        PolicyInvalid: if the policy speaks of a field that the plan does not have.
    """

    def __init__(self, plan: MessagePlan, pseudonymiser: Pseudonymiser, masker: Masker) -> None:
        self.fields = tuple(text_fields(plan))
        masker.policy.check_fields(self.fields)
        self._plan = plan
        self._pseudonymiser = pseudonymiser
        self._masker = masker
        self._steps = compile_steps(plan)
        self._urls: Urls = Memory(_REMEMBERED_URLS)
        self._conversations = Conversations()
        self._channels = _enum_names_of(plan, "channel")

    @property
    def waits_for_others(self) -> bool:
        """Whether detectors beside the rules are asked, which may take long."""
        detectors = self._masker.policy.detectors
        return bool(detectors.name_model or detectors.recognizers)

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
        """Mask valid events at once; the result has their order.

        Args:
            events: Events for which `violations` found nothing.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.

        Raises:
            MaskingFailed: if a detector fails; none of the events may then be stored.
        """
        masked: list[MaskedEvent] = []
        for part in self.mask_slices(events, source, received_at):
            for event in part.events:
                if isinstance(event, Unmaskable):
                    raise part.failures[0]
                masked.append(event)
        return masked

    def mask_slices(self, events: Sequence[Message], source: str, received_at: datetime) -> Iterator[MaskedSlice]:
        """Mask valid events, with a bounded amount of work between two steps; some steps give no event.

        An event on which a detector fails is `Unmaskable`, or, if the policy says so, loses the field that could
        not be searched; the others are masked. All slices together hold every event once, in their order.

        Args:
            events: Events for which `violations` found nothing.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.
        """
        timeouts: list[MaskingFailed] = []
        across: dict[int, list[Found]] = {}
        lost: list[Failure] = []
        said = self._said(events, source)
        for windows in _groups(self._conversations.windows(said, received_at.timestamp()), _cost):
            self._look_across(windows, across, lost, timeouts)
            yield _NOTHING
        common = _common(source, received_at)
        first = 0
        for slice_ in _groups(events, lambda event: event.ByteSize()):
            run = Run(self._pseudonymiser, self._masker, source, self._urls)
            run.lose([failure for failure in lost if first <= failure.event < first + len(slice_)])
            trees = []
            for run.event, event in enumerate(slice_, first):
                trees.append(tree_of(run, event, self._steps))
            for _ in run.fill_in(across, timeouts):
                yield _NOTHING
            yield self._sealed(slice_, trees, run.failures, first, common)
            first += len(slice_)

    @property
    def texts(self) -> Masker:
        """What masks the texts."""
        return self._masker

    def explain(self, event: Message, source: str, received_at: datetime) -> tuple[list[Told], list[Failure]]:
        """Return what would be done with each text of an event, and where a detector failed; for a dry run."""
        across: dict[int, list[Found]] = {}
        lost: list[Failure] = []
        windows = list(self._conversations.windows(self._said([event], source), received_at.timestamp()))
        self._look_across(windows, across, lost, [])
        run = Run(self._pseudonymiser, self._masker, source, self._urls)
        run.told = []
        tree_of(run, event, self._steps)
        run.lose(lost)
        for _ in run.fill_in(across, []):
            pass
        return run.told, run.failures

    def _said(self, events: Sequence[Message], source: str) -> Iterator[Said]:
        if self._masker.policy.for_field(source, SPLIT_FIELD).dropped:
            return
        for place, event in enumerate(events):
            conversation_id = event.conversation_id  # type: ignore[attr-defined]
            if conversation_id and event.WhichOneof("body") == "message_sent":
                message = event.message_sent  # type: ignore[attr-defined]
                yield Said(place, (source, conversation_id, message.party), event.event_id, message.text)  # type: ignore[attr-defined]

    def _look_across(
        self,
        windows: Sequence[Window],
        across: dict[int, list[Found]],
        lost: list[Failure],
        timeouts: list[MaskingFailed],
    ) -> None:
        each = self._masker.find_each([window.text for window in windows], timeouts)
        for window, found in zip(windows, each, strict=True):
            if isinstance(found, MaskingFailed):
                lost.append(Failure(window.last, SPLIT_FIELD, found))
                continue
            for place, one in window.across(found):
                across.setdefault(place, []).append(one)

    def _sealed(
        self,
        events: Sequence[Message],
        trees: Sequence[dict[str, Any]],
        failures: Sequence[Failure],
        first: int,
        common: dict[str, Any],
    ) -> MaskedSlice:
        refused: dict[int, str] = {}
        if self._masker.policy.detectors.on_failure is OnFailure.REFUSE:
            refused = {failure.event: failure.path for failure in reversed(failures)}
        sealed = tuple(
            Unmaskable(refused[place]) if place in refused else _seal(tree, event.WhichOneof("body") or "", common)
            for place, (event, tree) in enumerate(zip(events, trees, strict=True), first)
        )
        return MaskedSlice(sealed, tuple(failure.cause for failure in failures))


def _groups(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut items into runs of bounded size."""
    group: list[T] = []
    size = 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _cost(window: Window) -> int:
    """Weigh a window: each is looked at closely, however short it is."""
    return 256 + len(window.text)


def _common(source: str, received_at: datetime) -> dict[str, Any]:
    return {
        "source": source,
        "received_at": micros(received_at),
        "received_date": received_at.astimezone(UTC).date().isoformat(),
    }


def _enum_names_of(plan: MessagePlan, name: str) -> dict[int, str]:
    return next(f.enum_names or {} for f in plan.fields.values() if f.name == name)


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
