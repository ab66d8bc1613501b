"""Finds personal data in a batch of texts: fold, one automaton over all, the rules that may match, one verdict.

Whatever goes wrong in here refuses the texts: nothing is skipped.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from privacy.masking import names
from privacy.masking.conflicts import Detection, settled
from privacy.masking.failures import MaskingFailed
from privacy.masking.glue import is_glued, without
from privacy.masking.guard import Guard
from privacy.masking.normalise.escapes import readings
from privacy.masking.normalise.fold import FoldedBatch, fold_batch, text_of
from privacy.masking.normalise.islands import PADDING, SHORTEST, islands
from privacy.masking.normalise.reading import Reading
from privacy.masking.normalise.signs import SIGNS, Sign
from privacy.masking.normalise.spoken import may_be_spelled, spell_out
from privacy.masking.ports import OtherDetector
from privacy.masking.rules import STRUCTURED, Rule, TextView
from privacy.masking.views import FoldedText, Hits, View, near_to

_DEEPEST_ISLAND = 3
_ROUNDS = 3
# A numeral and the sign before it.
_A_WORD = 2
# In what decodes by chance only what is sure counts.
_ISLAND_STRENGTH = 6


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
            self._add_what_was_glued(texts, found)
        except (RecursionError, MemoryError):
            raise MaskingFailed("rules", "error") from None
        if self._guard.is_empty:
            return found
        return [settled((*ours, *self._guard.find(text)), text) for text, ours in zip(texts, found, strict=True)]

    def _add_what_was_glued(self, texts: Sequence[str], found: list[tuple[Detection, ...]]) -> None:
        """Look again at texts in which a value stands directly beside letters or digits, with the value taken out.

        What hides behind another value comes to light, and masking a masked text finds nothing new.
        """
        glued = [place for place, known in enumerate(found) if is_glued(texts[place], known)]
        for _ in range(_ROUNDS):
            shown = [without(texts[place], found[place]) for place in glued]
            fresh = self._detect([reading.text for reading in shown], 0)
            more: list[int] = []
            for place, reading, new in zip(glued, shown, fresh, strict=True):
                if new:
                    mapped = (Detection(*reading.span(d.start, d.end), d.entity, d.strength) for d in new)
                    found[place] = settled((*found[place], *mapped), texts[place])
                    more.append(place)
            glued = more

    def _detect(self, texts: Sequence[str], depth: int) -> list[tuple[Detection, ...]]:
        if not texts:
            return []
        batch = fold_batch(texts)
        found: dict[int, list[Detection]] = {}
        inside: list[tuple[int, int, int, str]] = []
        for place, hits in self._hits(batch).items():
            folded = FoldedText.of(batch, place)
            found[place] = self._look_closer(texts[place], folded, hits)
            inside += [(place, *island) for island in self._islands(folded, hits[0])]
        if depth < _DEEPEST_ISLAND:
            self._add_islands(found, inside, depth)
        return [settled(found[place], text) if place in found else () for place, text in enumerate(texts)]

    def _add_islands(
        self, found: dict[int, list[Detection]], inside: list[tuple[int, int, int, str]], depth: int
    ) -> None:
        """Add each island that says something personal, whole; all are searched together."""
        hidden = self._detect([plain for *_, plain in inside], depth + 1)
        for (place, start, end, _), known in zip(inside, hidden, strict=True):
            strongest = min(known, key=lambda d: d.strength, default=None)
            if strongest is not None and strongest.strength <= _ISLAND_STRENGTH:
                found[place].append(Detection(start, end, strongest.entity, strongest.strength))

    def _hits(self, batch: FoldedBatch) -> dict[int, tuple[Hits, Hits]]:
        """Return by its place each text of a batch in which any rule may match or something may be in disguise."""
        in_text, in_digits = (
            view.hits_in(codes, batch.bounds)
            for view, codes in zip(self._views, (batch.text, batch.digits), strict=True)
        )
        return {
            place: (in_text.get(place, {}), in_digits.get(place, {})) for place in in_text.keys() | in_digits.keys()
        }

    def _look_closer(self, text: str, folded: FoldedText, hits: tuple[Hits, Hits]) -> list[Detection]:
        found = [Detection(*folded.span(d.start, d.end), d.entity, d.strength) for d in self._matches(folded, hits)]
        signs = self._views[0].signs
        shown = {signs[trigger] for trigger in hits[0] if trigger in signs}
        if shown & {Sign.ESCAPE, Sign.LIGATURE} or (shown - {Sign.ISLAND} and may_be_spelled(folded.text)):
            found += self._disguised(text, shown)
        return found

    def _islands(self, folded: FoldedText, hits: Hits) -> Iterator[tuple[int, int, str]]:
        """Give the islands of a text; each begins at most as far before the end of its sign as the sign is long."""
        for trigger, rows in hits.items():
            if self._views[0].signs.get(trigger) is Sign.ISLAND:
                for first, last in rows:
                    for start, end, plain in islands(folded.text, max(0, first - SHORTEST), last + PADDING):
                        yield *folded.span(start, end), plain

    def _matches(self, folded: FoldedText, hits: tuple[Hits, Hits]) -> list[Detection]:
        """Return what the rules find in folded text, in places of its views."""
        in_text, in_digits = self._views
        found = in_text.matches(folded.text, hits[0])
        numbers = in_digits.matches(folded.digits, hits[1])
        if hits[1] and folded.text != folded.digits:
            # Most Han numerals are words: 一直 behind a number is none of its digits.
            plain = in_digits.matches(folded.text, in_digits.hits_of(folded.text))
            numbers = [*plain, *(d for d in numbers if not any(_names(other, d) for other in plain))]
        return [*found, *numbers]

    def _disguised(self, text: str, shown: set[Sign]) -> Iterator[Detection]:
        """Give what is found when escapes are read and spelled digits are taken for digits."""
        # Folded first, for escapes are disguised too, and again, for what they say may be.
        as_written = _folded(Reading.of(text))[0]
        escaped = readings(as_written) if shown & {Sign.ESCAPE, Sign.LIGATURE} else ()
        for unescaped in (as_written, *escaped):
            plain = as_written
            if unescaped is not as_written:
                plain, batch = _folded(unescaped)
                yield from self._read(plain, batch, plain.changed())
            spelled = spell_out(plain)
            if spelled is not plain:
                yield from self._read(*_folded(spelled))

    def _read(self, reading: Reading, batch: FoldedBatch, changed: list[int] | None = None) -> Iterator[Detection]:
        """Give what is found in a reading, which is the text of the batch in the TEXT view.

        With the places that it reads differently only near those is looked again.
        """
        for hits in self._hits(batch).values():
            near = hits if changed is None else (near_to(changed, hits[0]), near_to(changed, hits[1]))
            folded = FoldedText(reading.text, text_of(batch.digits[:-1]), None)
            for start, end, entity, strength in self._matches(folded, near):
                yield Detection(*reading.span(start, end), entity, strength)


def _names(plain: Detection, other: Detection) -> bool:
    """Say whether a detection that needs no Han numerals says what another is about that takes one of them in.

    One numeral beside a number is a word, as in 一直; more of them may be digits, and then the longer counts.
    """
    return (
        plain.strength <= other.strength
        and plain.start - _A_WORD <= other.start < plain.end
        and plain.start < other.end <= plain.end + _A_WORD
    )


@cache
def _views_of(rules: tuple[Rule, ...]) -> tuple[View, View]:
    """Compile the rules once a process: those of the TEXT view, those of the DIGITS view."""
    rules = rules or (*STRUCTURED, *names.RULES)
    return (
        View([rule for rule in rules if rule.view is TextView.TEXT], SIGNS),
        View([rule for rule in rules if rule.view is TextView.DIGITS], {}),
    )


def _folded(reading: Reading) -> tuple[Reading, FoldedBatch]:
    """Fold a reading: it comes back in the TEXT view, with the batch of both views, whose places are those of it."""
    batch = fold_batch([reading.text])
    kept = slice(None) if batch.origin is None else batch.origin[:-1]
    return Reading(text_of(batch.text[:-1]), reading.starts[kept], reading.ends[kept]), batch
