import pytest

from ml.score import score
from ml.train import train
from spark_jobs.lake.io import Lake
from spark_jobs.lake.tables import GOLD_FEATURES, GOLD_PREDICTIONS
from tests.unit.ml.moments import moments, write_features

pytestmark = pytest.mark.spark


def test_every_moment_gets_a_probability_of_the_champion_and_scoring_again_changes_nothing(spark, tmp_path):
    write_features(tmp_path / "lake", moments(1500, people=900))
    training = train(str(tmp_path / "lake"), tmp_path / "mlflow")
    assert training.promoted, training.sentence
    lake = Lake(spark, str(tmp_path / "lake"))
    assert score(lake, tmp_path / "mlflow").inserted == 1500
    rows = lake.read(GOLD_PREDICTIONS).collect()
    assert {r["model_version"] for r in rows} == {training.version}
    assert all(0 <= r["probability"] <= 1 for r in rows)
    keys = lake.read(GOLD_FEATURES).select(*GOLD_FEATURES.key)
    assert lake.read(GOLD_PREDICTIONS).select(*GOLD_FEATURES.key).exceptAll(keys).isEmpty()
    assert not score(lake, tmp_path / "mlflow").any
