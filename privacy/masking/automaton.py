"""Looks for all rules at once: one automaton over a whole batch finds the few texts worth a closer look.

The only module that knows hyperscan (Vectorscan; Wang et al., "Hyperscan: A Fast Multi-pattern Regex Matcher for
Modern CPUs", NSDI 2019). Its patterns are over-approximations (prefilter mode): what it does not see, no rule matches.
"""

import re
from collections.abc import Sequence
from threading import Lock

import hyperscan

_REPEAT = re.compile(r"(?<!\\)\{([0-9]+),([0-9]+)\}")
# Ends on both sides of what stands between two texts are further apart.
_CLOSE = 4
_SHARED = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_ALLOWEMPTY


class Automaton:
    """All triggers of one view.

    Args:
        triggers: Patterns whose syntax both engines share.
    """

    def __init__(self, triggers: Sequence[re.Pattern[str]]) -> None:
        self._database = _compiled(triggers)
        # A database has room for one scan at a time.
        self._scanning = Lock()

    def ends(self, text: bytes) -> tuple[list[int], list[int], list[int]]:
        """Return the triggers that may match, by their place in the sequence, and where in UTF-8 bytes matches end.

        One entry for each row of ends that follow each other closely, with the first and the last of the row, so that
        a million digits are one row. The text may be many texts with a character of four bytes between them.
        """
        triggers: list[int] = []
        firsts: list[int] = []
        lasts: list[int] = []
        rows: dict[int, int] = {}

        def note(trigger: int, _start: int, end: int, _flags: int, _context: object) -> None:
            row = rows.get(trigger)
            if row is not None and end - lasts[row] <= _CLOSE:
                lasts[row] = end
            else:
                rows[trigger] = len(lasts)
                triggers.append(trigger)
                firsts.append(end)
                lasts.append(end)

        with self._scanning:
            self._database.scan(text, match_event_handler=note)
        return triggers, firsts, lasts


def _compiled(triggers: Sequence[re.Pattern[str]]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[_relaxed(trigger.pattern).encode() for trigger in triggers],
        ids=list(range(len(triggers))),
        elements=len(triggers),
        flags=[_SHARED | (hyperscan.HS_FLAG_CASELESS if t.flags & re.IGNORECASE else 0) for t in triggers],
    )
    return database


def _relaxed(pattern: str) -> str:
    """Return a pattern that matches wherever the given one does, with repeats that need no counting.

    Counters make automata large: compiling "{16,4000}" takes seconds, "{16,}" nothing.
    """
    return _REPEAT.sub(lambda repeat: repeat.group() if int(repeat[2]) <= 1 else f"{{{repeat[1]},}}", pattern)
