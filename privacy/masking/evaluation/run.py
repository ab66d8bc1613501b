"""Runs engines over labelled texts and turns what they find into lines of figures; no text is in them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.masking.detector import Detector
from privacy.masking.evaluation.entities import KEPT_BY_DEFAULT, canonical_entity
from privacy.masking.evaluation.generated import GOAL_PRECISION, GOAL_RECALL, GOALS
from privacy.masking.evaluation.labelled import LabelledSpan, LabelledText
from privacy.masking.evaluation.scores import EntityScore, Found, Leak, score_entities, score_leak
from privacy.masking.ports import OtherDetector
from privacy.masking.presidio import stock_analyzer

MANGROVE, STOCK_PRESIDIO = "mangrove", "stock presidio"
STOCK_NOTE = (
    "all predefined English recognizers; names need a language model, which stock Presidio downloads: none here"
)

Finder = Callable[[Sequence[str]], Found]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one engine scored on one set, and the seconds it took for all texts."""

    set_name: str
    engine: str
    texts: int
    seconds: float
    entities: tuple[EntityScore, ...]
    leak: Leak

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one line for each kind that is labelled, and one of the characters left readable."""
        about = {"set": self.set_name, "engine": self.engine}
        for score in self.entities:
            yield {
                **about,
                "entity": score.entity,
                "support": score.support,
                "predicted": score.predicted,
                "precision": round(score.precision, 4),
                "recall": round(score.recall, 4),
                "f2": round(score.f2, 4),
            }
        yield {
            **about,
            "leak": round(self.leak.share, 4),
            "leak_by_entity": {entity: round(share, 4) for entity, share in self.leak.by_entity.items()},
            "characters": self.leak.characters,
            "texts": self.texts,
            "seconds": round(self.seconds, 3),
            **({"note": STOCK_NOTE} if self.engine == STOCK_PRESIDIO else {}),
        }

    def goals(self) -> dict[str, Any]:
        """Return one line that says which goals of the generated set are reached."""
        judged = {
            score.entity: {
                "recall": round(score.recall, 4),
                "precision": round(score.precision, 4),
                "reached": score.recall >= GOAL_RECALL and score.precision >= GOAL_PRECISION,
            }
            for score in self.entities
            if score.entity in GOALS
        }
        return {
            "set": self.set_name,
            "engine": self.engine,
            "goal": {"recall": GOAL_RECALL, "precision": GOAL_PRECISION},
            "entities": judged,
            "reached": all(entity["reached"] for entity in judged.values()),
        }


def mangrove_finder() -> Finder:
    """Return our detector with all rules; it sees the texts as one batch."""
    detector = Detector()

    def find(texts: Sequence[str]) -> Found:
        return [[LabelledSpan(d.start, d.end, d.entity) for d in found] for found in detector.detect(texts)]

    return find


def stock_finder() -> Finder:
    """Return Presidio as it comes, without a language model; kinds get our names where they are known."""
    stock: OtherDetector = stock_analyzer()

    def find(texts: Sequence[str]) -> Found:
        return [[LabelledSpan(s, e, canonical_entity(entity)) for s, e, entity in stock.find(text)] for text in texts]

    return find


def evaluate(set_name: str, engine: str, find: Finder, texts: Sequence[LabelledText]) -> Evaluation:
    """Let one engine search labelled texts, and score what it finds.

    Raises:
        MaskingFailed: if the engine fails on any text.
    """
    started = time.perf_counter()
    found = find([labelled.text for labelled in texts])
    seconds = time.perf_counter() - started
    kept = KEPT_BY_DEFAULT if engine == MANGROVE else frozenset[str]()
    entities = tuple(score_entities(texts, found))
    return Evaluation(set_name, engine, len(texts), seconds, entities, score_leak(texts, found, kept))
