"""Turns raw events into masked ones, or says which rules they break; nothing else in Mangrove makes masked events."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from privacy.masking.compiled import compile_reader
from privacy.masking.conversations import Conversations, Said, Window
from privacy.masking.failures import MaskingFailed
from privacy.masking.limits import Violation
from privacy.masking.masker import Found, Masker
from privacy.masking.plan import MessagePlan, Treatment
from privacy.masking.policy import OnFailure
from privacy.masking.refusals import Invalid, Refusal, Unmaskable
from privacy.masking.run import Failure, Run, Told
from privacy.masking.sealed import ENVELOPE, MaskedEvent, NotMasked, blank_of, record_of, seal
from privacy.masking.texts import SPLIT_FIELD, Memories, TextFields
from privacy.masking.treat import text_fields, tree_of
from privacy.masking.validate import violations
from privacy.pseudonyms import Pseudonymiser

_WORK_AT_ONCE, _EVENTS_AT_ONCE = 256 * 1024, 500

T = TypeVar("T")

Outcome = MaskedEvent | Unmaskable | Invalid
"""What became of an event."""


@dataclass(frozen=True, slots=True)
class MaskedSlice:
    """What became of some events of a batch, in their order, and every failure of a detector on the way."""

    events: tuple[Outcome, ...]
    failures: tuple[MaskingFailed, ...]


_NOTHING = MaskedSlice((), ())


@dataclass(slots=True)
class _Part:
    """Some events of a batch: their records, or which rules they break, and the run that masks their texts."""

    first: int
    run: Run
    records: list[dict[str, Any] | Invalid] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


class _OnlyLooking:
    """Stands for a run where nothing is kept of an event."""

    def __init__(self) -> None:
        self.blank: dict[str, Any] = {}
        self.fields = self

    def __getitem__(self, _path: str) -> None:
        return None

    def token(self, _identifier_type: str, _value: str) -> str:
        return ""


class EventMasker:
    """Checks and masks events by the plan that the schema's treatments were compiled into, and by the policy.

    It remembers in memory what came before: for minutes, how messages ended that may go on in the next one; within
    bounds, what titles, pages and identifiers became that come again and again.

    Args:
        plan: The plan of the event message.
        pseudonymiser: Makes tokens of identifiers.
        masker: Masks free text by its policy.

    Raises:
        PolicyInvalid: if the policy speaks of a field that the plan does not have.
    """

    def __init__(self, plan: MessagePlan, pseudonymiser: Pseudonymiser, masker: Masker) -> None:
        self.fields = tuple(text_fields(plan, (Treatment.FREE_TEXT, Treatment.URL)))
        masker.policy.check_fields(self.fields)
        self._plan = plan
        self._pseudonymiser = pseudonymiser
        self._masker = masker
        self._read = compile_reader(plan, pseudonymiser.token, ENVELOPE)
        self._memories = Memories(text_fields(plan, (Treatment.URL,)))
        self._sources: dict[str, TextFields] = {}
        self._conversations = Conversations()
        self._channels = _enum_names_of(plan, "channel")

    @property
    def waits_for_others(self) -> bool:
        """Whether detectors beside the rules are asked, which may take long."""
        detectors = self._masker.policy.detectors
        return bool(detectors.name_model or detectors.recognizers)

    @property
    def texts(self) -> Masker:
        """What masks the texts."""
        return self._masker

    def violations(self, event: Message) -> list[Violation]:
        """Return which rules of the schema the event breaks; empty if it is valid."""
        return violations(event, self._plan) if self._read(event, _OnlyLooking()) is None else []

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
            events: Events for which `violations` finds nothing.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.

        Raises:
            MaskingFailed: if a detector fails; none of the events may then be stored.
            NotMasked: if an event breaks a rule.
        """
        masked: list[MaskedEvent] = []
        for part in self.mask_slices(events, source, received_at):
            for event in part.events:
                if isinstance(event, Unmaskable):
                    raise part.failures[0]
                if isinstance(event, Invalid):
                    raise NotMasked("An event breaks a rule of the schema. Ask for its violations first.")
                masked.append(event)
        return masked

    def mask_slices(self, events: Sequence[Message], source: str, received_at: datetime) -> Iterator[MaskedSlice]:
        """Check and mask events, with a bounded amount of work between two steps; some steps give no event.

        An event that breaks a rule is `Invalid`. One on which a detector fails is `Unmaskable`, or, if the policy
        says so, loses the field that could not be searched; the others are masked. All slices together hold every
        event once, in their order.

        Args:
            events: Events as they were parsed; that they may be stored is known.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.
        """
        parts: list[_Part] = []
        for part in self._parts(events, source, blank_of(source, received_at)):
            if parts:
                yield _NOTHING
            parts.append(part)
        timeouts: list[MaskingFailed] = []
        across: dict[int, list[Found]] = {}
        lost: list[Failure] = []
        said = (one for part in parts for one in part.said)
        for windows in _groups(self._conversations.windows(said, received_at.timestamp()), _cost):
            self._look_across(windows, across, lost, timeouts)
            yield _NOTHING
        for part in parts:
            part.run.lose([one for one in lost if part.first <= one.event < part.first + len(part.records)])
            for _ in part.run.fill_in(across, timeouts):
                yield _NOTHING
            yield self._sealed(part)

    def explain(self, event: Message, source: str, received_at: datetime) -> tuple[list[Told], list[Failure]]:
        """Return what would be done with each text of an event, and where a detector failed; for a dry run."""
        run = Run(self._pseudonymiser, self._masker, TextFields(self._masker.policy, source, None), {})
        run.told = []
        tree_of(run, event, self._plan)
        across: dict[int, list[Found]] = {}
        lost: list[Failure] = []
        said = [_said(0, event, source)] if _is_part(event, run) else []
        self._look_across(list(self._conversations.windows(said, received_at.timestamp())), across, lost, [])
        run.lose(lost)
        for _ in run.fill_in(across, []):
            pass
        return run.told, run.failures

    def _parts(self, events: Sequence[Message], source: str, blank: dict[str, Any]) -> Iterator[_Part]:
        """Read events, a bounded amount of them between two steps."""
        fields = self._sources.get(source)
        if fields is None:
            fields = self._sources[source] = TextFields(self._masker.policy, source, self._memories)
        read = self._read
        part = _Part(0, Run(self._pseudonymiser, self._masker, fields, blank))
        run, records = part.run, part.records
        for place, event in enumerate(events):
            if run.size >= _WORK_AT_ONCE or len(records) >= _EVENTS_AT_ONCE:
                yield part
                part = _Part(place, Run(self._pseudonymiser, self._masker, fields, blank))
                run, records = part.run, part.records
            run.event = place
            record = read(event, run)
            if record is None:
                records.append(closer := self._read_closely(event, run))
                if isinstance(closer, Invalid):
                    continue
                record = closer
            else:
                records.append(record)
            if record["event_type"] == "message_sent" and _is_part(event, run):
                part.said.append(_said(place, event, source))
        yield part

    def _read_closely(self, event: Message, run: Run) -> dict[str, Any] | Invalid:
        run.forget_event()
        broken = violations(event, self._plan)
        if broken:
            return Invalid(tuple(broken))
        fields = tree_of(run, event, self._plan).fields
        return record_of({**fields, "event_id": event.event_id}, event.WhichOneof("body") or "", run.blank)  # type: ignore[attr-defined]

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

    def _sealed(self, part: _Part) -> MaskedSlice:
        refused: dict[int, str] = {}
        failures = part.run.failures
        if failures and self._masker.policy.detectors.on_failure is OnFailure.REFUSE:
            refused = {failure.event: failure.path for failure in reversed(failures)}
        ids = [record["event_id"] for record in part.records if not isinstance(record, Invalid)]
        tokens = iter(self._pseudonymiser.tokens("event", ids))
        sealed: list[Outcome] = []
        for place, record in enumerate(part.records, part.first):
            if isinstance(record, Invalid):
                sealed.append(record)
                continue
            token = next(tokens)
            sealed.append(Unmaskable(refused[place]) if place in refused else seal(record, token))
        return MaskedSlice(tuple(sealed), tuple(failure.cause for failure in failures))


def _is_part(event: Any, run: Run) -> bool:
    """Say whether an event is a message of a conversation whose texts are stored."""
    return bool(
        event.conversation_id and event.WhichOneof("body") == "message_sent" and run.fields[SPLIT_FIELD] is not None
    )


def _said(place: int, event: Any, source: str) -> Said:
    message = event.message_sent
    return Said(place, (source, event.conversation_id, message.party), event.event_id, message.text)


def _groups(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut items into runs of bounded size."""
    group: list[T] = []
    size = 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if size >= _WORK_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _cost(window: Window) -> int:
    """Weigh a window: each is looked at closely, however short it is."""
    return 256 + len(window.text)


def _enum_names_of(plan: MessagePlan, name: str) -> Mapping[int, str]:
    return next(f.enum_names or {} for f in plan.fields.values() if f.name == name)
