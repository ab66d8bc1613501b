"""What masking has left in a text is no name and no part of one, and a name never touches it.

A text that is masked once more must stay as it is. What stands right beside a placeholder was seen beside the name or
number that was there before, and was not taken for a name then; the brackets would only make it look more like one.
"""

from bisect import bisect_right
from collections.abc import Iterator

from privacy.masking.rules.placeholder import PLACEHOLDER
from privacy.masking.rules.rule import Find

_LONGEST = 200


def beside_no_placeholder(find: Find) -> Find:
    """Return a finder that gives what another finds, without what overlaps or touches a placeholder.

    One space between the two counts as touching.
    """

    def kept(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        if "<" not in text:
            yield from find(text, start, end)
            return
        taken = [match.span() for match in PLACEHOLDER.finditer(text, max(0, start - _LONGEST), end + _LONGEST)]
        starts = [first for first, _ in taken]
        for first, last in find(text, start, end):
            low = first - (text[first - 1 : first] == " ")
            high = last + (text[last : last + 1] == " ")
            nearest = bisect_right(starts, high) - 1
            if nearest < 0 or taken[nearest][1] < low:
                yield first, last

    return kept
