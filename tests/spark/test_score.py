import pytest

from ml.next_action.task import HandOver, Resolution
from ml.registry import NoChampion, Registry
from ml.score import score
from ml.train import train
from spark_jobs.lake.io import Lake
from spark_jobs.lake.tables import GOLD_FEATURES, GOLD_PREDICTIONS
from tests.unit.ml.moments import moments, write_features

pytestmark = pytest.mark.spark


def test_every_moment_gets_what_each_champion_says_and_scoring_again_changes_nothing(spark, tmp_path):
    frame = moments(4000, people=3500)
    frame.loc[frame.index < 100, "with_agent"] = 1
    write_features(tmp_path / "lake", frame)
    lake = Lake(spark, str(tmp_path / "lake"))
    with pytest.raises(NoChampion):
        score(lake, tmp_path / "mlflow")
    for task in (HandOver(), Resolution()):
        training = train(task, str(tmp_path / "lake"), tmp_path / "mlflow")
        Registry(tmp_path / "mlflow", task.name).promote(training.version)
    (changes,) = score(lake, tmp_path / "mlflow")
    assert changes.inserted == 3900 + 4000
    rows = lake.read(GOLD_PREDICTIONS).collect()
    assert {(r["model_name"], r["model_version"]) for r in rows} == {("handover", 1), ("resolution", 1)}
    assert all(0 <= r["probability"] <= 1 for r in rows)
    assert all(0 <= r["soon_s"] <= r["median_s"] <= r["late_s"] for r in rows)
    keys = lake.read(GOLD_FEATURES).select(*GOLD_FEATURES.key)
    assert lake.read(GOLD_PREDICTIONS).select(*GOLD_FEATURES.key).distinct().exceptAll(keys).isEmpty()
    assert not any(one.any for one in score(lake, tmp_path / "mlflow"))
