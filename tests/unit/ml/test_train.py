import json
from pathlib import Path

import mlflow
import pytest

from ml.registry import NoChampion, Registry
from ml.split import NotEnoughToLearn
from ml.train import train
from spark_jobs.lake.snapshot import TableMissing
from tests.unit.ml.moments import moments, write_features


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    write_features(root / "lake", moments(3000, people=1500))
    return root


@pytest.fixture(scope="module")
def training(place):
    return train(str(place / "lake"), place / "mlflow")


def test_a_good_model_beats_the_baselines_and_becomes_champion(training, place):
    assert training.is_new
    assert training.promoted, training.sentence
    assert training.metrics.log_loss < min(r.log_loss for r in training.rivals.values())
    assert set(training.rivals) == {"majority", "logistic"}
    assert Registry(place / "mlflow").champion().version == training.version


def test_the_run_tells_inputs_baselines_and_card(training, place):
    registry = Registry(place / "mlflow")
    run = registry.run_of(training.version)
    assert run.data.tags["input.gold.features"] == "0"
    assert {"model_ece", "majority_log_loss", "logistic_auc"} <= run.data.metrics.keys()
    files = {f.path for f in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert {"calibration.png", "precision_recall.png", "model_card.md"} <= files
    card = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/model_card.md")
    assert "no\nperson in two of them" in card
    assert f"{training.metrics.auc:.4f}" in card


def test_no_artefact_holds_an_id_of_the_lake(training, place):
    for path in (place / "mlflow").rglob("*"):
        if path.is_file():
            assert b"conversation.1." not in path.read_bytes(), path.name
            assert b"person.0" not in path.read_bytes(), path.name
    example = next(Path(place / "mlflow").rglob("input_example.json"))
    assert len(json.loads(example.read_text())["data"]) == 1


def test_training_again_on_the_same_inputs_makes_nothing(training, place):
    again = train(str(place / "lake"), place / "mlflow")
    assert (again.is_new, again.version) == (False, training.version)
    assert again.metrics == training.metrics
    assert again.rivals == training.rivals


def test_a_later_model_must_beat_the_champion(training, place):
    # Labels that features do not explain: nothing is learned from them, so the champion stays.
    noise = moments(3000, people=1500, seed=8)
    noise["handed_over_later"] = noise["handed_over_later"].sample(frac=1, random_state=1).to_numpy()
    write_features(place / "lake", noise)
    later = train(str(place / "lake"), place / "mlflow")
    assert later.is_new
    assert "champion" in later.rivals
    assert not later.promoted
    assert Registry(place / "mlflow").champion_version() == training.version


def test_what_is_missing_is_told_with_the_way_out(tmp_path):
    with pytest.raises(TableMissing, match="mangrove lake run all"):
        train(str(tmp_path / "lake"), tmp_path / "mlflow")
    with pytest.raises(NoChampion, match="mangrove ml train"):
        Registry(tmp_path / "mlflow").champion()
    write_features(tmp_path / "lake", moments(20))
    with pytest.raises(NotEnoughToLearn):
        train(str(tmp_path / "lake"), tmp_path / "mlflow")


def test_mlflow_writes_nothing_outside_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_features(tmp_path / "lake", moments(600, people=400))
    train(str(tmp_path / "lake"), tmp_path / "registry")
    assert {p.name for p in tmp_path.iterdir()} == {"lake", "registry"}
