"""Finds personal data in a batch of texts: fold, one automaton over all, the rules that may match, one verdict.

Whatever goes wrong in here refuses the texts: nothing is skipped.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from privacy.masking import names
from privacy.masking.conflicts import Detection, settled
from privacy.masking.failures import MaskingFailed
from privacy.masking.guard import Guard
from privacy.masking.normalise.escapes import readings
from privacy.masking.normalise.fold import fold_batch, text_of
from privacy.masking.normalise.islands import PADDING, SHORTEST, islands
from privacy.masking.normalise.reading import Reading
from privacy.masking.normalise.signs import SIGNS, Sign
from privacy.masking.normalise.spoken import spell_out
from privacy.masking.ports import OtherDetector
from privacy.masking.rules import STRUCTURED, Rule, TextView
from privacy.masking.views import LONG, FoldedText, Hits, View

_DEEPEST_ISLAND = 3
# In what decodes by chance only what is sure counts.
_ISLAND_STRENGTH = 6
_EVERYWHERE = ((0, sys.maxsize),)


class Detector:
    """Finds personal data in texts.

    Args:
        rules: What to look for; all rules by default.
        others: Detectors beside the rules; every text is shown to them.
        timeout_s: How long one of the others may take for one text, seconds.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), others: Sequence[OtherDetector] = (), timeout_s: float = 2.0
    ) -> None:
        self._views = _views_of(tuple(rules))
        self._guard = Guard(others, timeout_s)

    def detect(self, texts: Sequence[str]) -> list[tuple[Detection, ...]]:
        """Return what is found in each text: sorted, disjoint, in code points of the text.

        Raises:
            MaskingFailed: if any detector fails on any of the texts.
        """
        try:
            found = self._detect(texts, 0)
        except (RecursionError, MemoryError):
            raise MaskingFailed("rules", "error") from None
        if self._guard.is_empty:
            return found
        return [settled((*ours, *self._guard.find(text)), text) for text, ours in zip(texts, found, strict=True)]

    def _detect(self, texts: Sequence[str], depth: int) -> list[tuple[Detection, ...]]:
        found: list[tuple[Detection, ...]] = [()] * len(texts)
        together = [index for index, text in enumerate(texts) if len(text) <= LONG]
        if together:
            batch = fold_batch([texts[index] for index in together])
            in_text, in_digits = (
                view.hits_in(codes, batch.bounds)
                for view, codes in zip(self._views, (batch.text, batch.digits), strict=True)
            )
            for place in in_text.keys() | in_digits.keys():
                index = together[place]
                hits = in_text.get(place, {}), in_digits.get(place, {})
                found[index] = self._look_closer(texts[index], FoldedText.of(batch, place), hits, depth)
        for index, text in enumerate(texts):
            if len(text) > LONG:
                folded = FoldedText.alone(text)
                found[index] = self._look_closer(text, folded, self._hits_of(folded), depth)
        return found

    def _hits_of(self, folded: FoldedText) -> tuple[Hits, Hits]:
        in_text, in_digits = self._views
        return in_text.hits_of(folded.text), in_digits.hits_of(folded.digits)

    def _look_closer(self, text: str, folded: FoldedText, hits: tuple[Hits, Hits], depth: int) -> tuple[Detection, ...]:
        found = [
            Detection(*folded.span(start, end), rule.entity, rule.strength)
            for start, end, rule in self._matches(folded, hits)
        ]
        signs = self._views[0].signs
        shown = {signs[trigger] for trigger in hits[0] if trigger in signs}
        if shown - {Sign.ISLAND}:
            found += self._disguised(text)
        if Sign.ISLAND in shown and depth < _DEEPEST_ISLAND:
            found += self._on_islands(text, _around(hits[0], signs) if folded.origin is None else _EVERYWHERE, depth)
        return settled(found, text) if found else ()

    def _matches(self, folded: FoldedText, hits: tuple[Hits, Hits]) -> Iterator[tuple[int, int, Rule]]:
        for view, text, where in zip(self._views, (folded.text, folded.digits), hits, strict=True):
            yield from view.matches(text, where)

    def _disguised(self, text: str) -> Iterator[Detection]:
        """Give what is found when escapes are read and spelled digits are taken for digits."""
        # Folded first, for escapes are disguised too, and again, for what they say may be.
        as_written, _ = _folded(Reading.of(text))
        for unescaped in (as_written, *readings(as_written)):
            plain, folded = _folded(unescaped)
            if unescaped is not as_written:
                yield from self._read(plain, folded)
            spelled = spell_out(plain)
            if spelled is not plain:
                yield from self._read(*_folded(spelled))

    def _read(self, reading: Reading, folded: FoldedText) -> Iterator[Detection]:
        for start, end, rule in self._matches(folded, self._hits_of(folded)):
            yield Detection(*reading.span(start, end), rule.entity, rule.strength)

    def _on_islands(self, text: str, parts: Iterable[tuple[int, int]], depth: int) -> list[Detection]:
        written = [island for start, end in parts for island in islands(text, start, end)]
        inside = self._detect([plain for _, _, plain in written], depth + 1) if written else []
        return [
            Detection(start, end, strongest.entity, strongest.strength)
            for (start, end, _), found in zip(written, inside, strict=True)
            if found and (strongest := min(found, key=lambda d: d.strength)).strength <= _ISLAND_STRENGTH
        ]


def _around(hits: Hits, signs: dict[int, Sign]) -> list[tuple[int, int]]:
    """Return where islands may stand: each begins at most as far before the end of its sign as the sign is long."""
    rows = next(rows for trigger, rows in hits.items() if signs.get(trigger) is Sign.ISLAND)
    return [(max(0, first - SHORTEST), last + PADDING) for first, last in rows]


@cache
def _views_of(rules: tuple[Rule, ...]) -> tuple[View, View]:
    """Compile the rules once a process: those of the TEXT view, those of the DIGITS view."""
    rules = rules or (*STRUCTURED, *names.RULES)
    return (
        View([rule for rule in rules if rule.view is TextView.TEXT], SIGNS),
        View([rule for rule in rules if rule.view is TextView.DIGITS], {}),
    )


def _folded(reading: Reading) -> tuple[Reading, FoldedText]:
    """Fold a reading: it comes back in the TEXT view, and with both views, whose places are those of the reading."""
    batch = fold_batch([reading.text])
    folded = FoldedText(text_of(batch.text[:-1]), text_of(batch.digits[:-1]), None)
    kept = slice(None) if batch.origin is None else batch.origin[:-1]
    return Reading(folded.text, reading.starts[kept], reading.ends[kept]), folded
