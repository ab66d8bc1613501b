import base64
import json
import pickle
import sqlite3
import zipfile

import joblib
import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ml.next_action.task import HandOver
from ml.private.edges import NEXT_ACTION
from ml.private.price import train_privately
from ml.private.scan import scan
from ml.train import train
from tests.unit.ml.moments import moments, write_features

PHONE, NAME, PERSON = "13800138000", "Zhangwei Testperson", "张伟测试"
NEEDLES = (PHONE, NAME, PERSON)
TEXTS = [f"please call {PHONE} today", f"this is {NAME} speaking", f"我叫 {PERSON} 谢谢", "where is my parcel"] * 10
LABELS = [1, 0, 1, 0] * 10


def trained(vectorizer):
    return make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, LABELS)


def test_a_vocabulary_of_the_text_is_found_and_hashed_words_hold_nothing(tmp_path):
    for name, vectorizer in (("words", TfidfVectorizer()), ("hashed", HashingVectorizer(n_features=512))):
        model = trained(vectorizer)
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(model))
        joblib.dump(model, tmp_path / f"{name}.joblib", compress=3)
    found = scan(tmp_path, (PHONE, "testperson", PERSON))
    assert found == {"words.pkl": {PHONE, "testperson", PERSON}, "words.joblib": {PHONE, "testperson", PERSON}}


SPELLED = {
    "utf-16": PERSON.encode("utf-16"),
    "array of characters": pickle.dumps(np.array([NAME, PERSON])),
    "json": json.dumps({"name": PERSON}).encode(),
    "yaml": b'name: "\\u5F20\\u4F1F\\u6D4B\\u8BD5"',
    "base64": base64.b64encode(f"x{PERSON}y".encode()),
    "base64 elsewhere": base64.urlsafe_b64encode(f"xx{PERSON}".encode()),
    "hex": PERSON.encode().hex().encode(),
    "whole number": pickle.dumps(np.array([1, int(PHONE)])),
    "float": pickle.dumps(np.array([0.5, float(PHONE)])),
    "lower case": pickle.dumps({NAME.lower(): 3}),
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_needle_is_found_however_it_is_written(spelled, tmp_path):
    (tmp_path / "model").write_bytes(b"\x00\x01" + SPELLED[spelled] + b"\x02")
    assert scan(tmp_path, NEEDLES)


@pytest.mark.parametrize("compress", [("gzip", 3), ("zlib", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_a_needle_is_found_in_whatever_packs_it(compress, tmp_path):
    joblib.dump({"seen": NAME * 3}, tmp_path / "model", compress=compress)
    assert NAME.encode() not in (tmp_path / "model").read_bytes()
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "model", "inner")
    assert scan(tmp_path, NEEDLES) == {"model": {NAME}, "outer.zip": {NAME}}


def test_a_needle_is_found_in_a_database_and_in_a_name_of_a_file(tmp_path):
    database = sqlite3.connect(tmp_path / "runs.db")
    database.execute("CREATE TABLE tags (value TEXT)")
    database.execute("INSERT INTO tags VALUES (?)", ("long " * 5000 + PERSON,))
    database.commit()
    database.close()
    (tmp_path / f"{PHONE}.txt").write_text("nothing")
    assert scan(tmp_path, NEEDLES) == {"runs.db": {PERSON}, f"{PHONE}.txt": {PHONE}}


UNDECLARED = pytest.mark.xfail(strict=True, reason="the profile of the training slice names undeclared categories")


@pytest.mark.parametrize("column", ["conversation_id", "person_id", pytest.param("topic", marks=UNDECLARED)])
def test_no_file_of_a_registry_holds_what_was_planted_in_the_rows(column, tmp_path):
    rows = moments(3000, people=2500)
    rows.loc[::5, column] = [f"{needle} {n // 300}" for n, needle in enumerate(NEEDLES * 200)]
    write_features(tmp_path / "lake", rows)
    task = HandOver()
    train(task, str(tmp_path / "lake"), tmp_path / "mlflow")
    private = train_privately(task, task.split(task.learnable(rows)), NEXT_ACTION, epsilon=1.0, delta=1e-6)
    (tmp_path / "mlflow" / "private.pkl").write_bytes(pickle.dumps(private))
    assert len([path for path in (tmp_path / "mlflow").rglob("*") if path.is_file()]) > 5
    assert scan(tmp_path / "mlflow", NEEDLES) == {}


def test_needles_that_stand_everywhere_are_refused(tmp_path):
    with pytest.raises(ValueError, match="too short"):
        scan(tmp_path, ["ab"])
