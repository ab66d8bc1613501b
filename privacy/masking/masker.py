"""Masks texts: what is detected is replaced, tokenised, cut or dropped as the policy says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from privacy.masking.actions import Action, stand_in
from privacy.masking.conflicts import Detection
from privacy.masking.detector import Detector
from privacy.masking.failures import MaskingFailed
from privacy.masking.marks import Marked, marked
from privacy.masking.memory import Memory
from privacy.masking.policy import FieldPolicy, Policy, PolicyInvalid
from privacy.pseudonyms import Pseudonymiser

# Titles, screen names and "hello" come again and again; they are kept in memory only.
_REMEMBERED_TEXTS, _REMEMBERED_LENGTH = 8_192, 64
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Span:
    """Where personal data stood: [start, end) in code points of the original text, and its entity."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text whose detected personal data is replaced by placeholders such as <PHONE_NUMBER>.

    `spans` are sorted, disjoint and say where it stood in the original; what the policy keeps is not among them.
    """

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data at [start, end) of a text; `value` is set where the whole value is spread over several texts."""

    start: int
    end: int
    entity: str
    value: str | None = None

    def __repr__(self) -> str:
        return f"Found({self.start}, {self.end}, {self.entity})"


Findings = tuple[Found, ...]


class Masker:
    """Masks texts by a policy.

    Guarantee: what the rules detect and the policy does not keep is not in the result, and every character outside
    the spans is unchanged. It is detection, not proof: a name without a cue passes.

    >>> Masker.default().mask_text("我叫张伟，电话13800138000").text
    '我叫<PERSON>，电话<PHONE_NUMBER>'

    Args:
        detector: Finds personal data.
        policy: What is done with it; the default replaces all but order numbers.
        tokens: Makes tokens; needed if the policy asks for any.

    Raises:
        PolicyInvalid: if the policy asks for tokens and there is nothing that makes them.
    """

    def __init__(self, detector: Detector, policy: Policy | None = None, tokens: Pseudonymiser | None = None) -> None:
        self.policy = policy or Policy()
        if tokens is None and self.policy.tokenised():
            raise PolicyInvalid("The masking policy asks for tokens, which need keys. Run `mangrove init` first.")
        self._detector = detector
        self._tokens = tokens
        self._own = self.policy.detectors.entities
        self._memory: Memory[str, Findings] = Memory(_REMEMBERED_TEXTS)

    @staticmethod
    @cache
    def default() -> "Masker":
        """Return the masker with all rules and the default policy; it is built once a process."""
        return Masker(Detector())

    def mask_text(self, text: str) -> MaskedText:
        """Mask one text by what the policy says of texts of no particular field.

        Raises:
            MaskingFailed: if a detector fails; nothing may then be stored.
        """
        return self.mask_texts((text,))[0]

    def mask_texts(self, texts: Sequence[str]) -> list[MaskedText]:
        """Mask many texts, each by itself, at a fraction of what as many calls cost; the result has their order.

        Raises:
            MaskingFailed: if a detector fails on any of them.
        """
        policy = self.policy.for_field(None, None)
        return [self.apply(text, found, policy) for text, found in zip(texts, self.find(texts), strict=True)]

    def find(self, texts: Sequence[str]) -> list[Findings]:
        """Return what is found in each text, sorted and disjoint; our own placeholders and tokens are left out.

        Raises:
            MaskingFailed: if a detector fails on any of them.
        """
        results = [self._memory.get(text) for text in texts]
        unknown = list({text: None for text, known in zip(texts, results, strict=True) if known is None})
        if not unknown:
            return [known or () for known in results]
        fresh = self._search(unknown)
        for text, found in fresh.items():
            if len(text) <= _REMEMBERED_LENGTH:
                self._memory.put(text, found)
        return [fresh[text] if known is None else known for text, known in zip(texts, results, strict=True)]

    def find_each(self, texts: Sequence[str], timeouts: list[MaskingFailed]) -> list[Findings | MaskingFailed]:
        """Return what is found in each text, or why it could not be searched.

        Args:
            texts: The texts.
            timeouts: Collects the calls that took too long. After a few the detector is not waited for again: all
                texts that are left share their fate, so that a batch ends in bounded time.
        """
        try:
            if len(timeouts) < _PATIENCE:
                return list(self.find(texts))
        except MaskingFailed as failure:
            timeouts += [failure] if failure.cause == "timeout" else []
        results: list[Findings | MaskingFailed] = []
        for text in texts:
            if len(timeouts) >= _PATIENCE:
                results.append(timeouts[-1])
                continue
            try:
                results += self.find((text,))
            except MaskingFailed as failure:
                results.append(failure)
                timeouts += [failure] if failure.cause == "timeout" else []
        return results

    def apply(self, text: str, found: Iterable[Found], policy: FieldPolicy) -> MaskedText:
        """Return a text with what was found in it treated as a policy says.

        Args:
            text: The text.
            found: What was found, sorted and disjoint.
            policy: What is done with it.
        """
        parts: list[str] = []
        spans: list[Span] = []
        position = 0
        for one in found:
            action = policy.action(one.entity)
            if action is Action.KEEP:
                continue
            value = text[one.start : one.end] if one.value is None else one.value
            parts += (text[position : one.start], stand_in(action, one.entity, value, self._tokens))
            spans.append(Span(one.start, one.end, one.entity))
            position = one.end
        if not spans:
            return MaskedText(text, ())
        parts.append(text[position:])
        return MaskedText("".join(parts), tuple(spans))

    def _search(self, texts: list[str]) -> dict[str, Findings]:
        seen = [marked(text, self._own) for text in texts]
        detected = self._detector.detect([one.text for one in seen])
        return {text: _outside(found, one, text) for text, one, found in zip(texts, seen, detected, strict=True)}


def _outside(found: Sequence[Detection], seen: Marked, text: str) -> Findings:
    """Return what of the detections lies outside our own marks, in places of the original."""
    if not seen.spans:
        return tuple([Found(one.start, one.end, one.entity) for one in found])
    pieces: list[Found] = []
    first = 0
    for one in found:
        start, end = seen.original(one.start, one.end)
        while first < len(seen.spans) and seen.spans[first][1] <= start:
            first += 1
        for mark_start, mark_end in _from(seen.spans, first, end):
            pieces.append(Found(start, mark_start, one.entity))
            start = mark_end
        pieces.append(Found(start, end, one.entity))
    return tuple(piece for piece in pieces if any(c.isalnum() for c in text[piece.start : piece.end]))


def _from(marks: Sequence[tuple[int, int]], first: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the marks from a place on that begin before `end`."""
    while first < len(marks) and marks[first][0] < end:
        yield marks[first]
        first += 1
