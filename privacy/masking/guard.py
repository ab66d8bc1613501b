"""Runs detectors that are not ours: in a bounded pool, under a deadline, and whatever fails refuses the text."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from threading import BoundedSemaphore

from privacy.masking.conflicts import Detection
from privacy.masking.failures import MaskingFailed
from privacy.masking.ports import OtherDetector

_WORKERS = 4
# What others find never takes the name away from what a checksum vouches for.
_STRENGTH = 9


class Guard:
    """The detectors beside the rules.

    A call that takes too long cannot be stopped in Python; it keeps its worker. When all workers are kept, every
    further text is refused at once instead of waiting.

    Args:
        others: The detectors.
        timeout_s: How long one may take for one text, seconds.
    """

    def __init__(self, others: Sequence[OtherDetector], timeout_s: float) -> None:
        self._others = tuple(others)
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="detector") if others else None
        self._free = BoundedSemaphore(_WORKERS)

    @property
    def is_empty(self) -> bool:
        """Whether there is no detector beside the rules."""
        return not self._others

    def find(self, text: str) -> list[Detection]:
        """Return what the others find in a text.

        Raises:
            MaskingFailed: if one errs, gives what is no span of the text, or takes too long.
        """
        return [
            Detection(start, end, entity, _STRENGTH)
            for other in self._others
            for start, end, entity in self._run(other, text)
        ]

    def _run(self, other: OtherDetector, text: str) -> Sequence[tuple[int, int, str]]:
        if self._pool is None or not self._free.acquire(blocking=False):
            raise MaskingFailed(other.name, "timeout")
        call = self._pool.submit(other.find, text)
        call.add_done_callback(lambda _: self._free.release())
        try:
            found = call.result(self._timeout_s)
        except TookTooLong:
            raise MaskingFailed(other.name, "timeout") from None
        except Exception as error:  # noqa: BLE001 - whatever a detector raises refuses the text
            logging.getLogger(__name__).error("detector %s failed: %s", other.name, type(error).__name__)
            raise MaskingFailed(other.name, "error") from None
        if not all(0 <= start < end <= len(text) for start, end, _ in found):
            raise MaskingFailed(other.name, "error")
        return found
