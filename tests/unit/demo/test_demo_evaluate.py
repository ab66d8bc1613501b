"""Pairwise scores agree with counting every pair, and leave out what cannot be compared."""

from itertools import combinations

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.demo.evaluate import pairwise_scores
from spark_jobs.identity.evaluation import PairwiseScores


def token(event_id):
    return f"event.1.{event_id.upper()}"


def table(found):
    return pa.table({"event_id": [token(e) for e in found], "person_id": pa.array(list(found.values()), pa.string())})


def brute_force(found, truth):
    events = [e for e in truth if e in found]
    both = joined = true = 0
    for a, b in combinations(events, 2):
        in_lake = found[a] is not None and found[a] == found[b]
        in_truth = truth[a] == truth[b]
        joined += in_lake
        true += in_truth
        both += in_lake and in_truth
    return PairwiseScores(len(events), both, joined, true)


people = st.dictionaries(
    st.integers(0, 40).map(lambda i: f"e{i}"),
    st.tuples(st.sampled_from(["p", "q", "r", None]), st.sampled_from(["x", "y", "z"])),
    max_size=40,
)


@given(people, st.integers(0, 5))
def test_counts_are_those_of_every_pair(drawn, missing):
    found = {e: pair[0] for e, pair in drawn.items()}
    truth = {e: pair[1] for e, pair in drawn.items()}
    for event_id in list(found)[:missing]:
        del found[event_id]
    assert pairwise_scores(table(found), truth, token) == brute_force(found, truth)


def test_perfect_resolution_scores_one():
    truth = {"a": "x", "b": "x", "c": "y"}
    scores = pairwise_scores(table({"a": "p1", "b": "p1", "c": "p2"}), truth, token)
    assert (scores.precision, scores.recall, scores.f1) == (1, 1, 1)


def test_merging_two_people_costs_precision_only():
    truth = {"a": "x", "b": "x", "c": "y"}
    scores = pairwise_scores(table({"a": "p", "b": "p", "c": "p"}), truth, token)
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == 1


def test_splitting_a_person_costs_recall_only():
    scores = pairwise_scores(table({"a": "p", "b": None}), {"a": "x", "b": "x"}, token)
    assert scores.precision == 1
    assert scores.recall == 0


def test_pandas_and_arrow_give_the_same():
    found, truth = {"a": "p", "b": "p", "c": None}, {"a": "x", "b": "y", "c": "y"}
    frame = pd.DataFrame({"event_id": [token(e) for e in found], "person_id": list(found.values())})
    assert pairwise_scores(frame, truth, token) == pairwise_scores(table(found), truth, token)


def test_counts_stay_exact_where_floats_would_not():
    events = {f"e{i}": "p" for i in range(200_000)}
    assert pairwise_scores(table(events), events, token).both == 200_000 * 199_999 // 2
