"""Predictions of simulated conversations are measured beside the best, on events that are those of the pipeline."""

from datetime import timedelta

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from services.simulator.best import TARGETS
from services.simulator.evaluation import best_and_labels, compare, events_of
from services.simulator.truth import truth
from services.simulator.world import DAYS, World
from spark_jobs.gold.moments import build_moments


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(seed=31, people=700)


@pytest.fixture(scope="module")
def best(world) -> pl.DataFrame:
    return best_and_labels(truth(world))


@pytest.fixture(scope="module")
def events(world) -> pl.DataFrame:
    return events_of(world)


@pytest.mark.parametrize("target", TARGETS)
def test_the_best_prediction_has_no_gap_to_itself(best, target):
    found = compare(best, best.with_columns(probability=f"best_{target}"), target)
    assert found.gap == 0
    assert found.auc == found.best_auc == roc_auc_score(best[f"is_{target}"], best[f"best_{target}"])
    assert found.moments == len(best)
    assert found.share == best[f"is_{target}"].mean()


def test_saying_the_same_of_everybody_is_as_far_off_as_the_best_is_good(best):
    said = best.filter(~pl.col("with_agent")).with_columns(probability=pl.lit(0.9))
    found = compare(best, said, "handover")
    assert found.auc == 0.5
    assert found.gap == pytest.approx(100 * (found.best_auc - 0.5))
    assert found.ece == pytest.approx(0.9 - found.share)


def test_only_moments_that_were_predicted_count_in_any_order(best):
    some = best.with_columns(probability="best_handover").filter(pl.col("turn") == 1)
    found = compare(best, some.sample(fraction=1, shuffle=True, seed=1), "handover")
    assert found == compare(best.reverse(), some, "handover")
    assert found.moments == len(some) < len(best)


def test_moments_are_the_turns_of_the_truth_with_the_same_labels(world, best, events):
    """But for conversations of which some message may not be stored."""
    moments = build_moments(events, seen_until=world.start + timedelta(days=DAYS + 3))
    assert moments["settled"].all()
    silent = set(world.marks.without_consent)
    partly = [talk.conversation_id for talk in world.talks if silent & {turn[0] for turn in talk.turns}]
    labels = {
        "handed_over_later": "is_handover",
        "abandoned_later": "is_abandonment",
        "escalated_later": "is_escalation",
        "resolved_later": "is_resolution",
    }
    found, true = (
        frame.filter(~pl.col("conversation_id").is_in(partly))
        .select("conversation_id", "turn", *names)
        .sort("conversation_id", "turn")
        for frame, names in ((moments, labels), (best, labels.values()))
    )
    assert found.rename(labels).equals(true)
    assert len(found) > 0.95 * len(best)


def test_events_are_each_once_of_known_people_and_none_that_may_not_be_stored(world, events):
    assert events["event_id"].is_unique().all()
    marks = world.marks
    assert set(events["event_id"]) == set(marks.person_of) - set(marks.invalid) - set(marks.without_consent)
    assert dict(events.select("event_id", "person_id").iter_rows()).items() <= marks.person_of.items()
    assert set(events["channel"]) == {"web", "app", "chat", "voice", "email", "social", "store"}


def test_languages_are_those_that_the_truth_speaks(world, events):
    spoken = (
        events.filter(pl.col("party") == "customer").group_by("conversation_id").agg(pl.col("language").mode().first())
    )
    said = dict(spoken.iter_rows())
    agree = [said[talk.conversation_id] == talk.language for talk in world.talks if talk.conversation_id in said]
    assert sum(agree) / len(agree) > 0.99
