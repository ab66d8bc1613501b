"""What is promised of values that are written to evade a filter: the exact span and the kind are found all the same."""

import json
from pathlib import Path

import pytest

from privacy.masking.detector import Detector
from privacy.masking.evaluation.entities import canonical_entity
from tests.unit.masking.evasion_cases import CASES, EvasionCase

DETECTOR = Detector()
GIVEN = Path(__file__).parents[4] / "shared" / "data" / "pii_evasion_cases.json"
KNOWN_MISSES: dict[str, str] = {}
"""Names of cases that are missed, and why; a case that is found again fails here."""


def _given() -> list[EvasionCase]:
    if not GIVEN.exists():
        return []
    return [
        EvasionCase(f"given-{number}", item["text"], item["start"], item["end"], canonical_entity(item["entity"]))
        for number, item in enumerate(json.loads(GIVEN.read_text("utf-8")))
    ]


def _parameter(case: EvasionCase) -> object:
    known = KNOWN_MISSES.get(case.name)
    marks = () if known is None else (pytest.mark.xfail(reason=known, strict=True),)
    return pytest.param(case, id=case.name, marks=marks)


def _found(text: str) -> list[tuple[int, int, str]]:
    return [(found.start, found.end, found.entity) for found in DETECTOR.detect([text])[0]]


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_a_disguised_value_is_found_with_its_exact_span_and_kind(case: EvasionCase) -> None:
    assert _found(case.text) == [(case.start, case.end, case.entity)]


@pytest.mark.skipif(not GIVEN.exists(), reason="the shared evasion cases are not here")
@pytest.mark.parametrize("case", [_parameter(case) for case in _given()])
def test_a_given_case_is_found_with_its_exact_span_and_kind(case: EvasionCase) -> None:
    assert (case.start, case.end, case.entity) in _found(case.text)


def test_there_are_enough_cases_and_few_are_missed() -> None:
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(KNOWN_MISSES) <= 0.05 * len(CASES)
    assert set(KNOWN_MISSES) <= {case.name for case in (*CASES, *_given())}
