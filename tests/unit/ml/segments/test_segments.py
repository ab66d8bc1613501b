"""Segments find the types that were planted, whatever the order of the rows, and have names of their own."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from ml.segments.learners import Mixture
from ml.segments.names import NAMES, describe
from ml.segments.people import INPUTS, build_barred, build_people
from ml.segments.task import Segments
from ml.split import NotEnoughToLearn
from services.simulator.behaviour_types import TYPES, PlantedTypes, TypesImpossible
from spark_jobs.lake.tables import GOLD_BEHAVIOUR

EXPECTED = {
    "quick_buyer": "Quick buyers",
    "comparer": "Comparers who come back",
    "bot_struggler": "Bot strugglers",
    "human_seeker": "Human seekers",
    "silent_browser": "Silent browsers",
}


@pytest.fixture(scope="module")
def planted():
    return PlantedTypes.generate(2000, seed=7)


@pytest.fixture(scope="module")
def people(planted):
    return build_people(pl.from_pandas(planted.rows))


@pytest.fixture(scope="module")
def split(people):
    return Segments().split(people)


@pytest.fixture(scope="module")
def model(split):
    return Segments().fit(split)


def _ari(planted, people, labels):
    return adjusted_rand_score(planted.type_of.loc[people["person_id"]], labels)


def test_planted_types_are_found_on_held_out_people(planted, split, model):
    assert model.segments == len(TYPES)
    found = _ari(planted, split.test, model.predict(split.test)[:, 0])
    assert found >= 0.8
    assert found >= planted.best_ari - 0.06


def test_baselines_find_less(planted, split, model):
    task = Segments()
    said = task.predict(model, split.test)
    for name, rival in task.baselines(split).items():
        theirs = task.predict(rival, split.test)
        assert _ari(planted, split.test, theirs[:, 0]) < _ari(planted, split.test, said[:, 0]) - 0.1, name
        assert task.losses(split.test, theirs).mean() > task.losses(split.test, said).mean(), name


def test_segments_are_named_for_what_they_do(planted, people, model):
    labels = model.predict(people)[:, 0].astype(int)
    for label, segment in describe(people, labels).items():
        kinds = planted.type_of.loc[people["person_id"][labels == label]]
        assert segment.english == EXPECTED[kinds.mode()[0]]
        assert segment.chinese
        assert segment.ratios


@settings(max_examples=10, deadline=None)
@given(st.integers(1, len(NAMES)), st.integers(0, 1000))
def test_no_two_segments_have_the_same_name(segments, seed):
    chance = np.random.default_rng(seed)
    people = pd.DataFrame(chance.poisson(3, (200, len(INPUTS))).astype(float), columns=list(INPUTS))
    described = describe(people, np.arange(200) % segments)
    assert len({one.english for one in described.values()}) == segments
    assert len({one.chinese for one in described.values()}) == segments
    assert sum(one.share for one in described.values()) == pytest.approx(1)


def test_the_order_of_the_rows_does_not_matter(planted, people):
    shuffled = build_people(pl.from_pandas(planted.rows.sample(frac=1, random_state=1)))
    pd.testing.assert_frame_equal(people, shuffled)
    first, second = (Mixture(one.head(600), 3).predict(people) for one in (people, shuffled))
    assert np.array_equal(first, second)


def test_likelihoods_do_not_depend_on_the_scale_of_the_people_learned_from(people):
    wide = people.copy()
    wide["complaints"] = np.arange(len(wide)) % 50
    same = people.assign(complaints=wide["complaints"])
    one = Mixture(wide.head(1000), 2).predict(same)[:, 1].mean()
    other = Mixture(wide.tail(1000), 2).predict(same)[:, 1].mean()
    assert one == pytest.approx(other, abs=1.0)


def test_the_task_meets_the_port(split, model):
    task = Segments()
    said = task.predict(model, split.test)
    assert not set(split.train["person_id"]) & set(split.test["person_id"])
    assert task.miscalibration(split.test, said) <= task.calibration_limit
    assert next(iter(task.metrics(split.test, said))) == task.headline
    assert set(task.plots(model, split.test, said)) == {"segments.png"}
    assert list(task.example(split.train).columns) == list(task.inputs())
    with pytest.raises(NotEnoughToLearn, match="at least 500"):
        task.split(split.calibrate.head(100))


def test_nobody_with_an_event_that_bars_learning_is_learned_from():
    token = [[{"type": "cookie", "token": name}] for name in "abc"]
    events = pl.DataFrame(
        {
            "identifiers": token,
            "purposes": [["service", "learning"], ["service"], ["learning"]],
            "withdrawn": [None, None, ["learning"]],
        },
        schema_overrides={"withdrawn": pl.List(pl.String)},
    )
    people = pl.DataFrame({"seen_as": ["a", "b", "c"], "person_id": ["A", "B", "C"]})
    assert set(build_barred(events, people)["person_id"]) == {"B", "C"}


def test_planted_rows_are_shaped_like_the_table_and_the_same_for_a_seed(planted):
    assert list(planted.rows.columns) == [*GOLD_BEHAVIOUR.schema.names, "started_at"]
    assert planted.rows.equals(PlantedTypes.generate(2000, seed=7).rows)
    assert 0.8 < planted.best_ari < 0.97
    with pytest.raises(TypesImpossible):
        PlantedTypes.generate(10)
