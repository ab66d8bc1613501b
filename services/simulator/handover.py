"""When a human takes over from the bot: the law that generates it, and its exact probability.

A conversation with a bot is a Markov chain over what has happened so far. Each customer message may ask
anew, repeat, complain or ask for a person; then a human takes over with a probability that grows with what
went wrong; else the customer leaves, the bot answers well (the end), or it fails (the next message). As the
chain is small, the probability that a human takes over at this message or later is computed exactly: no
model can score better on average than this number. It knows the customer's impatience, which no model can see;
`best` has what is left without it.
"""

import math
import random
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

Kind = Literal["question", "repeat", "angry", "human"]
KINDS: tuple[Kind, ...] = ("question", "repeat", "angry", "human")

LAST_MESSAGE = 5
_COUNTED = 2
BOT_SKILL = {
    "purchase": 0.52,
    "delivery": 0.42,
    "refund": 0.3,
    "invoice": 0.48,
    "technical": 0.36,
    "complaint": 0.2,
}
_TOPIC = {
    "purchase": -0.6,
    "delivery": -0.2,
    "refund": 0.3,
    "invoice": -0.4,
    "technical": 0.0,
    "complaint": 0.6,
}
_CHANNEL = {"chat": 0.0, "voice": 0.5, "email": 0.2, "social": -0.2}
_SLOW = {"chat": 0.2, "voice": 0.3, "email": 0.45, "social": 0.35}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is fixed when a conversation begins.

    `impatience` is 0 to 2 and nobody can observe it. `prior` counts the person's earlier conversations,
    at most 2.
    """

    topic: str
    language: str
    channel: str
    impatience: int
    prior: int


@dataclass(frozen=True, slots=True)
class SoFar:
    """What has gone wrong so far.

    `fails` counts answers that did not help. Repeats, requests for a person, angry messages and slow answers
    are counted up to 2 each.
    """

    fails: int = 0
    repeats: int = 0
    asks: int = 0
    angry: int = 0
    slow: int = 0

    def after_message(self, kind: Kind) -> "SoFar":
        """Count the customer's message."""
        if kind == "repeat":
            return replace(self, repeats=min(_COUNTED, self.repeats + 1))
        if kind == "human":
            return replace(self, asks=min(_COUNTED, self.asks + 1))
        if kind == "angry":
            return replace(self, angry=min(_COUNTED, self.angry + 1))
        return self

    def after_failure(self, slow: bool) -> "SoFar":
        """Count an answer that did not help."""
        return replace(self, fails=self.fails + 1, slow=min(_COUNTED, self.slow + int(slow)))


def kind_weights(situation: Situation, so_far: SoFar) -> tuple[float, float, float, float]:
    """The chances of the next message's kinds, in the order of `KINDS`; their sum is 1."""
    impatience = situation.impatience
    if so_far.fails == 0:
        human = 0.03 + 0.03 * impatience
        angry = 0.25 if situation.topic == "complaint" else 0.03
        return (1 - human - angry, 0.0, angry, human)
    human = min(0.45, 0.06 + 0.08 * so_far.fails + 0.05 * impatience + 0.08 * min(1, so_far.slow))
    angry = min(0.25, 0.10 + 0.05 * impatience + 0.03 * so_far.fails)
    repeat = 0.26
    return (1 - human - angry - repeat, repeat, angry, human)


def hazard(situation: Situation, so_far: SoFar) -> float:
    """The chance that a human takes over right after this message, which `so_far` already counts."""
    score = (
        -4.3
        + _TOPIC[situation.topic]
        + _CHANNEL[situation.channel]
        + (0.5 if situation.language == "zh" else 0.0)
        + 0.25 * situation.impatience
        + 0.35 * situation.prior
        + 0.55 * so_far.fails
        + 1.2 * so_far.repeats
        + 3.4 * so_far.asks
        + 1.2 * so_far.angry
        + 0.7 * so_far.slow
    )
    return 1 / (1 + math.exp(-score))


def leaving(so_far: SoFar) -> float:
    """The chance that the customer leaves after this message when no human takes over."""
    return min(0.5, 0.05 + 0.06 * so_far.fails + 0.05 * so_far.slow)


def success(situation: Situation, so_far: SoFar) -> float:
    """The chance that the bot's next answer helps, for a customer who stayed."""
    return BOT_SKILL[situation.topic] * 0.85**so_far.fails * (0.3 if so_far.asks else 1.0)


def slowness(situation: Situation) -> float:
    """The chance that an answer is slow."""
    return _SLOW[situation.channel]


@cache
def _from_next_message(situation: Situation, so_far: SoFar) -> float:
    weights = kind_weights(situation, so_far)
    return sum(
        weight * handed_over_later(situation, so_far.after_message(kind))
        for kind, weight in zip(KINDS, weights, strict=True)
        if weight > 0
    )


@cache
def handed_over_later(situation: Situation, so_far: SoFar) -> float:
    """The exact chance that a human takes over at this message, which `so_far` counts, or at a later one."""
    now = hazard(situation, so_far)
    if so_far.fails + 1 >= LAST_MESSAGE:
        return now
    fails = (1 - leaving(so_far)) * (1 - success(situation, so_far))
    slow = slowness(situation)
    later = slow * _from_next_message(situation, so_far.after_failure(slow=True))
    later += (1 - slow) * _from_next_message(situation, so_far.after_failure(slow=False))
    return now + (1 - now) * fails * later


@dataclass(frozen=True, slots=True)
class Turn:
    """One customer message to the bot and what followed.

    `hazard` is the chance that a human takes over right after it, `later` that one does then or afterwards.
    """

    kind: Kind
    hazard: float
    later: float
    then: Literal["handed_over", "left", "solved", "failed"]
    slow: bool


def play(situation: Situation, rng: random.Random) -> list[Turn]:
    """Draw a conversation with the bot: 1 to `LAST_MESSAGE` turns, of which only the last is not `failed`."""
    turns: list[Turn] = []
    so_far = SoFar()
    while True:
        kind = rng.choices(KINDS, weights=kind_weights(situation, so_far))[0]
        so_far = so_far.after_message(kind)
        chance, later = hazard(situation, so_far), handed_over_later(situation, so_far)
        slow = rng.random() < slowness(situation)
        if rng.random() < chance:
            return [*turns, Turn(kind, chance, later, "handed_over", slow)]
        if so_far.fails + 1 >= LAST_MESSAGE or rng.random() < leaving(so_far):
            return [*turns, Turn(kind, chance, later, "left", slow)]
        if rng.random() < success(situation, so_far):
            return [*turns, Turn(kind, chance, later, "solved", slow)]
        turns.append(Turn(kind, chance, later, "failed", slow))
        so_far = so_far.after_failure(slow)
