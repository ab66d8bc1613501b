"""The best possible predictions: exact chances of how a conversation ends, given only what can be seen of it.

Who watches sees the topic, the channel, the language, how many conversations came before, of what kind each message
is, which answers failed and which were slow; not the customer's impatience. What was seen tells something about it:
Bayes' rule over its three values, with the exact likelihoods of the law that generates the conversations, gives a
belief, and the exact chances under each value mixed by that belief are the expectation given all that was seen. No
prediction from the same sight has a better expected log loss or Brier score, and none ranks better.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

from services.simulator.handover import (
    KINDS,
    LAST_MESSAGE,
    Kind,
    Situation,
    SoFar,
    Turn,
    hazard,
    kind_weights,
    leaving,
    slowness,
    success,
)
from services.simulator.people import IMPATIENCE_SHARES
from services.simulator.talks import AGENT_OUTCOMES, LEAVES_WITHOUT_END, TalkTruth, agent_weights

Belief = tuple[float, ...]
"""How likely each impatience is, 0 to 2; the sum is 1."""


@dataclass(frozen=True, slots=True)
class Chances:
    """What may come of a conversation, each 0 to 1.

    `handover`: a human takes over at this message or later. `abandonment`, `escalation` and `resolution`: it is
    recorded to have ended so. The three exclude each other; what they leave of 1 is that no end is recorded.
    """

    handover: float
    abandonment: float
    escalation: float
    resolution: float


TARGETS = tuple(field.name for field in fields(Chances))
_SOLVED = Chances(0.0, 0.0, 0.0, 1.0)
_LEFT = Chances(0.0, 1 - LEAVES_WITHOUT_END, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Best:
    """The best prediction at one message of the customer.

    `known` is that of an observer who knows the person and saw their earlier conversations, `alone` that of one who
    saw this conversation and how many there were before.
    """

    known: Chances
    alone: Chances


def best_of_talks(talks: Iterable[TalkTruth]) -> dict[str, list[Best]]:
    """The best predictions of conversations by their id: one for each message of the customer, to the bot or an agent.

    With an agent, how it ends depends on the topic alone, and there is no hand-over any more to come.

    Each person's conversations must come in the order in which they were held, from the first.
    """
    beliefs: dict[str, Belief] = {}
    found = {}
    for talk in talks:
        known, beliefs[talk.person] = follow(talk, beliefs.get(talk.person, IMPATIENCE_SHARES))
        alone, _ = follow(talk, IMPATIENCE_SHARES)
        thanks = [Best(_SOLVED, _SOLVED)] * (len(talk.turns) - len(talk.played))
        handed = replace(_with_agent(talk.topic), handover=0.0)
        with_agent = [Best(handed, handed)] * len(talk.to_agent)
        found[talk.conversation_id] = [Best(*pair) for pair in zip(known, alone, strict=True)] + thanks + with_agent
    return found


def follow(talk: TalkTruth, belief: Belief) -> tuple[list[Chances], Belief]:
    """Watch a conversation with a bot from its beginning.

    Returns:
        What may come of it as of each message in `talk.played`, and what is believed of the customer when it is over.
    """
    situations = [Situation(talk.topic, talk.language, talk.channel, i, talk.prior) for i in range(len(belief))]
    so_far, chances = SoFar(), []
    for turn in talk.played:
        belief = after_message(belief, situations, so_far, turn.kind)
        so_far = so_far.after_message(turn.kind)
        chances.append(mixed(belief, [endings(situation, so_far) for situation in situations]))
        belief = after_answer(belief, situations, so_far, turn)
        so_far = so_far.after_failure(turn.slow)
    return chances, belief


def after_message(belief: Belief, situations: Sequence[Situation], so_far: SoFar, kind: Kind) -> Belief:
    """What is believed once the kind of the next message is seen; `so_far` does not count it yet."""
    place = KINDS.index(kind)
    return _updated(belief, [kind_weights(situation, so_far)[place] for situation in situations])


def after_answer(belief: Belief, situations: Sequence[Situation], so_far: SoFar, turn: Turn) -> Belief:
    """What is believed once it is seen whether a human took over; `so_far` counts the message.

    Who leaves, whether the bot helps and how fast it answers have chances that impatience does not change.
    """
    hazards = [hazard(situation, so_far) for situation in situations]
    handed_over = turn.then == "handed_over"
    return _updated(belief, [chance if handed_over else 1 - chance for chance in hazards])


def mixed(weights: Sequence[float], chances: Sequence[Chances]) -> Chances:
    """The weighted sum of chances."""
    pairs = list(zip(weights, chances, strict=True))
    return Chances(*(sum(weight * getattr(one, name) for weight, one in pairs) for name in TARGETS))


@cache
def endings(situation: Situation, so_far: SoFar) -> Chances:
    """The exact chances as of a message, which `so_far` counts, for a customer whose impatience is known."""
    now = hazard(situation, so_far)
    leaves = 1.0 if so_far.fails + 1 >= LAST_MESSAGE else leaving(so_far)
    solves = success(situation, so_far)
    stays = (1 - now) * (1 - leaves)
    ways = [(now, _with_agent(situation.topic)), ((1 - now) * leaves, _LEFT), (stays * solves, _SOLVED)]
    if leaves < 1:
        slow = slowness(situation)
        for share, is_slow in ((slow, True), (1 - slow, False)):
            after = so_far.after_failure(is_slow)
            ways.append((stays * (1 - solves) * share, _from_next_message(situation, after)))
    return mixed(*zip(*ways, strict=True))


@cache
def _from_next_message(situation: Situation, so_far: SoFar) -> Chances:
    nexts = [pair for pair in zip(kind_weights(situation, so_far), KINDS, strict=True) if pair[0] > 0]
    return mixed([weight for weight, _ in nexts], [endings(situation, so_far.after_message(kind)) for _, kind in nexts])


@cache
def _with_agent(topic: str) -> Chances:
    weights = agent_weights(topic)
    share = {outcome: weight / sum(weights) for outcome, weight in zip(AGENT_OUTCOMES, weights, strict=True)}
    return Chances(1.0, share["abandoned"], share["escalated"], share["resolved"])


def _updated(belief: Belief, likelihoods: Sequence[float]) -> Belief:
    joint = [share * likelihood for share, likelihood in zip(belief, likelihoods, strict=True)]
    return tuple(part / sum(joint) for part in joint)
