"""One run over some events: gathers their texts, masks them together, and notes which could not be searched."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.masking.actions import WITHHELD, Action
from privacy.masking.conversations import joined
from privacy.masking.failures import MaskingFailed
from privacy.masking.labels import words_of
from privacy.masking.marks import marked
from privacy.masking.masker import Findings, Found, MaskedText, Masker
from privacy.masking.memory import Memory
from privacy.masking.policy import FieldPolicy
from privacy.masking.urls import Piece, pieces_of
from privacy.pseudonyms import Pseudonymiser

# A short text full of personal data costs as much as this many characters without.
_CHARACTERS_AT_ONCE, _COST_OF_ONE = 64 * 1024, 32

SPLIT_FIELD = "message_sent.text"
"""The field whose texts are parts of a conversation."""

Urls = Memory[tuple[int, str], str]
"""The same pages are viewed again and again: what a URL became, by its field's policy."""


@dataclass(slots=True)
class _Waiting:
    """A text that waits to be masked, and where it goes then."""

    event: int
    path: str
    policy: FieldPolicy
    container: Any
    place: Any
    text: str
    label: str = ""
    whole: str | None = None
    number: float | None = None
    piece: Piece | None = None

    def read(self) -> str:
        return f"{self.label}: {self.text}" if self.label else self.text


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
        masker: Masks texts.
        source: Who sent the events.
        urls: What URLs became before.
    """

    def __init__(self, pseudonymiser: Pseudonymiser, masker: Masker, source: str, urls: Urls) -> None:
        self.token = pseudonymiser.token
        self.failures: list[Failure] = []
        self.told: list[Told] | None = None
        self.event = 0
        self._masker = masker
        self._source = source
        self._urls = urls
        self._across: Mapping[int, Sequence[Found]] = {}
        self._path = ""
        self._policy = masker.policy.for_field(source, None)
        self._waiting: list[_Waiting] = []
        self._endings: list[Callable[[], None]] = []

    def enters(self, path: str) -> bool:
        """Note which field the next texts belong to; False if the policy drops it."""
        self._path, self._policy = path, self._masker.policy.for_field(self._source, path)
        return not self._policy.dropped

    def lose(self, failures: Iterable[Failure]) -> None:
        """Note texts that could not be searched together with their neighbours: they are withheld."""
        self.failures += failures

    def text(
        self,
        container: Any,
        place: Any,
        text: str,
        label: str = "",
        whole: str | None = None,
        number: float | None = None,
    ) -> None:
        """Note a text that goes to container[place] when it is masked.

        Args:
            container: A dict or list.
            place: Its key or index.
            text: The text.
            label: Words under which it stands; it is read together with them.
            whole: The entity that all of it is, whatever it looks like.
            number: What the text was written from; it goes back if nothing in it is personal.
        """
        container[place] = None
        self._waiting.append(
            _Waiting(self.event, self._path, self._policy, container, place, text, label, whole, number)
        )

    def url(self, container: Any, place: Any, url: str) -> None:
        """Note a URL that goes to container[place] when its pieces are masked."""
        question = (id(self._policy), url)
        known = self._urls.get(question) if self.told is None else None
        container[place] = known
        if known is not None:
            return
        parts: list[Any] = pieces_of(url)
        for index, piece in enumerate(parts):
            if isinstance(piece, Piece):
                whole = "URL_PARAMETER" if piece.is_personal else None
                self.text(parts, index, piece.plain, words_of(piece.name), whole)
                self._waiting[-1].piece = piece

        def join() -> None:
            container[place] = WITHHELD if WITHHELD in parts else "".join(parts).strip()
            if container[place] != WITHHELD:
                self._urls.put(question, container[place])

        self._endings.append(join)

    def entries(self, keys: Sequence[str]) -> tuple[dict[str, Any], list[Any]]:
        """Return a dict that will hold masked keys, and the list of its values to be filled in."""
        out: dict[str, Any] = {}
        values: list[Any] = [None] * len(keys)
        masked: list[Any] = [None] * len(keys)
        for index, key in enumerate(keys):
            self.text(masked, index, key)

        def join() -> None:
            numbers: dict[str, int] = {}
            for key, value in zip(masked, values, strict=True):
                out[_free(out, key, numbers)] = value

        self._endings.append(join)
        return out, values

    def fill_in(self, across: Mapping[int, Sequence[Found]], timeouts: list[MaskingFailed]) -> Iterator[None]:
        """Mask the texts and put them in their places, a bounded number of characters between two steps.

        Args:
            across: What was found across messages of a conversation, by event.
            timeouts: See `Masker.find_each`.
        """
        self._across = across
        lost = {(failure.event, failure.path) for failure in self.failures}
        for group in self._groups():
            each = self._masker.find_each([waiting.read() for waiting in group], timeouts)
            for waiting, found in zip(group, each, strict=True):
                if isinstance(found, MaskingFailed):
                    self.failures.append(Failure(waiting.event, waiting.path, found))
                    waiting.container[waiting.place] = WITHHELD
                elif lost and (waiting.event, waiting.path) in lost:
                    waiting.container[waiting.place] = WITHHELD
                else:
                    waiting.container[waiting.place] = self._masked(waiting, found)
            yield
        for join in self._endings:
            join()

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
        if waiting.label:
            found = _behind(found, len(waiting.label) + 2)
        if waiting.whole is not None:
            found = _all_of(waiting, found)
        if waiting.event in self._across and waiting.path == SPLIT_FIELD:
            across = self._across[waiting.event]
            found = joined(found, [one for one in across if waiting.policy.action(one.entity) is not Action.KEEP])
        masked = self._masker.apply(waiting.text, found, waiting.policy)
        if self.told is not None:
            actions = tuple((one.start, one.end, one.entity, waiting.policy.action(one.entity)) for one in found)
            self.told.append(Told(waiting.event, waiting.path, masked.text, actions))
        return _said(waiting, masked)


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
        entity = found[0].entity if waiting.policy.action(found[0].entity) is not Action.KEEP else entity
    return (Found(0, len(text), entity),)


def _free(entries: dict[str, Any], key: str, numbers: dict[str, int]) -> str:
    """Two keys may be masked to the same placeholder: the later ones are numbered, so that no entry is lost."""
    free = key
    while free in entries:
        numbers[key] = numbers.get(key, 1) + 1
        free = f"{key}#{numbers[key]}"
    return free
