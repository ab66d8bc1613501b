"""Runs the rules as recognizers inside Presidio; the only module that knows Presidio.

Presidio's analyzer skips a recognizer that is not there and its own pattern recognizer swallows
time-outs; here the engine is checked when it is built, and whatever a recognizer raises refuses the text.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from privacy.errors import MangroveError
from privacy.masking.rules import RULES, Rule, fold, looks_numeric

# The engine runs every text under one label: the rules know both languages by themselves.
_LANGUAGE = "en"
logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)


class MaskingFailed(MangroveError):
    """A detector could not do its work; nothing that it should have seen may pass."""

    reason = "MASKING_FAILED"

    def __init__(self) -> None:
        super().__init__(
            "A detector of personal data failed, so nothing was taken. Ask the operator to look at the log."
        )


@dataclass(frozen=True, slots=True)
class Detection:
    """Personal data found at [start, end) in code points; `priority` names overlaps, smaller first."""

    start: int
    end: int
    entity: str
    priority: int


class RuleRecognizer(EntityRecognizer):  # type: ignore[misc]
    """One rule as a Presidio recognizer; it can be added to any Presidio registry."""

    def __init__(self, rule: Rule, name: str) -> None:
        self._rule = rule
        super().__init__(supported_entities=[rule.entity], supported_language=_LANGUAGE, name=name)

    def load(self) -> None:
        """Nothing to load: the pattern is compiled."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Return what the rule finds in folded text."""
        rule = self._rule
        return [
            RecognizerResult(rule.entity, match.start(rule.group), match.end(rule.group), 1.0 - rule.priority / 100)
            for match in rule.pattern.finditer(text)
            if rule.accept is None or rule.accept(match.group(rule.group))
        ]


class Detector:
    """Finds personal data in texts.

    Args:
        extra: More Presidio recognizers for language "en". With any, every text is scanned in full.

    Raises:
        MaskingFailed: if a recognizer that should be there is not.
    """

    def __init__(self, extra: Sequence[EntityRecognizer] = ()) -> None:
        registry = RecognizerRegistry(recognizers=[], supported_languages=[_LANGUAGE])
        for number, rule in enumerate(RULES):
            registry.add_recognizer(RuleRecognizer(rule, f"mangrove_{number}_{rule.entity.lower()}"))
        for recognizer in extra:
            registry.add_recognizer(recognizer)
        nlp = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "none"}])
        nlp.load()
        self._engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[_LANGUAGE])
        if len(registry.get_recognizers(language=_LANGUAGE, all_fields=True)) != len(RULES) + len(extra):
            raise MaskingFailed
        self._scan_all = bool(extra)
        self._hints = re.compile("|".join(dict.fromkeys(re.escape(hint) for rule in RULES for hint in rule.hints)))
        self._priority = {rule.entity: rule.priority for rule in RULES}

    def detect(self, text: str) -> list[Detection]:
        """Return what is found, in no order, overlaps included.

        Raises:
            MaskingFailed: if any recognizer raises.
        """
        folded = fold(text)
        if not self._suspects(folded):
            return []
        try:
            results = self._engine.analyze(text=folded, language=_LANGUAGE)
        except Exception as error:  # noqa: BLE001 - whatever a recognizer raises refuses the text
            logging.getLogger(__name__).error("a recognizer failed: %s", type(error).__name__)
            raise MaskingFailed from None
        return [Detection(r.start, r.end, r.entity_type, self._priority.get(r.entity_type, 9)) for r in results]

    def may_hold(self, text: str) -> bool:
        """Say whether a text needs a closer look; False is certain, and holds for every part of the text too."""
        return self._suspects(fold(text))

    def _suspects(self, folded: str) -> bool:
        return self._scan_all or looks_numeric(folded) or self._hints.search(folded.lower()) is not None
