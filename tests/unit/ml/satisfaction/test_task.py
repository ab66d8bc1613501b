import numpy as np
import pandas as pd
import pytest

from ml.registry import Registry
from ml.satisfaction.levels import NAMES, level_of
from ml.satisfaction.moments import DIALOGUE, LEVEL, SAID, TURN
from ml.satisfaction.task import Satisfaction
from ml.split import NotEnoughToLearn
from ml.train import train
from spark_jobs.lake.snapshot import TableMissing
from spark_jobs.lake.tables import GOLD_SATISFACTION
from tests.unit.ml.satisfaction.made_up import dialogues
from tests.unit.ml.satisfaction.small_lake import CLOSED, ONLY_CSAT, REFUSING, write_lake

TASK = Satisfaction()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("judged")
    write_lake(root / "lake")
    return root


@pytest.fixture(scope="module")
def frame(lake):
    return TASK.rows(str(lake / "lake")).frame


@pytest.fixture(scope="module")
def training(lake):
    return train(TASK, str(lake / "lake"), lake / "mlflow")


def test_each_judged_message_has_its_text_and_its_level(frame):
    told = {(row[DIALOGUE], row[TURN]): (row[SAID], row[LEVEL]) for _, row in frame.iterrows()}
    expected = {
        (one.dialogue_id, place): (turn.user, turn.satisfaction)
        for one in dialogues(60, seed=3)
        for place, turn in enumerate(one.turns, start=1)
        if turn.satisfaction is not None and one.dialogue_id not in {CLOSED, REFUSING, ONLY_CSAT}
    }
    last = dialogues(60, seed=3)[int(ONLY_CSAT[2:])].turns[-1]
    assert told == expected | {(ONLY_CSAT, 6): (last.user, 0)}


def test_whose_consent_does_not_cover_learning_is_neither_learned_from_nor_scored(lake, frame):
    assert not {CLOSED, REFUSING} & set(frame[DIALOGUE])
    fitted = TASK.fit(TASK.split(frame))
    scored = TASK.scored(str(lake / "lake"), fitted, 1)
    assert not {CLOSED, REFUSING} & set(scored["conversation_id"].to_pylist())


def test_a_training_tells_model_and_baselines_and_is_not_done_twice(lake, training):
    assert training.is_new
    run = Registry(lake / "mlflow", TASK.name).run_of(training.version)
    assert run.data.tags["promoted"] == str(training.promoted).lower()
    assert set(training.rivals) == {"majority", "rule", "linear"}
    assert training.metrics["accuracy"] > training.rivals["majority"]["accuracy"] + 0.1
    assert not train(TASK, str(lake / "lake"), lake / "mlflow").is_new


def test_every_message_is_scored_with_its_level_and_slope(lake, frame):
    model = TASK.fit(TASK.split(frame))
    scored = TASK.scored(str(lake / "lake"), model, 4)
    assert scored.schema.equals(GOLD_SATISFACTION.schema)
    told = scored.to_pandas()
    assert len(told) == 58 * 6
    assert set(told["model_version"]) == {4}
    assert [level_of(score) for score in told["score"]] == told["level"].tolist()
    assert set(told["level"]) <= set(NAMES)
    of_one = told[told["conversation_id"] == "d-001"]
    assert of_one["turn"].tolist() == [1, 2, 3, 4, 5, 6]
    assert of_one["slope"].iloc[0] == 0
    assert of_one["slope"].iloc[1] == pytest.approx(of_one["score"].diff().iloc[1])
    assert of_one["slope"].iloc[5] == pytest.approx((of_one["score"].iloc[5] - of_one["score"].iloc[3]) / 2)


def test_the_example_is_nobody_and_says_nothing(frame):
    example = TASK.example(frame)
    assert not example.select_dtypes("object").to_numpy().any()
    model = TASK.fit(TASK.split(frame))
    assert TASK.predict(model, example).sum() == pytest.approx(1)


def test_slices_share_no_person(frame):
    split = TASK.split(frame)
    people = [set(part["person_id"]) for part in (split.train, split.calibrate, split.test)]
    assert not people[0] & people[1]
    assert not people[1] & people[2]
    assert not people[0] & people[2]


def test_too_little_or_one_level_only_is_refused(frame):
    for little in (frame.head(20), pd.DataFrame(frame.assign(**{LEVEL: np.float64(1)}))):
        with pytest.raises(NotEnoughToLearn):
            TASK.split(little)


def test_a_lake_without_the_tables_is_refused(tmp_path):
    with pytest.raises(TableMissing):
        TASK.rows(str(tmp_path))
