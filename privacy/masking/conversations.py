"""Finds what is spread over consecutive messages: a number typed in parts is looked at as one.

In memory only: nothing of this is stored, and what is remembered are the ends of messages that may go on.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from privacy.masking.masker import Findings, Found
from privacy.masking.normalise.fold import fold_batch

_TAIL = 64
_MOST_PARTS = 12
_CONVERSATIONS = 20_000
_TTL_S = 900.0

_BETWEEN = (
    " \t\r\n-‐‑–—―－_.,;:!?~…·•*/|()（）【】。，、；：！？～\u3000\u00a0"
    "\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f\u20e3"
)
# An address that is not complete; what follows a complete one is another word.
_MAIL_END = re.compile(r"[A-Za-z0-9._%+-]@(?![A-Za-z0-9.-]{1,64}\.[A-Za-z]{2,24}$)[A-Za-z0-9.-]{0,64}$")
_MAIL_START = re.compile("@[A-Za-z0-9]")
_MAIL_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-@＠")


class Said(NamedTuple):
    """One message: its place in the batch, its source, conversation and party, its event's id, its text."""

    place: int
    thread: tuple[str, str, int]
    event_id: str
    text: str

    def __repr__(self) -> str:
        return f"Said({self.place}, withheld)"


@dataclass(slots=True, eq=False)
class _Part:
    """The end of a message, or all of a short one; `places` are those of the batch at hand."""

    tail: str
    before: int
    batch: object
    places: list[int]


@dataclass(slots=True)
class _Thread:
    """What one party said last in one conversation, by the ids of the events, in order."""

    touched_s: float
    parts: dict[str, _Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive messages as one text.

    `pieces` are (place, start in the window, end in the window, where that start lies in the message); the messages
    of earlier batches have no place.
    """

    text: str
    pieces: tuple[tuple[int | None, int, int, int], ...]

    @property
    def last(self) -> int:
        """The place of the newest message."""
        return next(place for place, *_ in reversed(self.pieces) if place is not None)

    def across(self, found: Findings) -> Iterator[tuple[int, Found]]:
        """Give, for each message of the batch, what of it belongs to something that crosses into another message."""
        for one in found:
            held = [piece for piece in self.pieces if piece[1] < one.end and one.start < piece[2]]
            if len({start for _, start, _, _ in held}) < 2:
                continue
            value = self.text[one.start : one.end]
            for place, start, end, offset in held:
                if place is not None:
                    first, last = max(one.start, start), min(one.end, end)
                    yield place, Found(first - start + offset, last - start + offset, one.entity, value)

    def __repr__(self) -> str:
        return "Window(withheld)"


class Conversations:
    """Remembers, for a while, how the last messages of conversations ended.

    Bounded: 20,000 conversations and parties, 12 messages of each, 64 characters of each message, 15 minutes.
    """

    def __init__(self) -> None:
        self._threads: dict[tuple[str, str, int], _Thread] = {}

    def windows(self, batch: Iterable[Said], now_s: float) -> Iterator[Window]:
        """Take in the messages of a batch, in their order, and give what is to be looked at as one text.

        A message that was sent before, by its event's id, takes its old place in the conversation.

        Args:
            batch: The messages.
            now_s: The collector's clock, seconds.
        """
        self._forget(now_s)
        mark = object()
        for said in batch:
            text = said.text
            thread = self._threads.pop(said.thread, None)
            if thread is None:
                if not _goes_on(text):
                    continue
                thread = _Thread(now_s)
            thread.touched_s = now_s
            self._threads[said.thread] = thread
            if len(self._threads) > _CONVERSATIONS:
                del self._threads[next(iter(self._threads))]
            yield from _look_back(_earlier(thread, said, mark), text, mark, said.place)

    def _forget(self, now_s: float) -> None:
        """Let go of conversations in which nothing was said for a while; the longest silent stand first."""
        while self._threads:
            oldest = next(iter(self._threads))
            if now_s - self._threads[oldest].touched_s <= _TTL_S:
                return
            del self._threads[oldest]

    def __repr__(self) -> str:
        return f"Conversations({len(self._threads)} withheld)"


def _earlier(thread: _Thread, said: Said, mark: object) -> list[_Part]:
    """Put a message into its thread and return those before it."""
    parts, text = thread.parts, said.text
    tail = text[-_TAIL:]
    part = _Part(tail, len(text) - len(tail), mark, [said.place])
    old = parts.get(said.event_id)
    before = list(parts.values())
    parts[said.event_id] = part
    if old is not None:
        if old.batch is mark and old.tail == tail:
            part.places += old.places
        return before[: before.index(old)]
    if len(parts) > _MOST_PARTS:
        del parts[next(iter(parts))]
    return before


def _look_back(before: list[_Part], text: str, mark: object, place: int) -> Iterator[Window]:
    """Give a window for every run of messages that ends with this one and whose ends fit together."""
    head = text[:_TAIL]
    following = head
    chain: list[tuple[_Part, str]] = []
    for part in reversed(before):
        joint = _joint(part.tail, following)
        if joint is None:
            return
        chain.insert(0, (part, joint))
        yield _window(chain, head, mark, place)
        if part.before:
            return
        following = part.tail


def _window(chain: list[tuple[_Part, str]], head: str, mark: object, place: int) -> Window:
    """Join messages; at each joint the separators are left out, of an e-mail address only spaces."""
    pieces: list[tuple[int | None, int, int, int]] = []
    texts: list[str] = []
    length = skipped = 0
    for (part, joint), strip_first in zip((*chain, (None, "")), (" ", *(j for _, j in chain)), strict=True):
        whole = head if part is None else part.tail
        start = len(whole) - len(whole.lstrip(strip_first)) if texts else 0
        shown = (whole if part is None else whole.rstrip(joint))[start:]
        skipped = start + (0 if part is None else part.before)
        places = [place] if part is None else (part.places if part.batch is mark else [None])
        pieces += [(at, length, length + len(shown), skipped) for at in places]
        texts.append(shown)
        length += len(shown)
    return Window("".join(texts), tuple(pieces))


def _joint(tail: str, head: str) -> str | None:
    """Return which characters may be left out between two messages whose ends fit together, or None."""
    last, first = tail.rstrip(_BETWEEN)[-1:], head.lstrip(_BETWEEN)[:1]
    if last in _digits() and last and (first in _digits() or first in "xXｘＸ") and first:
        return _BETWEEN
    last, first = tail.rstrip()[-1:], head.lstrip()[:1]
    if last and first and last in _MAIL_LETTERS and first in _MAIL_LETTERS and _is_mail(tail.rstrip(), head.lstrip()):
        return " \t\r\n\u3000"
    return None


def _is_mail(tail: str, head: str) -> bool:
    """Say whether an e-mail address may be cut here: behind its @, or right before it."""
    tail, head = tail.replace("＠", "@"), head.replace("＠", "@")
    last = tail.rfind("@")
    return (last > 0 and _MAIL_END.match(tail, last - 1) is not None) or _MAIL_START.match(head) is not None


def _goes_on(text: str) -> bool:
    """Say whether a message may be the first part of something; the cheap question that most messages get."""
    last = text[-1:]
    return last in _MAIL_LETTERS or last in _digits() or (last in _BETWEEN and _goes_on_before(text))


def _goes_on_before(text: str) -> bool:
    last = text.rstrip(_BETWEEN)[-1:]
    return bool(last) and (last in _digits() or last in _MAIL_LETTERS)


def joined(found: Iterable[Found], across: Iterable[Found]) -> Findings:
    """Return what was found in a message together with what crosses its ends, sorted and disjoint.

    Where some overlap they become one, named by the longest value that crosses.
    """
    crossing = set(across)
    result: list[Found] = []
    for one in sorted((*found, *crossing), key=lambda f: (f.start, f.end)):
        if not result or one.start >= result[-1].end:
            result.append(one)
            continue
        last = result[-1]
        name = max((last, one), key=lambda f: len(f.value or ""))
        result[-1] = Found(last.start, max(last.end, one.end), name.entity, name.value)
    return tuple(result)


@cache
def _digits() -> frozenset[str]:
    """Every character that is a digit in any writing."""
    characters = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x2_0000))]
    batch = fold_batch(["".join(characters)])
    places = range(len(characters)) if batch.origin is None else batch.origin.tolist()
    codes = batch.digits.tolist()
    return frozenset(characters[place] for place, code in zip(places, codes, strict=True) if 0x30 <= code <= 0x39)
