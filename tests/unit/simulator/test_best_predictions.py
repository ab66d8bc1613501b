"""The best possible predictions: laws that they obey, and conversations that come out as often as they say."""

import hashlib
import random
from collections import defaultdict
from dataclasses import astuple, replace
from math import log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.best import TARGETS, best_of_talks, endings, follow
from services.simulator.handover import BOT_SKILL, Situation, SoFar, handed_over_later, play
from services.simulator.people import IMPATIENCE_SHARES
from services.simulator.talks import AGENT_OUTCOMES, LEAVES_WITHOUT_END, TalkTruth, agent_weights
from services.simulator.truth import truth
from services.simulator.world import World

PLAYS = 4000
EVENTS_OF_WORLD_7 = "99faf004bc3630b469f35b79465eaa7fcfe60a5302e9cdb2e7e61599dcea4772"
situations = st.builds(
    Situation,
    topic=st.sampled_from(sorted(BOT_SKILL)),
    language=st.sampled_from(("zh", "en")),
    channel=st.sampled_from(("chat", "voice", "email", "social")),
    impatience=st.integers(0, 2),
    prior=st.integers(0, 2),
)
seeds = st.integers(0, 2**32)


def a_talk(situation: Situation, rng: random.Random, number: int = 0) -> TalkTruth:
    """One conversation by the law, of a customer of the situation's impatience."""
    turns = play(situation, rng)
    match turns[-1].then:
        case "handed_over":
            outcome = rng.choices(AGENT_OUTCOMES, agent_weights(situation.topic))[0]
        case "solved":
            outcome = "resolved"
        case _:
            outcome = "open" if rng.random() < LEAVES_WITHOUT_END else "abandoned"
    return TalkTruth(
        conversation_id=f"talk-{number}",
        person="person-1",
        channel=situation.channel,
        language=situation.language,
        topic=situation.topic,
        outcome=outcome,
        handed_over=turns[-1].then == "handed_over",
        turns=tuple((f"event-{i}", turn.hazard, turn.later) for i, turn in enumerate(turns)),
        to_agent=(),
        prior=situation.prior,
        played=tuple(turns),
    )


def came_true(talk: TalkTruth) -> tuple[bool, ...]:
    return (talk.handed_over, *(talk.outcome == end for end in ("abandoned", "escalated", "resolved")))


@given(situation=situations, seed=seeds)
@settings(max_examples=150, deadline=None)
def test_chances_are_chances_and_ends_exclude_each_other(situation, seed):
    talk = a_talk(situation, random.Random(seed))
    chances, belief = follow(talk, IMPATIENCE_SHARES)
    assert len(chances) == len(talk.played)
    assert sum(belief) == pytest.approx(1)
    assert min(belief) > 0
    for one in chances:
        assert all(0 <= chance <= 1 for chance in astuple(one))
        assert one.abandonment + one.escalation + one.resolution <= 1 + 1e-12
        assert one.escalation <= one.handover


@given(situation=situations, seed=seeds)
@settings(max_examples=150, deadline=None)
def test_who_knows_the_impatience_predicts_what_the_law_does(situation, seed):
    talk = a_talk(situation, random.Random(seed))
    certain = tuple(float(i == situation.impatience) for i in range(3))
    chances, belief = follow(talk, certain)
    assert [one.handover for one in chances] == pytest.approx([turn.later for turn in talk.played])
    assert belief == certain


@given(situation=situations, seed=seeds)
@settings(max_examples=100, deadline=None)
def test_prediction_is_the_same_whatever_the_hidden_impatience_was(situation, seed):
    talk = a_talk(situation, random.Random(seed))
    turns = tuple(replace(turn, hazard=0.0, later=0.0) for turn in talk.played)
    assert follow(talk, IMPATIENCE_SHARES) == follow(replace(talk, played=turns), IMPATIENCE_SHARES)


@given(situation=situations, seed=seeds)
@settings(max_examples=100, deadline=None)
def test_prediction_at_a_message_is_not_changed_by_what_comes_after(situation, seed):
    talk = a_talk(situation, random.Random(seed))
    whole, _ = follow(talk, IMPATIENCE_SHARES)
    for seen in range(1, len(talk.played)):
        cut = (*talk.played[: seen - 1], replace(talk.played[seen - 1], then="left", slow=False))
        assert follow(replace(talk, played=cut), IMPATIENCE_SHARES)[0] == whole[:seen]


@given(situation=situations)
@settings(max_examples=60, deadline=None)
def test_hand_over_by_the_ends_equals_the_law_of_hand_overs(situation):
    for so_far in (SoFar(), SoFar(asks=1), SoFar(fails=2, slow=1, angry=1), SoFar(fails=4, repeats=2)):
        assert endings(situation, so_far).handover == pytest.approx(handed_over_later(situation, so_far))


@given(situation=situations, seed=st.integers(0, 5))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_conversations_end_as_often_as_predicted(situation, seed):
    """Against conversations drawn by the law, at first and at later messages, within 4.5 standard errors.

    At one message of each conversation, and at those of one kind, what came true less what was predicted has mean 0.
    """
    rng = random.Random(seed)
    errors, spreads = defaultdict(float), defaultdict(float)
    for _ in range(PLAYS):
        impatience = rng.choices((0, 1, 2), IMPATIENCE_SHARES)[0]
        talk = a_talk(replace(situation, impatience=impatience), rng)
        for place, said in enumerate(follow(talk, IMPATIENCE_SHARES)[0]):
            for target, chance, true in zip(TARGETS, astuple(said), came_true(talk), strict=True):
                for group in ((target, place), (target, place, talk.played[place].kind)):
                    errors[group] += true - chance
                    spreads[group] += chance * (1 - chance)
    tested = [group for group, spread in spreads.items() if spread > 10]
    assert len(tested) > 8
    for group in tested:
        assert abs(errors[group]) < 4.5 * sqrt(spreads[group]), group


def test_one_person_s_conversations_tell_of_their_impatience():
    """Belief comes to the truth as conversations add up."""
    rng = random.Random(8)
    for impatience in (0, 2):
        belief = IMPATIENCE_SHARES
        for number in range(400):
            _, belief = follow(a_talk(Situation("refund", "zh", "chat", impatience, 2), rng, number), belief)
        assert belief[impatience] > 0.95


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(seed=23, people=2500)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("sight", ["known", "alone"])
def test_in_a_world_the_predictions_come_true(world, sight, place):
    """Over all first, or all second messages of a world's conversations, within 4 standard errors."""
    best = best_of_talks(world.talks)
    talks = [talk for talk in world.talks if len(talk.turns) > place]
    said = [astuple(getattr(best[talk.conversation_id][place], sight)) for talk in talks]
    true = [came_true(talk) for talk in talks]
    for target, chances, labels in zip(TARGETS, zip(*said, strict=True), zip(*true, strict=True), strict=True):
        assert abs(sum(labels) - sum(chances)) < 4 * sqrt(sum(p * (1 - p) for p in chances)), target


def test_what_is_known_of_the_person_makes_predictions_no_worse(world):
    """Log loss over returning people's conversations: who saw more says better, and the law itself best."""
    best = best_of_talks(world.talks)
    losses: dict[str, float] = defaultdict(float)
    for talk in world.talks:
        for turn, one in zip(talk.played, best[talk.conversation_id], strict=False):
            for who, chance in (("law", turn.later), ("known", one.known.handover), ("alone", one.alone.handover)):
                losses[who] -= log(chance if talk.handed_over else 1 - chance)
    assert losses["law"] < losses["known"] <= losses["alone"] * 1.001


def test_with_an_agent_conversations_end_as_often_as_predicted(world):
    best = best_of_talks(world.talks)
    talks = [talk for talk in world.talks if talk.to_agent]
    said = [best[talk.conversation_id][-1].known for talk in talks]
    assert {one.handover for one in said} == {0}
    for name, end in (("abandonment", "abandoned"), ("escalation", "escalated"), ("resolution", "resolved")):
        chances = [getattr(one, name) for one in said]
        error = sum(talk.outcome == end for talk in talks) - sum(chances)
        assert abs(error) < 4 * sqrt(sum(p * (1 - p) for p in chances)), name


def test_after_thanks_all_is_decided(world):
    best = best_of_talks(world.talks)
    thanked = [talk for talk in world.talks if len(talk.turns) > len(talk.played)]
    assert thanked
    for talk in thanked:
        decided = best[talk.conversation_id][len(talk.played)]
        assert astuple(decided.known) == astuple(decided.alone) == (0, 0, 0, 1)


def test_the_truth_tells_the_best_predictions_of_each_turn_beside_the_law(world):
    best = best_of_talks(world.talks)
    for conversation_id, told in truth(world)["conversations"].items():
        turns = told["turns"] + told["turns_with_agent"]
        assert [turn["customer_turn"] for turn in turns] == list(range(1, len(turns) + 1))
        assert all({"hazard", "later", "event_id"} < set(turn) for turn in told["turns"])
        for turn, one in zip(turns, best[conversation_id], strict=True):
            assert set(turn["best"]) == set(turn["best_alone"]) == set(TARGETS)
            assert tuple(turn["best"].values()) == pytest.approx(astuple(one.known), abs=1e-6)
            assert tuple(turn["best_alone"].values()) == pytest.approx(astuple(one.alone), abs=1e-6)


def test_the_events_of_a_world_stay_what_they_were():
    """Draws in another order would change all that follows: the first 200 people's events, field by field."""
    sha = hashlib.sha256()
    for event in World.generate(7, 200).sent:
        names = ",".join(f"{one.type}:{one.value}" for one in event.identifiers)
        body = event.WhichOneof("body") or ""
        sha.update(f"{event.event_id}|{event.occurred_at_unix_nano}|{names}|{body}".encode())
        sha.update(getattr(getattr(event, body), "text", "").encode() if body else b"")
    assert sha.hexdigest() == EVENTS_OF_WORLD_7
