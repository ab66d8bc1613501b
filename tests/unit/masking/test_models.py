import importlib.util
from pathlib import Path
from typing import Any

import pytest
import spacy

from privacy.masking.failures import MaskingFailed
from privacy.masking.models import ModelMissing, TransformersNames, is_person, load_name_model


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    """A small Chinese pipeline that knows two persons and a place, saved to disk."""
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": "王小明"},
            {"label": "人名", "pattern": "阿依古丽"},
            {"label": "GPE", "pattern": "杭州"},
        ]
    )
    nlp.to_disk(tmp_path / "names")
    return str(tmp_path / "names")


def test_a_spacy_pipeline_gives_its_persons_and_nothing_else(pipeline: str) -> None:
    model = load_name_model(f"spacy:{pipeline}")

    assert model.find("王小明和阿依古丽在杭州") == [(0, 3, "PERSON"), (4, 8, "PERSON")]
    assert model.find("") == []


@pytest.mark.parametrize(
    "spec",
    [
        "spacy:no_such_pipeline",
        "spacy:/no/such/folder",
        "transformers:/no/such/folder",
        "transformers:some/model-on-a-hub",
        "stanza:zh",
        "spacy:",
        "",
    ],
)
def test_a_model_that_is_not_here_stops_with_a_way_out(spec: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        load_name_model(spec)

    assert isinstance(caught.value, MaskingFailed)
    assert caught.value.reason == "MODEL_MISSING"
    assert caught.value.cause == "missing"
    assert any(way in caught.value.sentence for way in ("Install", "Give", "give", "Write"))


def test_a_folder_without_a_model_stops_too(tmp_path: Path) -> None:
    for kind in ("spacy", "transformers"):
        with pytest.raises(ModelMissing):
            load_name_model(f"{kind}:{tmp_path}")


@pytest.mark.parametrize("label", ["PERSON", "PER", "B-PER", "I-PER", "S_PER", "per", "人名", "B-人名", "NAME"])
def test_the_labels_of_persons_are_known(label: str) -> None:
    assert is_person(label)


@pytest.mark.parametrize("label", ["ORG", "LOC", "B-LOC", "PERCENT", "O", "", "PRODUCT", "地名"])
def test_other_labels_are_no_persons(label: str) -> None:
    assert not is_person(label)


def _marks_every_x(text: str) -> list[dict[str, Any]]:
    return [{"entity_group": "PER", "start": at, "end": at + 1} for at, c in enumerate(text) if c == "x"]


@pytest.mark.parametrize("at", [0, 359, 360, 361, 399, 400, 401, 719, 720, 1499])
def test_a_classifier_sees_a_long_text_whole(at: int) -> None:
    text = "." * at + "x" + "." * (1499 - at)

    assert TransformersNames(_marks_every_x).find(text) == [(at, at + 1, "PERSON")]


def test_a_name_across_two_windows_is_one() -> None:
    def whole(text: str) -> list[dict[str, Any]]:
        at = text.find("x")
        return [] if at < 0 else [{"entity_group": "B-PER", "start": at, "end": text.rfind("x") + 1}]

    assert TransformersNames(whole).find("." * 395 + "x" * 10 + "." * 95) == [(395, 405, "PERSON")]


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
def test_a_folder_that_holds_no_weights_is_refused_by_transformers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', "utf-8")

    with pytest.raises(ModelMissing):
        load_name_model(f"transformers:{tmp_path}")
