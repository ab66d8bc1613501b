"""What detectors that are not ours may do: add, never weaken; whatever goes wrong in them refuses the text."""

import threading

import pytest
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from privacy.masking import Masker, MaskingFailed
from privacy.masking.detector import Detector
from privacy.masking.ports import OtherDetector
from privacy.masking.presidio import adopted, recognizers, stock_analyzer


class Membership(PatternRecognizer):  # type: ignore[misc]
    def __init__(self) -> None:
        patterns = [Pattern("membership", r"\bMB-[0-9]{6}\b", 0.9)]
        super().__init__(supported_entity="MEMBERSHIP", patterns=patterns, name="membership")


class Failing:
    name = "failing"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        raise ValueError(text)


class Endless:
    name = "endless"

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def find(self, text: str) -> list[tuple[int, int, str]]:
        self.may_go_on.wait(30)
        return []


class Wrong:
    name = "wrong"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        return [(0, len(text) + 1, "X")]


def test_a_users_presidio_recognizer_works_beside_the_rules() -> None:
    masker = Masker(Detector(others=[adopted(Membership())]))
    masked = masker.mask_text("member MB-123456, phone 13800138000")
    assert masked.text == "member <MEMBERSHIP>, phone <PHONE_NUMBER>"


def test_what_a_rule_is_sure_of_keeps_its_name() -> None:
    class All:
        name = "all"

        def find(self, text: str) -> list[tuple[int, int, str]]:
            return [(0, len(text), "ALL")]

    assert Masker(Detector(others=[All()])).mask_text("13800138000").text == "<PHONE_NUMBER>"


@pytest.mark.parametrize("other", [Failing(), Wrong()])
def test_a_detector_that_errs_refuses_the_text_and_shows_nothing_of_it(other: OtherDetector) -> None:
    with pytest.raises(MaskingFailed) as failure:
        Detector(others=[other]).detect(["a secret text"])
    assert (failure.value.detector, failure.value.cause) == (other.name, "error")
    assert "secret" not in str(failure.value)
    assert failure.value.__suppress_context__ or failure.value.__context__ is None


def test_a_detector_that_takes_too_long_refuses_this_text_and_those_after_it_at_once() -> None:
    endless = Endless()
    detector = Detector(others=[endless], timeout_s=0.05)
    try:
        for _ in range(6):
            with pytest.raises(MaskingFailed) as failure:
                detector.detect(["x"])
            assert (failure.value.detector, failure.value.cause) == ("endless", "timeout")
    finally:
        endless.may_go_on.set()


def test_our_rules_plug_into_any_presidio_analyzer() -> None:
    registry = RecognizerRegistry(recognizers=recognizers(), supported_languages=["en"])
    nlp = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    nlp.load()
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])
    found = {(r.entity_type, r.start, r.end) for r in engine.analyze("我叫张伟，电话13800138000", language="en")}
    assert found >= {("PERSON", 2, 4), ("PHONE_NUMBER", 7, 18)}


def test_stock_presidio_is_there_to_be_measured_against() -> None:
    assert (8, 24, "EMAIL_ADDRESS") in stock_analyzer().find("mail to anna@example.com now")
