"""The model of journeys: what it learns from, that it learns, and that it never looks ahead."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ml.journey_outcome.task import JourneyOutcome
from ml.task import Rows
from services.simulator.world import World
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import TableMissing
from tests.unit.ml.journey_outcome.walked import walked, write

TASK = JourneyOutcome()


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(seed=41, people=2500)


@pytest.fixture(scope="module")
def frames(world):
    return walked(world)


@pytest.fixture(scope="module")
def rows(frames, tmp_path_factory) -> Rows:
    root = tmp_path_factory.mktemp("journeys")
    write(root, frames)
    return TASK.rows(str(root))


@pytest.fixture(scope="module")
def split(rows):
    return TASK.split(rows.frame)


@pytest.fixture(scope="module")
def model(split):
    return TASK.fit(split)


def test_the_versions_of_all_tables_are_told(rows):
    assert rows.versions == dict.fromkeys((table.name for table in TASK.tables), 0)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TableMissing, match=r"gold\.journey_steps"):
        TASK.rows(str(tmp_path))


def test_only_people_whose_every_event_allows_learning_are_learned_from(rows, frames):
    events = frames[tables.SILVER_EVENTS].with_columns(
        person_id=pl.format("person.{}", pl.col("identifiers").list.first().struct.field("token"))
    )
    allows = pl.col("purposes").list.contains("learning").all() & ~pl.col("withdrawn").list.contains("learning").any()
    judged = events.group_by("person_id").agg(allows.alias("allows"))
    silent = set(judged.filter(~pl.col("allows"))["person_id"])
    assert silent & set(frames[tables.GOLD_JOURNEYS]["person_id"])
    assert not silent & set(rows.frame["person_id"])


def test_only_journeys_that_are_over_are_learned_from(rows, frames):
    newest = frames[tables.GOLD_JOURNEY_STEPS]["ended_at"].max()
    ended = dict(frames[tables.GOLD_JOURNEYS].select("journey_id", "ended_at").iter_rows())
    assert max(ended[journey] for journey in rows.frame["journey_id"]) <= newest - timedelta(hours=72)


def test_the_label_is_what_became_of_the_journey(rows, frames):
    outcome = dict(frames[tables.GOLD_JOURNEYS].select("journey_id", "outcome").iter_rows())
    told = rows.frame[["journey_id", "bought"]].itertuples(index=False)
    assert all(bought == (outcome[journey] == "bought") for journey, bought in told)
    assert 0.1 < rows.frame["bought"].mean() < 0.6


def test_slices_share_no_person_and_follow_each_other(split):
    people = [set(part["person_id"]) for part in (split.train, split.calibrate, split.test)]
    assert not people[0] & people[1]
    assert not people[1] & people[2]
    assert not people[0] & people[2]
    assert split.train["as_of"].max() <= split.calibrate["as_of"].min()
    assert split.calibrate["as_of"].max() <= split.test["as_of"].min()


def test_it_beats_its_baselines_and_is_calibrated(split, model):
    said = TASK.predict(model, split.test)
    found = TASK.metrics(split.test, said)
    others = {
        name: TASK.metrics(split.test, TASK.predict(one, split.test)) for name, one in TASK.baselines(split).items()
    }
    print({name: round(one["auc"], 3) for name, one in {"model": found, **others}.items()}, found)
    assert set(others) == {"majority", "rule", "linear"}
    assert found["auc"] > others["rule"]["auc"] + 0.02
    assert found["auc"] >= others["linear"]["auc"] - 0.01
    assert found["log_loss"] < others["rule"]["log_loss"] < others["majority"]["log_loss"]
    assert TASK.miscalibration(split.test, said) <= TASK.calibration_limit


def test_the_same_rows_in_another_order_give_the_same_model(frames, split, model, tmp_path):
    write(tmp_path, {table: frame.sample(fraction=1, shuffle=True, seed=2) for table, frame in frames.items()})
    again = TASK.split(TASK.rows(str(tmp_path)).frame)
    assert np.array_equal(TASK.predict(TASK.fit(again), again.test), TASK.predict(model, split.test))


def test_what_is_said_of_a_moment_does_not_hang_on_what_comes_after(world, rows, model):
    """The world ends in its middle: what was said of the moments before is said again."""
    middle = rows.frame["as_of"].iloc[len(rows.frame) // 2]
    nanos = int(middle.timestamp() * 10**9)
    past = replace(world, sent=tuple(event for event in world.sent if event.occurred_at_unix_nano <= nanos))
    moments = TASK.moments(*walked(past).values()).filter(pl.col("as_of") <= middle).to_pandas()
    key = list(TASK.ids())
    both = rows.frame[rows.frame["as_of"] <= middle].merge(moments, on=key, suffixes=("", "_then"), validate="1:1")
    assert len(both) == (rows.frame["as_of"] <= middle).sum() > 500
    then = both[[f"{name}_then" if name not in key else name for name in TASK.inputs()]]
    assert np.array_equal(
        TASK.predict(model, then.rename(columns=lambda name: name.removesuffix("_then"))), TASK.predict(model, both)
    )


def test_the_example_is_one_row_of_declared_names_and_numbers(rows, model):
    example = TASK.example(rows.frame)
    assert list(example.columns) == list(TASK.inputs())
    assert len(example) == 1
    assert 0 < TASK.predict(model, example)[0] < 1
    assert not set(TASK.ids()) - {"step"} & set(TASK.inputs())
