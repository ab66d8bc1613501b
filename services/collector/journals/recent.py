"""Which events were seen lately: a bounded set of keys in arrays, looked up and filled a batch at a time."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
"""Keys of events, shape (n, 2)."""

_CHARACTERS = 16
_MIX, _MIX_LOW = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_TAKEN = np.uint64(1)


def keys_of(source: str, event_ids: Sequence[str]) -> Keys:
    """Return the keys of events by the pseudonyms of their ids.

    A pseudonym ends in a keyed hash in base32; sixteen of its letters, 80 bits, tell it from all others: among
    ten million events a new one is taken for another once in 10^17.

    Args:
        source: The source that sent the events; another source's ids are other events.
        event_ids: Pseudonyms of event ids.
    """
    letters = "".join([event_id[-1 - _CHARACTERS : -1].rjust(_CHARACTERS) for event_id in event_ids])
    halves = np.frombuffer(letters.encode("ascii", "replace"), np.uint64).reshape(-1, 2)
    salt = np.uint64(int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest(), "little"))
    keys = np.empty_like(halves)
    # The first half says the place in the table, so it must be spread evenly; both together keep what the letters say.
    keys[:, 0] = (halves[:, 0] * _MIX) ^ (halves[:, 1] * _MIX_LOW) ^ salt
    keys[:, 1] = (halves[:, 1] ^ salt) | _TAKEN
    return keys


class RecentKeys:
    """Remembers the newest keys in bounded memory.

    Args:
        capacity: How many keys are remembered at least.
        generations: The oldest of so many parts is forgotten when a new one is begun, 2 or more. Two are quick to
            look into and take up to 128 bytes a key, four take half of that.
    """

    def __init__(self, capacity: int, generations: int = 2) -> None:
        self._older = generations - 1
        self._each = -(-capacity // self._older)
        self._generations = [_Table(self._each)]

    def novel(self, keys: Keys) -> NDArray[np.bool_]:
        """Return, for each key, whether it is not remembered and stands here for the first time."""
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        ordered = keys[order]
        repeated = np.zeros(len(keys), bool)
        repeated[order[1:]] = (ordered[1:] == ordered[:-1]).all(axis=1)
        for table in self._generations:
            repeated |= table.has(keys)
        return ~repeated

    def add(self, keys: Keys) -> None:
        """Remember keys that differ from each other; the oldest are forgotten. One that is known is remembered anew."""
        for start in range(0, len(keys), self._each):
            some = keys[start : start + self._each]
            if self._generations[-1].size + len(some) > self._each:
                self._generations = [*self._generations[-self._older :], _Table(self._each)]
            self._generations[-1].add(some)


class _Table:
    """A hash table with open addressing, at most half full; a slot whose second half is zero is free."""

    def __init__(self, capacity: int) -> None:
        bits = max(capacity * 2 - 1, 1).bit_length()
        self._slots: Keys = np.zeros((1 << bits, 2), np.uint64)
        self._shift = np.uint64(64 - bits)
        self._last = (1 << bits) - 1
        self.size = 0

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        found = np.zeros(len(keys), bool)
        places = self._places(keys)
        looking = np.arange(len(keys))
        while len(looking):
            slots = self._slots[places[looking]]
            hit = (slots == keys[looking]).all(axis=1)
            found[looking[hit]] = True
            looking = looking[~hit & (slots[:, 1] != 0)]
            places[looking] = (places[looking] + 1) & self._last
        return found

    def add(self, keys: Keys) -> None:
        places = self._places(keys)
        waiting = np.arange(len(keys))
        while len(waiting):
            free = waiting[self._slots[places[waiting], 1] == 0]
            self._slots[places[free]] = keys[free]
            # Of several that want the same free slot, the last one has it now.
            waiting = waiting[(self._slots[places[waiting]] != keys[waiting]).any(axis=1)]
            places[waiting] = (places[waiting] + 1) & self._last
        self.size += len(keys)

    def _places(self, keys: Keys) -> NDArray[np.int64]:
        return (keys[:, 0] >> self._shift).astype(np.int64)
