"""When a call is tried again, and after how long."""

import random
import time

import grpc

from services.clients.refusals import refusal_of

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0

_LEAST_TIMEOUT_S = 0.001


class Tries:
    """The tries of one call, until one succeeds or time is up.

    Args:
        give_up_after_s: How long it may be tried, in seconds; the first try is always made.
    """

    def __init__(self, give_up_after_s: float) -> None:
        self._until = time.monotonic() + give_up_after_s
        self._back_off_s = _FIRST_PAUSE_S

    @property
    def left_s(self) -> float:
        """How long the next try may take, in seconds; never zero."""
        return max(_LEAST_TIMEOUT_S, self._until - time.monotonic())

    def pause_s(self, failed: grpc.RpcError) -> float:
        """Return how long to wait before the next try, in seconds.

        That is what the server asked for, and a random back-off on top that grows, so that many clients do not come
        back at once.

        Raises:
            CollectorRefused: if the failure does not pass.
            CollectorBusy: if no further try is wanted, or fits into the time.
        """
        refusal = refusal_of(failed)
        pause_s = (refusal.retry_after_s or 0.0) + random.uniform(0, self._back_off_s)
        self._back_off_s = min(2 * self._back_off_s, _LONGEST_PAUSE_S)
        if not refusal.passes or refusal.is_final or time.monotonic() + pause_s >= self._until:
            raise refusal.as_error() from None
        return pause_s
