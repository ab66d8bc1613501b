"""Turns raw events into masked ones, or says which rules they break; nothing else in Mangrove makes masked events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from google.protobuf.message import Message

from privacy.linkage import Encoder
from privacy.masking import quarantine
from privacy.masking.across import Across, said_in
from privacy.masking.compiled import compile_reader
from privacy.masking.conversations import Conversations, Said
from privacy.masking.failures import MaskingFailed
from privacy.masking.limits import Violation
from privacy.masking.masker import Masker
from privacy.masking.mended import bodies_of, mend
from privacy.masking.plan import MessagePlan, Treatment
from privacy.masking.policy import OnFailure
from privacy.masking.refusals import Invalid, Refusal, Unmaskable
from privacy.masking.run import Failure, OnlyLooking, Run, Told
from privacy.masking.sealed import ENVELOPE, MaskedEvent, NotMasked, blank_of, name_aliases, record_of, seal
from privacy.masking.texts import Memories, TextFields
from privacy.masking.tree import text_fields, tree_of
from privacy.masking.unknown import UnknownFields
from privacy.masking.validate import violations
from privacy.pseudonyms import Pseudonymiser

_WORK_AT_ONCE, _EVENTS_AT_ONCE = 256 * 1024, 500
_CLOSE_LOOK = 4

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


class EventMasker:
    """Checks and masks events by the plan that the schema's treatments were compiled into, and by the policy.

    It remembers in memory what came before: for minutes, how messages ended that may go on in the next one; within
    bounds, what titles, pages and identifiers became that come again and again.

    Args:
        plan: The plan of the event message.
        pseudonymiser: Makes tokens of identifiers.
        masker: Masks free text by its policy.
        encoder: Encodes the traits of profiles.
        unknown_fields: What becomes of events with fields that the schema does not have: they are refused, or those
            fields are kept masked in the body under `unknown`.

    Raises:
        PolicyInvalid: if the policy speaks of a field that the plan does not have.
    """

    def __init__(
        self,
        plan: MessagePlan,
        pseudonymiser: Pseudonymiser,
        masker: Masker,
        *,
        encoder: Encoder,
        unknown_fields: UnknownFields = "refuse",
    ) -> None:
        self.fields = tuple(text_fields(plan))
        masker.policy.check_fields(self.fields)
        self._plan = plan
        self._pseudonymiser = pseudonymiser
        self._masker = masker
        self._run = partial(Run, pseudonymiser, encoder, masker=masker)
        self._unknown_fields = unknown_fields
        self._read = compile_reader(plan, pseudonymiser.token, ENVELOPE)
        self._memories = Memories(text_fields(plan, (Treatment.URL,)))
        self._sources: dict[str, TextFields] = {}
        self._conversations = Conversations()
        self._looking = OnlyLooking()

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
        if self._read(event, self._looking) is not None:
            return []
        return violations(event, self._plan, self._unknown_fields)

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
            if any(isinstance(event, Unmaskable) for event in part.events):
                raise part.failures[0]
            masked += [event for event in part.events if isinstance(event, MaskedEvent)]
        if len(masked) < len(events):
            raise NotMasked("An event breaks a rule of the schema. Ask for its violations first.")
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
        across = Across(self._masker, self._conversations)
        for _ in across.look((one for part in parts for one in part.said), received_at.timestamp()):
            yield _NOTHING
        for part in parts:
            part.run.lose([one for one in across.lost if part.first <= one.event < part.first + len(part.records)])
            for _ in part.run.fill_in(across.found, across.timeouts):
                yield _NOTHING
            yield self._sealed(part)

    def explain(self, event: Message, source: str, received_at: datetime) -> tuple[list[Told], list[Failure]]:
        """Return what would be done with each text of an event, and where a detector failed; for a dry run."""
        run = self._run(fields=TextFields(self._masker.policy, source, None), blank={})
        run.told = []
        tree_of(run, event, self._plan)
        self._fill_in(run, said_in(0, event, source, run.fields), received_at)
        return run.told, run.failures

    def refusal(self, event: Message, source: str, received_at: datetime, broken: Sequence[Violation]) -> Refusal:
        """Record that an event was refused: which rules it broke, nothing of what it held."""
        return quarantine.refusal_of(event, self._plan, source, received_at, broken)

    def quarantined(
        self, events: Sequence[tuple[Message, Sequence[Violation]]], source: str, received_at: datetime
    ) -> list[Refusal]:
        """Record that events were refused, with what may be kept of them, masked.

        Nothing is kept of an event that the customer does not allow to be stored. No content is kept of one that a
        detector could not search, and of what is too large: 64 KiB an event, 1 MiB a call, more items than allowed.

        Args:
            events: Events and the rules that each broke.
            source: The name of the source that sent them.
            received_at: The collector's clock, UTC.
        """
        raw = [event for event, _ in events]
        run = self._run(fields=self._fields_of(source), blank={})
        trees = quarantine.trees_of(run, raw, self._plan)
        said = [
            one
            for place, event in enumerate(raw)
            if trees[place] is not None
            for one in said_in(place, event, source, run.fields)
        ]
        self._fill_in(run, said, received_at)
        for failure in run.failures:
            trees[failure.event] = None
        refusals: list[Refusal] = []
        for (event, broken), tree in zip(events, trees, strict=True):
            refusal = self.refusal(event, source, received_at, broken)
            if quarantine.is_allowed(event, self._plan):
                refusal = quarantine.with_content(refusal, event, tree, self._plan, self._pseudonymiser.token)
            refusals.append(refusal)
        return refusals

    def restored(
        self, content: bytes, *, source: str, received_at: datetime, changes: Mapping[str, Any] | None = None
    ) -> MaskedEvent | list[Violation]:
        """Make a masked event of what was kept of a refused one, or say which rules it breaks today.

        The same content gives the same event. Texts are searched again; a value that the schema has learnt since is
        filled in.

        Args:
            content: See `Refusal.content`.
            source: The name of the source that sent the event.
            received_at: When the collector received it, UTC.
            changes: New values by the paths of fields: of fields that are kept as they are, such as `channel`, a name
                of the schema in lower case or a number; None unsets one.
        """
        kept = quarantine.read(content)
        if kept is None:
            return [quarantine.UNREADABLE]
        run = self._run(fields=self._fields_of(source), blank={})
        broken = quarantine.change(kept, changes or {}, self._plan)
        try:
            broken += mend(run, kept, self._plan, self._unknown_fields)
        except RecursionError:
            return [quarantine.UNREADABLE]
        if broken:
            return broken
        self._fill_in(run, (), received_at)
        if run.failures and self._masker.policy.detectors.on_failure is OnFailure.REFUSE:
            return [Unmaskable(run.failures[0].path).violation]
        (event_type,) = bodies_of(kept.fields, self._plan)
        return seal(record_of(kept.fields, event_type, blank_of(source, received_at)), kept.fields["event_id"])

    def _fill_in(self, run: Run, said: Sequence[Said], received_at: datetime) -> None:
        """Mask the texts of a run in one go."""
        across = Across(self._masker, self._conversations)
        for _ in across.look(said, received_at.timestamp()):
            pass
        run.lose(across.lost)
        for _ in run.fill_in(across.found, across.timeouts):
            pass

    def _fields_of(self, source: str) -> TextFields:
        fields = self._sources.get(source)
        if fields is None:
            fields = self._sources[source] = TextFields(self._masker.policy, source, self._memories)
        return fields

    def _parts(self, events: Sequence[Message], source: str, blank: dict[str, Any]) -> Iterator[_Part]:
        """Read events, a bounded amount of them between two steps."""
        fields = self._fields_of(source)
        for first in range(0, len(events), _EVENTS_AT_ONCE):
            part = _Part(first, self._run(fields=fields, blank=blank))
            run, records = part.run, part.records
            for place, event in enumerate(events[first : first + _EVENTS_AT_ONCE], first):
                if run.size >= _WORK_AT_ONCE:
                    yield part
                    part = _Part(place, self._run(fields=fields, blank=blank))
                    run, records = part.run, part.records
                run.event = place
                record: dict[str, Any] | Invalid | None = self._read(event, run)
                if record is None:
                    record = self._read_closely(event, run)
                    # It may hold very many small things: others get their turn the sooner.
                    run.size += _CLOSE_LOOK * event.ByteSize()
                records.append(record)
                if isinstance(record, dict) and record["event_type"] == "message_sent":
                    part.said += said_in(place, event, source, fields)
            yield part

    def _read_closely(self, event: Message, run: Run) -> dict[str, Any] | Invalid:
        run.forget_event()
        broken = violations(event, self._plan, self._unknown_fields)
        if broken:
            return Invalid(tuple(broken))
        fields = tree_of(run, event, self._plan).fields
        return record_of({**fields, "event_id": event.event_id}, event.WhichOneof("body") or "", run.blank)  # type: ignore[attr-defined]

    def _sealed(self, part: _Part) -> MaskedSlice:
        failures, refuse = part.run.failures, self._masker.policy.detectors.on_failure is OnFailure.REFUSE
        refused = {failure.event: failure.path for failure in reversed(failures)} if refuse else {}
        ids = [record["event_id"] for record in part.records if not isinstance(record, Invalid)]
        tokens = iter(self._pseudonymiser.tokens("event", ids))
        sealed: list[Outcome] = []
        for place, record in enumerate(part.records, part.first):
            if isinstance(record, Invalid):
                sealed.append(record)
                continue
            token = next(tokens)
            if self._pseudonymiser.has_windows:
                name_aliases(record)
            sealed.append(Unmaskable(refused[place]) if place in refused else seal(record, token))
        return MaskedSlice(tuple(sealed), tuple(failure.cause for failure in failures))
