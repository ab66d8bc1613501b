from ml.features import INPUTS, feature_hash, model_frame
from spark_jobs.lake.tables import GOLD_FEATURES
from tests.unit.ml.moments import moments


def test_the_model_sees_no_id_no_label_no_time_and_no_text():
    hidden = {"conversation_id", "person_id", "as_of", "may_learn", "handed_over_later"}
    assert set(INPUTS) == set(GOLD_FEATURES.schema.names) - hidden
    assert all(
        column.type in ("string", "int64", "double") for column in GOLD_FEATURES.columns if column.name in INPUTS
    )


def test_the_frame_has_no_missing_category():
    frame = model_frame(moments(50))
    assert list(frame.columns) == list(INPUTS)
    assert set(frame["language"]) == {"zh", "en", "unknown"}


def test_the_fingerprint_follows_how_the_model_is_made():
    assert feature_hash("a") == feature_hash("a") != feature_hash("b")
