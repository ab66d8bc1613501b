"""Masks texts: detections become typed placeholders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from privacy.masking.detector import Detection, Detector

# Titles, screen names and "hello" come again and again; the cache lives in memory only.
_CACHED_TEXTS, _CACHED_LENGTH = 16_384, 48


@dataclass(frozen=True, slots=True)
class Span:
    """Where personal data stood: [start, end) in code points of the original text, and its entity."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text whose detected personal data is replaced by placeholders such as <PHONE_NUMBER>.

    `spans` are sorted, disjoint and say where it stood in the original.
    """

    text: str
    spans: tuple[Span, ...]


class Masker:
    """Replaces personal data in texts by typed placeholders.

    Guarantee: what the rules detect is not in the result, and every character outside the spans is
    unchanged. It is detection, not proof: a name without a cue passes.

    >>> Masker.default().mask_text("我叫张伟，电话13800138000").text
    '我叫<PERSON>，电话<PHONE_NUMBER>'
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._cached = lru_cache(_CACHED_TEXTS)(self._mask)

    @staticmethod
    @cache
    def default() -> "Masker":
        """Return the masker with all rules; it is built once a process."""
        return Masker(Detector())

    def mask_text(self, text: str) -> MaskedText:
        """Mask one text.

        Raises:
            MaskingFailed: if a detector fails; nothing may then be stored.
        """
        return self._cached(text) if len(text) <= _CACHED_LENGTH else self._mask(text)

    def _mask(self, text: str) -> MaskedText:
        detections = self._detector.detect(text)
        if not detections:
            return MaskedText(text, ())
        spans = _merge(detections)
        parts: list[str] = []
        position = 0
        for span in spans:
            parts += (text[position : span.start], f"<{span.entity}>")
            position = span.end
        parts.append(text[position:])
        return MaskedText("".join(parts), spans)

    def may_hold(self, text: str) -> bool:
        """Say whether a text may hold personal data; False is certain, and holds for every part of the text too."""
        return self._detector.may_hold(text)

    def mask_texts(self, texts: Sequence[str]) -> list[MaskedText]:
        """Mask many texts, each by itself; the result has their order.

        Raises:
            MaskingFailed: if a detector fails on any of them.
        """
        return [self.mask_text(text) for text in texts]


def _merge(detections: Iterable[Detection]) -> tuple[Span, ...]:
    """Join overlapping detections into one span each, named by the strongest: nothing detected stays readable."""
    spans: list[Detection] = []
    for found in sorted(detections, key=lambda d: (d.start, -d.end)):
        if spans and found.start < spans[-1].end:
            last = spans[-1]
            strongest = min(last, found, key=lambda d: (d.priority, d.start - d.end))
            spans[-1] = Detection(last.start, max(last.end, found.end), strongest.entity, strongest.priority)
        else:
            spans.append(found)
    return tuple(Span(s.start, s.end, s.entity) for s in spans)
