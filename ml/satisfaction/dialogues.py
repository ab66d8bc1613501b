"""Dialogues with a level of satisfaction at some turns: read from JSON lines, and put together from windows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ml.split import NotEnoughToLearn
from privacy.errors import MangroveError

MAX_LINE_BYTES = 1 << 20
"""No line may be longer: a dialogue of a thousand long turns stays below."""

SCALES = (3, 5)
"""How many levels there can be."""

WHOLE = "OVERALL"
"""As the user's text, it marks a turn that nobody spoke: its level is that of the dialogue as a whole."""

_SHARED_TURNS = 4
_SHARED_CHARACTERS = 12


class DialogueMalformed(MangroveError):
    """A line of the file is not a dialogue."""

    reason = "DIALOGUE_MALFORMED"

    def __init__(self, line: int, what: str) -> None:
        super().__init__(
            f"Line {line} {what}. Each line is a JSON object with 'dialogue_id' (text) and 'turns' (a list of objects "
            "with 'user', 'agent' and 'satisfaction', which is a whole number from 0 to 4 or null)."
        )


class NothingLabelled(NotEnoughToLearn):
    """There is nothing, or too little, to learn from or to measure on."""

    reason = "NOTHING_LABELLED"


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """What the customer wrote, what was answered, and how satisfied the customer was when writing.

    `agent` comes after `user`; both may be empty. `satisfaction` is from 0 up, None where nobody judged.
    """

    user: str
    agent: str
    satisfaction: int | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns in order; possibly a window of a longer conversation."""

    dialogue_id: str
    turns: tuple[Turn, ...]


def read_dialogues(path: Path) -> tuple[Dialogue, ...]:
    """Read a file of dialogues, one in a line; blank lines are passed over.

    Raises:
        DialogueMalformed: at the first line that is not a dialogue; it names the line and never what is in it.
        NothingLabelled: if there is no dialogue.
    """
    dialogues = tuple(_dialogue(line, number) for number, line in _lines(path))
    if not dialogues:
        raise NothingLabelled("The file holds no dialogue. Give one with a JSON object in each line.")
    return dialogues


def levels_of(dialogues: Sequence[Dialogue]) -> int:
    """How many levels the labels have: 3, or 5 where one is above 2.

    Raises:
        NothingLabelled: if no turn has a label.
    """
    given = [turn.satisfaction for one in dialogues for turn in one.turns if turn.satisfaction is not None]
    if not given:
        raise NothingLabelled("No turn has a 'satisfaction'. Give dialogues with at least some turns judged.")
    return next(scale for scale in SCALES if max(given) < scale)


def turns_of(said: Iterable[tuple[bool, str]]) -> tuple[Turn, ...]:
    """Lay out messages as turns: each one of the customer with all that was answered until the next.

    Args:
        said: Whether the customer spoke, and what, in the order of time. What others say before the customer's first
            message is left out.
    """
    told: list[tuple[str, list[str]]] = []
    for by_customer, text in said:
        if by_customer:
            told.append((text, []))
        elif told:
            told[-1][1].append(text)
    return tuple(Turn(user, " ".join(answers)) for user, answers in told)


def conversations_of(dialogues: Sequence[Dialogue]) -> list[str]:
    """Say of which conversation each dialogue is: files often hold overlapping windows of one.

    Two dialogues are of one conversation if they have the same id, or share four user messages in a row that are
    not just a few characters. Cutting folds by dialogue alone would let a model see in training the very messages
    that it is tested on. A conversation is named by the smallest of its dialogues' ids.
    """
    leads: dict[str, str] = {one.dialogue_id: one.dialogue_id for one in dialogues}

    def lead(name: str) -> str:
        while leads[name] != name:
            leads[name] = leads[leads[name]]
            name = leads[name]
        return name

    seen: dict[tuple[str, ...], str] = {}
    for one in dialogues:
        for run in _runs(one):
            first, second = sorted((lead(one.dialogue_id), lead(seen.setdefault(run, one.dialogue_id))))
            leads[second] = first
    return [lead(one.dialogue_id) for one in dialogues]


def strangers(dialogues: Sequence[Dialogue], to: Sequence[Dialogue]) -> list[Dialogue]:
    """Return the dialogues that are windows of no conversation that is among others; ids do not matter.

    Learned from, the rest would tell what is measured on the others.
    """
    renamed = [Dialogue(f"{place:012d}", one.turns) for place, one in enumerate([*to, *dialogues])]
    names = conversations_of(renamed)
    known, heard = set(names[: len(to)]), {_users(one) for one in to}
    pairs = zip(dialogues, names[len(to) :], strict=True)
    return [one for one, name in pairs if name not in known and _users(one) not in heard]


def put_together(dialogues: Sequence[Dialogue]) -> tuple[Dialogue, ...]:
    """Join windows of a conversation that overlap, so that each of its turns is there once, with its label.

    A window is joined where its beginning is the end of what was joined so far; one that fits nowhere stays apart.
    """
    of: dict[str, list[Dialogue]] = defaultdict(list)
    for one, name in zip(dialogues, conversations_of(dialogues), strict=True):
        of[name].append(one)
    return tuple(whole for name in sorted(of) for whole in _joined(sorted(of[name], key=_by_id)))


def _by_id(dialogue: Dialogue) -> tuple[str, int]:
    return dialogue.dialogue_id, len(dialogue.turns)


def _joined(windows: list[Dialogue]) -> Iterator[Dialogue]:
    whole = windows[0]
    for window in windows[1:]:
        grown = _grown(whole.turns, window.turns)
        if grown is None:
            yield whole
            whole = window
        else:
            whole = Dialogue(whole.dialogue_id, grown)
    yield whole


def _grown(told: tuple[Turn, ...], window: tuple[Turn, ...]) -> tuple[Turn, ...] | None:
    """What was told so far with a window laid over its end, or None if they do not meet in at least four turns."""
    users = [turn.user for turn in window]
    for start in range(max(0, len(told) - len(window)), len(told) - _SHARED_TURNS + 1):
        shared = len(told) - start
        if [turn.user for turn in told[start:]] == users[:shared]:
            overlap = zip(told[start:], window[:shared], strict=True)
            return (*told[:start], *(_both(a, b) for a, b in overlap), *window[shared:])
    return None


def _both(one: Turn, other: Turn) -> Turn:
    label = one.satisfaction if one.satisfaction is not None else other.satisfaction
    return Turn(one.user, one.agent or other.agent, label)


def _users(dialogue: Dialogue) -> tuple[str, ...]:
    return tuple(turn.user for turn in dialogue.turns)


def _runs(dialogue: Dialogue) -> Iterator[tuple[str, ...]]:
    users = _users(dialogue)
    for start in range(len(users) - _SHARED_TURNS + 1):
        run = users[start : start + _SHARED_TURNS]
        if sum(map(len, run)) >= _SHARED_CHARACTERS:
            yield run


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise DialogueMalformed(number, f"is longer than {MAX_LINE_BYTES} bytes")
                if line.strip():
                    yield number, line
    except OSError:
        raise NothingLabelled("The file of dialogues cannot be read. Give the path of a file of JSON lines.") from None


def _dialogue(line: bytes, number: int) -> Dialogue:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise DialogueMalformed(number, "is not JSON") from None
    if not isinstance(told, dict):
        raise DialogueMalformed(number, "is not an object")
    if not isinstance(told.get("dialogue_id"), str) or not told["dialogue_id"]:
        raise DialogueMalformed(number, "has no 'dialogue_id'")
    if not isinstance(told.get("turns"), list) or not told["turns"]:
        raise DialogueMalformed(number, "has no 'turns'")
    return Dialogue(told["dialogue_id"], tuple(_turn(turn, number) for turn in told["turns"]))


def _turn(told: Any, number: int) -> Turn:
    if not isinstance(told, dict) or not {"user", "agent"} <= told.keys():
        raise DialogueMalformed(number, "has a turn without 'user' or 'agent'")
    user, agent, level = told["user"], told["agent"], told.get("satisfaction")
    user, agent = ("" if text is None else text for text in (user, agent))
    if not (isinstance(user, str) and isinstance(agent, str)):
        raise DialogueMalformed(number, "has a turn whose 'user' or 'agent' is not a text")
    if level is not None and (type(level) is not int or not 0 <= level < max(SCALES)):
        raise DialogueMalformed(number, "has an unknown level of satisfaction")
    return Turn(user, agent, level)
