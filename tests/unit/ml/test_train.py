import json
from pathlib import Path

import mlflow
import pytest

from ml.next_action.task import Abandonment, HandOver
from ml.registry import NoChampion, Registry, VersionUnknown
from ml.satisfaction.dialogues import NothingLabelled
from ml.split import NotEnoughToLearn
from ml.train import Training, train, train_each
from ml.upkeep import NotPromoted, look, promote
from spark_jobs.lake.snapshot import TableMissing
from tests.unit.ml.moments import moments, write_features

TASK = HandOver()


def noise(rows, seed):
    """Labels that features do not explain: nothing can be learned from them."""
    frame = moments(rows, people=5000, seed=seed)
    frame["handed_over_later"] = frame["handed_over_later"].sample(frac=1, random_state=1).to_numpy()
    frame["handed_over_at"] = frame["ended_at"].where(frame["handed_over_later"])
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    write_features(root / "lake", moments(6000, people=5000))
    return root


@pytest.fixture(scope="module")
def training(place):
    return train(TASK, str(place / "lake"), place / "mlflow")


def test_a_good_model_beats_the_baselines_and_becomes_champion(training, place):
    assert training.is_new
    assert training.promoted, training.sentence
    assert training.metrics["log_loss"] < min(r["log_loss"] for r in training.rivals.values())
    assert set(training.rivals) == {"majority", "rule", "linear"}
    assert Registry(place / "mlflow", TASK.name).champion().version == training.version


def test_the_run_tells_inputs_baselines_slices_and_card(training, place):
    registry = Registry(place / "mlflow", TASK.name)
    run = registry.run_of(training.version)
    assert run.data.tags["input.gold.features"] == "0"
    assert len(run.data.tags["feature_hash"]) == 16
    assert {"model_ece", "majority_log_loss", "rule_auc", "linear_auc", "time_band_share"} <= run.data.metrics.keys()
    files = {f.path for f in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    plots = {"calibration.png", "precision_recall.png", "lift.png", "importance.png"}
    assert plots | {"model_card.md", "profile.json", "slices.json"} <= files
    card = registry.text_of(run.info.run_id, "model_card.md")
    assert "no `person_id` in two of them" in card
    assert f"{training.metrics['auc']:.4f}" in card
    slices = json.loads(registry.text_of(run.info.run_id, "slices.json"))
    assert {"channel=chat", "channel=voice", "language=zh", "language=unknown"} <= slices.keys()


def test_the_time_until_it_comes_is_told_with_a_band_that_holds(training, place):
    registry = Registry(place / "mlflow", TASK.name)
    measured = registry.run_of(training.version).data.metrics
    assert 0.7 <= measured["time_band_share"] <= 0.9
    assert measured["time_log_error"] < measured["time_log_error_constant"]
    seconds = registry.champion().model.seconds_to_event(moments(50, seed=3))
    assert (seconds[:, 0] <= seconds[:, 1]).all()
    assert (seconds[:, 1] <= seconds[:, 2]).all()


def test_no_artefact_holds_an_id_of_the_lake(training, place):
    for path in (place / "mlflow").rglob("*"):
        if path.is_file():
            assert b"conversation.1." not in path.read_bytes(), path.name
            assert b"person.0" not in path.read_bytes(), path.name
    example = next(Path(place / "mlflow").rglob("input_example.json"))
    assert len(json.loads(example.read_text())["data"]) == 1


def test_training_again_on_the_same_inputs_makes_nothing(training, place):
    again = train(TASK, str(place / "lake"), place / "mlflow")
    assert (again.is_new, again.version) == (False, training.version)
    assert again.metrics == training.metrics
    assert again.rivals == training.rivals


def test_a_worse_model_is_not_promoted_and_promoting_it_by_hand_is_refused(training, place):
    lake = place / "lake"
    write_features(lake, noise(6000, seed=8))
    later = train(TASK, str(lake), place / "mlflow")
    assert later.is_new
    assert "champion" in later.rivals
    assert not later.promoted
    assert Registry(place / "mlflow", TASK.name).champion_version() == training.version
    write_features(lake, moments(6000, people=5000))
    with pytest.raises(NotPromoted, match="Not promoted: its loss"):
        promote(TASK, later.version, str(place / "lake"), place / "mlflow")
    assert Registry(place / "mlflow", TASK.name).champion_version() == training.version


def test_the_champion_before_comes_back_with_one_step(tmp_path):
    write_features(tmp_path / "lake", moments(4000, people=3500))
    train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow")
    registry = Registry(tmp_path / "mlflow", TASK.name)
    first = registry.champion_version()
    assert first is not None
    write_features(tmp_path / "lake", moments(4000, people=3500, seed=5))
    second = train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow").version
    registry.promote(second)
    assert registry.champion_version() == second
    assert registry.roll_back() == first
    assert registry.champion_version() == first
    with pytest.raises(VersionUnknown, match="none to go back to"):
        registry.roll_back()


def test_a_champion_can_be_measured_on_new_rows_beside_baselines(training, place):
    lake = place / "newer"
    write_features(lake, moments(4000, people=3500, seed=11))
    seen = look(TASK, str(lake), place / "mlflow")
    assert seen.version == training.version
    assert seen.metrics["auc"] > seen.rivals["linear"]["auc"]


def test_what_is_missing_is_told_with_the_way_out(tmp_path):
    with pytest.raises(TableMissing, match="mangrove lake run all"):
        train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow")
    with pytest.raises(NoChampion, match="mangrove ml train handover"):
        Registry(tmp_path / "mlflow", TASK.name).champion()
    with pytest.raises(VersionUnknown, match="no version 7 of handover"):
        promote(TASK, 7, str(tmp_path / "lake"), tmp_path / "mlflow")
    write_features(tmp_path / "lake", moments(20))
    with pytest.raises(NotEnoughToLearn):
        train(TASK, str(tmp_path / "lake"), tmp_path / "mlflow")


def test_tasks_have_experiments_and_champions_of_their_own_and_nothing_lies_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_features(tmp_path / "lake", moments(900, people=600))
    train(TASK, str(tmp_path / "lake"), tmp_path / "registry")
    train(Abandonment(), str(tmp_path / "lake"), tmp_path / "registry")
    assert Registry(tmp_path / "registry", "abandonment").versions() == [1]
    assert {p.name for p in tmp_path.iterdir()} == {"lake", "registry"}


def test_a_task_that_finds_too_little_in_time_stops_no_other(place, tmp_path):
    class Silent(HandOver):
        def fit(self, split):
            raise NothingLabelled("Nobody judged. Collect feedback.")

    told = dict(train_each([Silent(), Abandonment()], str(place / "lake"), tmp_path / "mlflow"))
    assert isinstance(told["handover"], NothingLabelled)
    assert isinstance(told["abandonment"], Training)
    with pytest.raises(NoChampion):
        Registry(tmp_path / "mlflow", "handover").champion()
