"""Mangrove and Presidio, both ways; the only module that knows Presidio.

Our rules plug into any Presidio analyzer as recognizers; a user's own Presidio recognizers plug into our detector;
and Presidio as it comes, or holding our rules, is what we measure ourselves against.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from privacy.masking import names
from privacy.masking.ports import OtherDetector
from privacy.masking.rules import STRUCTURED, Rule

logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)


class RulesRecognizer(EntityRecognizer):  # type: ignore[misc]
    """The rules of one entity as a Presidio recognizer.

    It looks at the text as it is written; disguises are read by `privacy.masking.Detector`.

    Args:
        entity: The entity.
        rules: Its rules.
        language: The language to register for; the rules know Chinese and English by themselves.
    """

    def __init__(self, entity: str, rules: Sequence[Rule], language: str = "en") -> None:
        self._rules = rules
        super().__init__(supported_entities=[entity], supported_language=language, name=f"mangrove_{entity.lower()}")

    def load(self) -> None:
        """Nothing to load: the patterns are compiled."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Return what the rules find."""
        return [
            RecognizerResult(rule.entity, start, end, 1.0 - rule.strength / 100)
            for rule in self._rules
            for start, end in rule.find(text, 0, len(text))
        ]


def recognizers(language: str = "en") -> list[EntityRecognizer]:
    """Return all our rules as Presidio recognizers, one an entity, to be added to any registry."""
    rules = (*STRUCTURED, *names.RULES)
    return [
        RulesRecognizer(entity, [rule for rule in rules if rule.entity == entity], language)
        for entity in dict.fromkeys(rule.entity for rule in rules)
    ]


class _Adopted:
    """A Presidio recognizer as a detector beside the rules."""

    def __init__(self, recognizer: EntityRecognizer) -> None:
        self.name = str(recognizer.name)
        self._recognizer = recognizer

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Return what the recognizer finds; it gets no NLP artefacts."""
        results = self._recognizer.analyze(text, self._recognizer.supported_entities, None)
        return [(r.start, r.end, r.entity_type) for r in results]


def adopted(recognizer: EntityRecognizer) -> OtherDetector:
    """Return a user's own recognizer as a detector for `privacy.masking.Detector(others=…)`."""
    return _Adopted(recognizer)


class _Analyzer:
    """A Presidio analyzer as a detector, for comparison."""

    def __init__(self, name: str, registry: RecognizerRegistry) -> None:
        self.name = name
        nlp = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
        nlp.load()
        self._engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Return what the analyzer finds, its own conflicts resolved."""
        return [(r.start, r.end, r.entity_type) for r in self._engine.analyze(text=text, language="en")]


def stock_analyzer() -> OtherDetector:
    """Return Presidio as it comes: its predefined English recognizers, without a language model."""
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    # It needs a language model, and there is none without a download.
    registry.remove_recognizer("SpacyRecognizer")
    return _Analyzer("presidio", registry)


def analyzer_with_rules() -> OtherDetector:
    """Return a Presidio analyzer that holds our rules as `recognizers` gives them, and nothing else."""
    return _Analyzer(
        "presidio with our rules", RecognizerRegistry(recognizers=recognizers(), supported_languages=["en"])
    )


def analyzer_with_patterns() -> OtherDetector:
    """Return a Presidio analyzer that holds our patterns in its own pattern recognizers, one an entity.

    It looks for the same as our rules do, without what they check: for measuring speed, not for use.
    """
    patterns: dict[str, list[Pattern]] = {}
    for rule in (*STRUCTURED, *names.RULES):
        either_case = "(?i)" if rule.trigger.flags & re.IGNORECASE else ""
        known = patterns.setdefault(rule.entity, [])
        pattern = either_case + rule.trigger.pattern
        if all(pattern != other.regex for other in known):
            known.append(Pattern(f"{rule.entity}_{len(known)}", pattern, 0.5))
    holding = [
        PatternRecognizer(supported_entity=entity, patterns=some, name=entity, global_regex_flags=0)
        for entity, some in patterns.items()
    ]
    registry = RecognizerRegistry(recognizers=holding, supported_languages=["en"])
    return _Analyzer("presidio with our patterns", registry)
