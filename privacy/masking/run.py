"""One run over some events: gathers their texts, masks them together, and notes which could not be searched."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from privacy.linkage import Encoder, Entry, written
from privacy.masking.actions import WITHHELD, Action
from privacy.masking.conversations import joined
from privacy.masking.failures import MaskingFailed
from privacy.masking.labels import words_of
from privacy.masking.marks import marked
from privacy.masking.masker import Findings, Found, MaskedText, Masker
from privacy.masking.texts import SPLIT_FIELD, TextField, TextFields
from privacy.masking.urls import Piece, pieces_of
from privacy.pseudonyms import Pseudonymiser

# A short text full of personal data costs as much as this many characters without.
_CHARACTERS_AT_ONCE, _COST_OF_ONE = 64 * 1024, 32


@dataclass(slots=True)
class _Waiting:
    """A text that waits to be masked, and where it goes then."""

    event: int
    field: TextField
    container: Any
    place: Any
    text: str
    label: str = ""
    whole: str | None = None
    number: float | None = None
    piece: Piece | None = None

    def read(self) -> str:
        return f"{self.label}: {self.text}" if self.label else self.text

    @property
    def written(self) -> Any:
        """How it stands where it comes from."""
        if self.piece is not None:
            return self.piece.written
        return self.text if self.number is None else self.number

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the text and its field says what it becomes."""
        return not self.label and self.whole is None and self.number is None and self.piece is None


@dataclass(frozen=True, slots=True)
class Failure:
    """That a text of an event could not be searched: which event, which field, and why."""

    event: int
    path: str
    cause: MaskingFailed


@dataclass(frozen=True, slots=True)
class Told:
    """What was done with a text, for a dry run: its field, its masked form and what was found, kept things too."""

    event: int
    path: str
    text: str
    found: tuple[tuple[int, int, str, Action], ...]


class Run:
    """Some events: their texts wait here until they are masked together.

    Args:
        pseudonymiser: Makes tokens of identifiers.
        encoder: Encodes the traits of profiles.
        masker: Masks texts.
        fields: The fields of whoever sent the events.
        blank: What each event's record begins with.

    Attributes:
        event: The place of the event whose texts come next.
        size: How much work waits, in characters.
    """

    def __init__(
        self,
        pseudonymiser: Pseudonymiser,
        encoder: Encoder,
        *,
        masker: Masker,
        fields: TextFields,
        blank: dict[str, Any],
    ) -> None:
        self.token = pseudonymiser.token
        self.encode = partial(written, encoder)
        self.fields = fields
        self.blank = blank
        self.failures: list[Failure] = []
        self.told: list[Told] | None = None
        self.event = 0
        self.size = 0
        self._masker = masker
        self._across: Mapping[int, Sequence[Found]] = {}
        self._waiting: list[_Waiting] = []
        self._endings: list[tuple[int, Callable[[], None]]] = []

    def lose(self, failures: Iterable[Failure]) -> None:
        """Note texts that could not be searched together with their neighbours: they are withheld."""
        self.failures += failures

    def forget_event(self) -> None:
        """Let go of the texts of the event at hand."""
        for noted in (self._waiting, self._endings):
            while noted and _event_of(noted[-1]) == self.event:
                noted.pop()

    def text(
        self,
        field: TextField,
        container: Any,
        place: Any,
        text: str,
        *,
        label: str = "",
        whole: str | None = None,
        number: float | None = None,
    ) -> None:
        """Note a text that goes to container[place] when it is masked.

        Args:
            field: The field it belongs to.
            container: A dict or list.
            place: Its key or index.
            text: The text.
            label: Words under which it stands; it is read together with them.
            whole: The entity that all of it is, whatever it looks like.
            number: What the text was written from; it goes back if nothing in it is personal.
        """
        container[place] = None
        if field.memory is not None and not label and whole is None and number is None:
            container[place] = known = field.memory.get(text)
            if known is not None:
                return
        self.size += len(text) + _COST_OF_ONE
        self._waiting.append(_Waiting(self.event, field, container, place, text, label, whole, number))

    def url(self, field: TextField, container: Any, place: Any, url: str) -> None:
        """Note a URL that goes to container[place] when its pieces are masked."""
        known = field.memory.get(url) if field.memory is not None else None
        container[place] = known
        if known is not None:
            return
        parts: list[Any] = pieces_of(url)
        for index, piece in enumerate(parts):
            if isinstance(piece, Piece):
                whole = "URL_PARAMETER" if piece.is_personal else None
                parts[index] = None
                self._waiting.append(
                    _Waiting(
                        self.event, field, parts, index, piece.plain, words_of(piece.name), whole, None, piece=piece
                    )
                )
        self.size += len(url) + _COST_OF_ONE * len(parts)

        def join() -> None:
            container[place] = WITHHELD if WITHHELD in parts else "".join(parts).strip()
            if container[place] != WITHHELD:
                field.remember(url, container[place])

        self.afterwards(join)

    def entries(
        self, field: TextField, keys: Sequence[str], made: list[Any] | None = None
    ) -> tuple[dict[str, Any], list[Any]]:
        """Return a dict that will hold masked keys, and the list of its values to be filled in, or `made`."""
        out: dict[str, Any] = {}
        values = [None] * len(keys) if made is None else made
        masked: list[Any] = [None] * len(keys)
        for index, key in enumerate(keys):
            self.text(field, masked, index, key)

        def join() -> None:
            numbers: dict[str, int] = {}
            for key, value in zip(masked, values, strict=True):
                out[_free(out, key, numbers)] = value

        self.afterwards(join)
        return out, values

    def afterwards(self, step: Callable[[], None]) -> None:
        """Note what is to be done when the texts are masked, in this order."""
        self._endings.append((self.event, step))

    def fill_in(self, across: Mapping[int, Sequence[Found]], timeouts: list[MaskingFailed]) -> Iterator[None]:
        """Mask the texts and put them in their places, a bounded number of characters between two steps.

        Args:
            across: What was found across messages of a conversation, by event.
            timeouts: See `Masker.find_each`.
        """
        self._across = across
        lost = {(failure.event, failure.path) for failure in self.failures}
        for number, group in enumerate(self._groups()):
            if number:
                yield
            each = self._masker.find_each([waiting.read() for waiting in group], timeouts)
            for waiting, found in zip(group, each, strict=True):
                if isinstance(found, MaskingFailed):
                    self.failures.append(Failure(waiting.event, waiting.field.path, found))
                    waiting.container[waiting.place] = WITHHELD
                elif lost and (waiting.event, waiting.field.path) in lost:
                    waiting.container[waiting.place] = WITHHELD
                else:
                    waiting.container[waiting.place] = self._masked(waiting, found)
        for _, step in self._endings:
            step()

    def _groups(self) -> Iterator[list[_Waiting]]:
        group: list[_Waiting] = []
        size = 0
        for waiting in self._waiting:
            group.append(waiting)
            size += len(waiting.text) + _COST_OF_ONE
            if size >= _CHARACTERS_AT_ONCE:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _masked(self, waiting: _Waiting, found: Findings) -> Any:
        policy = waiting.field.policy
        if waiting.label and found:
            found = _behind(found, len(waiting.label) + 2)
        if waiting.whole is not None:
            found = _all_of(waiting, found)
        if waiting.event in self._across and waiting.field.path == SPLIT_FIELD:
            across = self._across[waiting.event]
            found = joined(found, [one for one in across if policy.action(one.entity) is not Action.KEEP])
        if not found and self.told is None:
            if waiting.field.memory is not None and waiting.is_plain:
                waiting.field.remember(waiting.text, waiting.text)
            return waiting.written
        masked = self._masker.apply(waiting.text, found, policy)
        if self.told is not None:
            actions = tuple((one.start, one.end, one.entity, policy.action(one.entity)) for one in found)
            self.told.append(Told(waiting.event, waiting.field.path, masked.text, actions))
        if waiting.field.memory is not None and waiting.is_plain:
            waiting.field.remember(waiting.text, masked.text)
        return _said(waiting, masked)


class OnlyLooking:
    """Stands for a run where nothing is kept of an event."""

    def __init__(self) -> None:
        self.blank: dict[str, Any] = {}
        self.fields = self

    def __getitem__(self, _path: str) -> None:
        return None

    def token(self, _identifier_type: str, _value: str) -> str:
        """Return no token."""
        return ""

    def encode(self, _traits: Mapping[str, str]) -> list[Entry]:
        """Return no encodings."""
        return []


def _event_of(noted: Any) -> int:
    return int(noted.event if isinstance(noted, _Waiting) else noted[0])


def _said(waiting: _Waiting, masked: MaskedText) -> Any:
    if waiting.piece is not None:
        return waiting.piece.rewritten(masked.text)
    return waiting.number if waiting.number is not None and not masked.spans else masked.text


def _behind(found: Findings, length: int) -> Findings:
    """Return what was found in the value that stands behind a label."""
    return tuple(Found(max(one.start - length, 0), one.end - length, one.entity) for one in found if one.end > length)


def _all_of(waiting: _Waiting, found: Findings) -> Findings:
    """Return one finding over a whole text that is personal whatever it looks like."""
    text, entity = waiting.text, waiting.whole or ""
    if not text.strip() or marked(text).spans == ((0, len(text)),):
        return ()
    if len(found) == 1 and (found[0].start, found[0].end) == (0, len(text)):
        entity = found[0].entity if waiting.field.policy.action(found[0].entity) is not Action.KEEP else entity
    return (Found(0, len(text), entity),)


def _free(entries: dict[str, Any], key: str, numbers: dict[str, int]) -> str:
    """Two keys may be masked to the same placeholder: the later ones are numbered, so that no entry is lost."""
    free = key
    while free in entries:
        numbers[key] = numbers.get(key, 1) + 1
        free = f"{key}#{numbers[key]}"
    return free
