"""Tells a sender that waits for a journal what became of its batch."""

import asyncio

from privacy.errors import MangroveError
from services.collector.ports import Receipt


def settle(done: "asyncio.Future[Receipt]", outcome: Receipt | MangroveError) -> None:
    """Give a sender its receipt or error, if it still waits; called in its loop."""
    if done.cancelled():
        return
    if isinstance(outcome, Receipt):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)
