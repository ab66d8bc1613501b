"""A window of Chinese text cut into words, and what the cuts say about a stretch of it."""

import functools
from collections.abc import Iterator

import rjieba

from privacy.masking.names import characters as ch
from privacy.masking.names import context as ctx

_NAME_TAGS = frozenset({"nr", "nrt", "nrfg", "x"})


class Words:
    """A window of a text, cut into words once, when the first question needs it.

    Attributes:
        text: The window in simplified characters.
        start: Where the window begins in the whole text.
    """

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.start = start

    @functools.cached_property
    def _words(self) -> tuple[dict[int, int], dict[int, str], list[int]]:
        """Where each word ends and its tag, by its start; and for each character where its word starts."""
        ends, tags, starts = {}, {}, []
        at = 0
        for word, tag in rjieba.tag(self.text, True):
            length = len(word)
            ends[at] = at + length
            tags[at] = tag
            starts.extend([at] * length)
            at += length
        return ends, tags, starts

    def cuts(self, start: int, end: int) -> float:
        """Return what the cuts between words say about [start, end) of the window being one unit."""
        ends, tags, starts = self._words
        first, word_end = starts[start], ends[starts[start]]
        if first != start:
            return -6.0 if is_known(self.text[first:word_end]) or tags[first] in {"m", "eng"} else -1.5
        if word_end == end:
            return self._whole(start, end)
        if word_end > end:
            if not is_known(self.text[start:word_end]):
                return -0.5
            return -4.0 if tags[start] == "nr" else -5.0
        last = starts[end - 1]
        if ends[last] != end:
            return -5.0 if is_known(self.text[last : ends[last]]) else -1.0
        return self._several(start, end)

    def _several(self, start: int, end: int) -> float:
        if self._words[0][start] - start == 1:
            return 1.0
        return 0.0 if end - start > 3 or self._words[1][start].startswith("nr") else -2.0

    def _whole(self, start: int, end: int) -> float:
        tag = self._words[1][start]
        if not is_known(self.text[start:end]):
            return 2.5
        if tag in {"nr", "nrfg"}:
            if end - start > 2 or self.text[start] in ch.SURE_SURNAMES:
                return 4.0
            return -1.0  # the dictionary calls many a thing a person: 史实, 庄园, 卫星
        if end - start == 3 and self.text[start] in ch.SURE_SURNAMES and tag in {"n", "nrt", "t"}:
            return 1.0
        return -5.0

    def units(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the longest stretches of [start, end) that hold whole words and none that is an everyday word."""
        at = first = start
        if self._words[2][start] != start:
            word_end = self._words[0][self._words[2][start]]
            if is_known(self.text[self._words[2][start] : word_end]):
                at = first = word_end
        while at < end:
            word_start = self._words[2][at]
            word_end = self._words[0][word_start]
            word = self.text[at:word_end]
            everyday = self._words[1][word_start] not in _NAME_TAGS and is_known(word)
            if everyday or (word_end > end and is_known(self.text[word_start:word_end])):
                if at > first:
                    yield first, at
                first = word_end
            at = word_end
        if first < end:
            yield first, end

    def around_dots(self, start: int, end: int, first_dot: int, last_dot: int) -> tuple[int, int]:
        """Move the sides of a name with middle dots to where the words beside the first and last dot begin and end."""
        left = self._words[2][first_dot - 1]
        if left < start and self._words[0][left] == first_dot and not self._everyday(left, first_dot):
            start = left
        elif (cut := self._words[2][start]) < start and self._everyday(cut, self._words[0][cut]):
            start = min(self._words[0][cut], first_dot)
        right = last_dot + 1
        if self._words[2][right] == right and self._words[0][right] > end:
            return start, self._words[0][right]
        last = self._words[2][end - 1]
        if right < last and self._words[0][last] > end and self._everyday(last, self._words[0][last]):
            end = last
        return start, end

    def unknown(self, start: int, end: int) -> bool:
        """Say whether [start, end) holds no everyday word and ends where a word ends."""
        if end > len(self.text) or any(label in self.text[start:end] for label in ctx.LABELS):
            return False
        at = start
        while at < end:
            first = self._words[2][at]
            if is_known(self.text[first : self._words[0][first]]) or self.text[at] in ch.NEVER_GIVEN:
                return False
            at = self._words[0][first]
        return at == end

    def _everyday(self, start: int, end: int) -> bool:
        return self._words[1][start] not in _NAME_TAGS and is_known(self.text[start:end])

    def foreign(self, start: int, end: int) -> float:
        """Return what the words say about a stretch of sound characters being a name."""
        if self._words[0].get(start) == end:
            if not is_known(self.text[start:end]):
                return 2.0
            return 2.0 if self._words[1][start] in _NAME_TAGS else -4.0
        return 0.0

    def word_at(self, at: int) -> tuple[int, int]:
        """Return where the word that holds the character at a place starts and ends."""
        start = self._words[2][at]
        return start, self._words[0][start]

    def word_from(self, at: int) -> str:
        """Return the word that starts at a place, or the one character there when it stands inside a word."""
        return self.text[at : self._words[0].get(at, at + 1)]

    def tag_at(self, at: int) -> str:
        """Return the tag of the word that holds the character at a place."""
        return self._words[1][self._words[2][at]]


def is_known(word: str) -> bool:
    """Say whether the segmenter's dictionary holds a word."""
    return len(word) > 1 and bool(rjieba.has_word(word))
