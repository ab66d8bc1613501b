"""When a call is tried again, and after how long: one policy for the sync and the asyncio clients."""

from typing import Any

import grpc
import tenacity

from services.clients.refusals import refusal_of

_BACK_OFF = tenacity.wait_random_exponential(multiplier=0.05, max=2.0)


def retry_policy(give_up_after_s: float) -> dict[str, Any]:
    """Return the arguments of tenacity's `Retrying` or `AsyncRetrying`.

    A call is tried again while its failure may pass, after what the server asked for and a random back-off on top,
    so that many clients do not come back at once. It ends with the last error when no further try fits into
    `give_up_after_s`.
    """
    return {
        "retry": tenacity.retry_if_exception(_is_worth_it),
        "wait": _pause_s,
        "stop": tenacity.stop_before_delay(give_up_after_s),
        "reraise": True,
    }


def _is_worth_it(error: BaseException) -> bool:
    if not isinstance(error, grpc.RpcError):
        return False
    refusal = refusal_of(error)
    return refusal.passes and not refusal.is_final


def _pause_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told_s = refusal_of(error).retry_after_s if isinstance(error, grpc.RpcError) else None
    return (told_s or 0.0) + _BACK_OFF(state)
