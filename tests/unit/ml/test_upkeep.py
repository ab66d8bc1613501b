import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.drift import Profile, drift, profile_of
from ml.next_action.task import HandOver
from ml.registry import Registry
from ml.task import Split
from ml.train import Training, train
from ml.upkeep import look, retrain, watch
from tests.unit.ml.moments import moments, write_features

TASK = HandOver()


class Flat:
    """A model that says the same of everybody."""

    def predict_proba(self, frame):
        return np.tile([0.7, 0.3], (len(frame), 1))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("upkeep")
    write_features(root / "lake", moments(6000, people=5000))
    assert train(TASK, str(root / "lake"), root / "mlflow").promoted
    return root


def test_rows_of_the_same_law_have_not_drifted_and_are_not_trained_on_again(place):
    write_features(place / "lake", moments(6000, people=5000, seed=2))
    seen = watch(TASK, str(place / "lake"), place / "mlflow")
    assert not seen.drifted
    assert max(seen.indices.values()) < 0.1
    again = retrain(TASK, str(place / "lake"), place / "mlflow")
    assert isinstance(again, str)
    assert "nothing to do, the score" in again


def test_unchanged_inputs_are_a_no_op(place):
    write_features(place / "lake", moments(6000, people=5000))
    train(TASK, str(place / "lake"), place / "mlflow")
    versions = Registry(place / "mlflow", TASK.name).versions()
    again = retrain(TASK, str(place / "lake"), place / "mlflow")
    assert isinstance(again, str)
    assert "have not changed" in again
    assert Registry(place / "mlflow", TASK.name).versions() == versions


def test_a_lake_put_in_the_place_of_another_is_trained_on_though_its_versions_are_the_same(tmp_path):
    for seed in (1, 2):
        shutil.rmtree(tmp_path / "lake", ignore_errors=True)
        write_features(tmp_path / "lake", moments(3000, people=2500, seed=seed))
        assert TASK.versions(str(tmp_path / "lake")) == {"gold.features": 0}
        assert train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow").is_new


def test_another_world_is_seen_told_and_trained_on(place):
    changed = moments(6000, people=5000, seed=3)
    changed["mean_wait_s"] *= 6
    changed["channel"] = changed["channel"].replace("voice", "email")
    write_features(place / "lake", changed)
    seen = watch(TASK, str(place / "lake"), place / "mlflow")
    assert seen.drifted
    assert next(iter(seen.indices)) in ("mean_wait_s", "channel")
    assert {"mean_wait_s", "channel"} <= set(seen.watched)
    assert "questions" not in seen.watched
    done = retrain(TASK, str(place / "lake"), place / "mlflow")
    assert isinstance(done, Training)
    assert done.is_new


def test_many_more_rows_are_trained_on_though_they_have_not_drifted(place, tmp_path):
    write_features(tmp_path / "lake", moments(3000, people=2500))
    train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow")
    Registry(tmp_path / "mlflow", TASK.name).promote(1)
    write_features(tmp_path / "lake", moments(9000, people=7500))
    assert isinstance(retrain(TASK, str(tmp_path / "lake"), tmp_path / "mlflow"), Training)
    assert look(TASK, str(tmp_path / "lake"), tmp_path / "mlflow").sizes["test"] > 500


def test_a_profile_holds_shares_only_and_survives_json():
    rows = TASK.learnable(moments(1000))
    profile = profile_of(TASK, Flat(), Split(rows, rows, rows))
    assert Profile.from_dict(profile.as_dict()) == profile
    assert set(profile.shapes) == {*TASK.inputs(), "score"}
    assert max(drift(profile, TASK, Flat(), rows).values()) == pytest.approx(0)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_shares_and_what_is_missing_add_up_to_one(values):
    rows = TASK.learnable(moments(60, people=50)).head(len(values)).assign(questions=pd.Series(values, dtype="float64"))
    shape = profile_of(TASK, Flat(), Split(rows, rows, rows)).shapes["questions"]
    assert sum(shape.shares) + shape.missing == pytest.approx(1)
    again = shape.of(rows["questions"])
    assert again == shape
