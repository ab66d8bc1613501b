"""Runs the rules as recognizers inside Presidio; the only module that knows Presidio.

Presidio's analyzer skips a recognizer that is not there and its own pattern recognizer swallows
time-outs; here the engine is checked when it is built, and whatever a recognizer raises refuses the text.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from privacy.errors import MangroveError
from privacy.masking.rules import NUMERIC, RULES, Rule, fold

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
    """The rules of one entity as a Presidio recognizer; it can be added to any Presidio registry."""

    def __init__(self, entity: str, rules: Sequence[Rule]) -> None:
        self._rules = rules
        super().__init__(supported_entities=[entity], supported_language=_LANGUAGE, name=f"mangrove_{entity.lower()}")

    def load(self) -> None:
        """Nothing to load: the pattern is compiled."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Return what the rules find in folded text."""
        return [
            RecognizerResult(rule.entity, match.start(rule.group), match.end(rule.group), 1.0 - rule.priority / 100)
            for rule in self._rules
            for match in rule.pattern.finditer(text)
            if rule.accept is None or rule.accept(match.group(rule.group))
        ]


class _RulesKnowTheirContext(ContextAwareEnhancer):  # type: ignore[misc]
    """Leaves scores alone: the rules look at the words around by themselves."""

    def enhance_using_context(self, text: str, raw_results: Any, *_: Any, **__: Any) -> Any:
        return raw_results


def _any_of(literals: Iterable[str]) -> re.Pattern[str]:
    """Compile the quick look: any literal, or what looks like a number.

    Literals are branched by their first character: twenty times as fast as a flat list.
    """
    by_first: dict[str, set[str]] = defaultdict(set)
    for literal in literals:
        by_first[literal[0]].add(re.escape(literal[1:]))
    branches = [f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_first.items()]
    return re.compile("|".join([NUMERIC, *branches]))


class Detector:
    """Finds personal data in texts.

    Args:
        extra: More Presidio recognizers for language "en". With any, every text is scanned in full.

    Raises:
        MaskingFailed: if a recognizer that should be there is not.
    """

    def __init__(self, extra: Sequence[EntityRecognizer] = ()) -> None:
        registry = RecognizerRegistry(recognizers=[], supported_languages=[_LANGUAGE])
        entities = dict.fromkeys(rule.entity for rule in RULES)
        for entity in entities:
            registry.add_recognizer(RuleRecognizer(entity, [rule for rule in RULES if rule.entity == entity]))
        for recognizer in extra:
            registry.add_recognizer(recognizer)
        nlp = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "none"}])
        nlp.load()
        self._engine = AnalyzerEngine(
            registry=registry,
            nlp_engine=nlp,
            supported_languages=[_LANGUAGE],
            context_aware_enhancer=_RulesKnowTheirContext(0, 0, 0, 0),
        )
        if len(registry.get_recognizers(language=_LANGUAGE, all_fields=True)) != len(entities) + len(extra):
            raise MaskingFailed
        self._scan_all = bool(extra)
        self._hints = _any_of([hint for rule in RULES for hint in rule.hints])
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
        return self._scan_all or self._hints.search(folded.lower()) is not None
