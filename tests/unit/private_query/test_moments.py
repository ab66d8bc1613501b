import asyncio

import pytest

from privacy.errors import MangroveError
from services.private_query.moments import held, leaves_after

MOMENTS = (25, 50, 100)


@pytest.mark.parametrize(
    ("worked_ms", "leaves"), [(0, 25), (24.9, 25), (25, 25), (25.1, 50), (100, 100), (101, 200), (1234, 1300)]
)
def test_answers_leave_at_declared_moments(worked_ms: float, leaves: float) -> None:
    assert leaves_after(worked_ms, MOMENTS) == leaves


class Clock:
    """A clock that only work and sleep move."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Refused(MangroveError):
    reason = "REFUSED"


def left_after(worked_ms: float, error: Exception | None = None) -> float:
    clock = Clock()

    async def work() -> str:
        await clock.sleep(worked_ms / 1000)
        if error is not None:
            raise error
        return "answer"

    async def run() -> None:
        try:
            assert await held(work(), MOMENTS, clock=clock, sleep=clock.sleep) == "answer"
        except Refused:
            assert error is not None

    asyncio.run(run())
    return round((clock.now_s - 1000) * 1000, 6)


def test_a_heavy_users_rows_do_not_show_in_the_time_of_an_answer_or_an_error() -> None:
    """Work of 4 ms without and of 22 ms with the heavy user leaves at the same moment."""
    assert {left_after(ms, error) for ms in (4, 9, 22) for error in (None, Refused("no"))} == {25}


def test_the_test_would_see_answers_that_leave_at_once() -> None:
    """The defence taken out: a moment every microsecond."""
    assert len({round(leaves_after(ms, (1,)) if ms > 1 else ms, 3) for ms in (0.4, 4, 22)}) == 3
