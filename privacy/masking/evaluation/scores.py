"""Scores of one engine on labelled texts: exact spans by kind, and the personal characters left readable."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from privacy.masking.evaluation.entities import KEPT_BY_DEFAULT
from privacy.masking.evaluation.labelled import LabelledSpan, LabelledText

Found = Sequence[Sequence[LabelledSpan]]
"""What an engine sees, text by text; its spans may overlap."""


@dataclass(frozen=True, slots=True)
class EntityScore:
    """How well one kind of personal data is found; a find counts if its span and kind are exactly the labelled ones."""

    entity: str
    support: int
    predicted: int
    correct: int

    @property
    def precision(self) -> float:
        """Share of what was found that is labelled so; 0 if nothing was found."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of what is labelled that was found."""
        return self.correct / self.support if self.support else 0.0

    @property
    def f2(self) -> float:
        """The F measure that weighs recall twice as much as precision (van Rijsbergen, 1979, beta 2)."""
        weighed = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighed if weighed else 0.0


@dataclass(frozen=True, slots=True)
class Leak:
    """Labelled characters, and those of them that no find covers, in all and by kind."""

    characters: int
    readable: int
    by_entity: dict[str, float]

    @property
    def share(self) -> float:
        """Share of the labelled characters that stay readable."""
        return self.readable / self.characters if self.characters else 0.0


def labelled_entities(texts: Sequence[LabelledText]) -> list[str]:
    """Return the kinds that are labelled anywhere, the most frequent first."""
    return [entity for entity, _ in Counter(span.entity for text in texts for span in text.spans).most_common()]


def score_entities(texts: Sequence[LabelledText], found: Found) -> list[EntityScore]:
    """Score what was found, one score for each kind that is labelled anywhere; finds of other kinds are ignored."""
    support: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    for labelled, spans in zip(texts, found, strict=True):
        wanted, seen = set(labelled.spans), set(spans)
        support.update(span.entity for span in wanted)
        predicted.update(span.entity for span in seen)
        correct.update(span.entity for span in wanted & seen)
    return [EntityScore(e, support[e], predicted[e], correct[e]) for e in labelled_entities(texts)]


def score_leak(texts: Sequence[LabelledText], found: Found, kept: Collection[str] = KEPT_BY_DEFAULT) -> Leak:
    """Count the labelled characters that no find covers, whatever kind the find names.

    A find of a kind in `kept` hides only what is labelled as that kind: the policy that applies by default
    would leave anything else under it readable.
    """
    characters: Counter[str] = Counter()
    readable: Counter[str] = Counter()
    for labelled, spans in zip(texts, found, strict=True):
        for wanted in labelled.spans:
            hidden = {
                position
                for span in spans
                if span.entity not in kept or span.entity == wanted.entity
                for position in range(max(span.start, wanted.start), min(span.end, wanted.end))
            }
            characters[wanted.entity] += wanted.end - wanted.start
            readable[wanted.entity] += wanted.end - wanted.start - len(hidden)
    by_entity = {entity: readable[entity] / count for entity, count in characters.most_common()}
    return Leak(characters.total(), readable.total(), by_entity)
