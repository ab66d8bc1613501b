"""The figures that are promised on data written by others; skipped where the data is not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from privacy.masking.detector import Detector
from privacy.masking.evaluation import entities
from privacy.masking.evaluation.labelled import read_labelled
from privacy.masking.evaluation.run import MANGROVE, evaluate, mangrove_finder
from privacy.masking.evaluation.scores import EntityScore

_DATA = Path(__file__).parents[4] / "shared" / "data"
SYNTH, CHATS = _DATA / "pii_synth_v2.json", _DATA / "satisfaction_jddc.jsonl"
_PLACEHOLDER = re.compile(r"\[[^\[\]]{0,30}\]|#E-")
"""What the chats' publishers wrote in the place of personal data, such as [数字x], and emoticons."""


@pytest.fixture(scope="module")
def synth_scores() -> dict[str, EntityScore]:
    if not SYNTH.exists():
        pytest.skip(f"{SYNTH.name} is not here")
    evaluation = evaluate("synth", MANGROVE, mangrove_finder(), read_labelled(SYNTH))
    return {score.entity: score for score in evaluation.entities}


@pytest.mark.parametrize(
    ("entity", "goal"), [(entities.PHONE_NUMBER, 0.75), (entities.CREDIT_CARD, 0.95), (entities.EMAIL_ADDRESS, 1.0)]
)
def test_synthetic_english_texts_are_searched_better_than_promised(
    synth_scores: dict[str, EntityScore], entity: str, goal: float
) -> None:
    assert synth_scores[entity].f2 >= goal


def _chat_turns() -> Iterator[tuple[str, str]]:
    with CHATS.open(encoding="utf-8") as file:
        for line in file:
            yield from ((turn["user"], turn["agent"]) for turn in json.loads(line)["turns"])


@pytest.mark.skipif(not CHATS.exists(), reason=f"{CHATS.name} is not here")
def test_anonymised_chats_raise_few_alarms_outside_their_placeholders() -> None:
    turns = list(_chat_turns())
    texts = [text for turn in turns for text in turn]
    alarms = 0
    for text, found in zip(texts, Detector().detect(texts), strict=True):
        held = [match.span() for match in _PLACEHOLDER.finditer(text)]
        alarms += sum(not any(s < d.end and d.start < e for s, e in held) for d in found)
    assert alarms <= 5 * len(turns) / 1000
