"""Runs the real service on both marts, asks over its socket, and says what was measured beside what is claimed."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from deltalake import write_deltalake

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.receipts import Measurement
from services.clients.answers import Answer, Guarantee
from services.clients.query import QueryClient
from services.demo.servers import free_port, running
from services.installation import api_key_of, install
from services.private_audit.bound import Guesses, lower_bound
from services.private_audit.canaries import CHANNELS, FIRST_DAY, GROUPS, GUESS_ABOVE, ROWS, Grid
from services.private_query.code import code_version
from spark_jobs.lake import tables

_AUDITOR = "auditor"
_MOST_ANSWERS = 10_000
_ASK_AT_ONCE = 4
_CONFIDENCE = 0.95
_CATALOGUE = f"""
answer_after_ms = [1]

[[dataset]]
name = "canaries"
table = "private.conversations"
meaning = "Made for an audit."
partners = ["{_AUDITOR}"]
max_groups_per_person = {GROUPS}
max_rows_per_group = {ROWS}
delta = 1e-6

[dataset.budget]
partner_rho_nano = 1_000_000_000_000
dataset_rho_nano = 1_000_000_000_000
day_rho_nano = 1_000_000_000_000

[[dataset.column]]
name = "channel"
type = "string"
meaning = "The channel."
values = {list(CHANNELS)}

[[dataset.column]]
name = "turns"
type = "int"
meaning = "One."
min = 0
max = 10
"""


class ClaimBroken(MangroveError):
    """More was learned about a canary than the service claims can be."""

    reason = "EPSILON_ABOVE_CLAIM"


def audit(*, rho: NanoRho, answers: int) -> Measurement:
    """Measure epsilon on the real service in a temporary home.

    Args:
        rho: What each question may cost, at most 10^10.
        answers: How many questions to ask of each mart, 1 to 10,000 and as many as rho 1000 pays for.

    Raises:
        ServerDidNotStart, QueryRefused: if the service does not run or answer.
    """
    answers = min(answers, _MOST_ANSWERS, 10**12 // rho)
    grid = Grid.for_noise(math.sqrt(GROUPS) * ROWS / math.sqrt(2 * rho / 10**9))
    wrong_without, claim = _guess(grid, rho, answers, with_canaries=False)
    wrong_with, _ = _guess(grid, rho, answers, with_canaries=True)
    trials = answers * len(grid.canaries)
    found = lower_bound(Guesses(trials, wrong_without, trials, wrong_with), claim.delta, confidence=_CONFIDENCE)
    return Measurement(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        code=code_version(),
        mart=f"{tables.PRIVATE_CONVERSATIONS.path}, generated: {len(grid.cells)} cells of {grid.people_in_cell} people",
        rho_nano=rho,
        delta=claim.delta,
        confidence=_CONFIDENCE,
        answers=answers,
        canaries=len(grid.canaries),
        trials=trials,
        wrong_without=wrong_without,
        wrong_with=wrong_with,
        mu_claimed=math.sqrt(2 * rho / 10**9),
        mu_at_least=found.mu,
        epsilon_claimed=claim.epsilon,
        epsilon_at_least=found.epsilon,
        epsilon_at_least_any_noise=found.epsilon_any,
    )


def hold_to_claim(measured: Measurement) -> None:
    """Compare what was measured with the claim.

    Raises:
        ClaimBroken: if more was measured than is claimed.
    """
    if measured.of_claim > 1:
        raise ClaimBroken(
            f"Epsilon is at least {measured.epsilon_at_least:.3f}, {measured.epsilon_claimed:.3f} is claimed. Measure "
            "again with more answers; if it stays so, stop the service: its noise is not what it says."
        )


def _guess(grid: Grid, rho: NanoRho, answers: int, *, with_canaries: bool) -> tuple[int, Guarantee]:
    """Guess for each canary and answer whether it is there; say how often that was wrong, and what was claimed."""
    wrong, claims = 0, set()
    with _service(grid, with_canaries=with_canaries) as client:
        for answer in _ask(client, grid, rho, answers):
            claims.add(answer.guarantee)
            cells = zip(answer.frame["day"], answer.frame["channel"], strict=True)
            counts = dict(zip(cells, answer.frame["count"], strict=True))
            wrong += sum((shift > GUESS_ABOVE) != with_canaries for shift in grid.shifts(counts))
    (claim,) = claims
    return wrong, claim


def _ask(client: QueryClient, grid: Grid, rho: NanoRho, answers: int) -> Iterator[Answer]:
    """Ask the same thing again and again; a filter that all rows pass makes it a new question each time."""

    def one(number: int) -> Answer:
        return client.ask(
            "canaries",
            ["count"],
            group_by=["day", "channel"],
            where={"turns": (-number, 10)},
            from_day=FIRST_DAY.isoformat(),
            until_day=grid.until_day.isoformat(),
            rho=rho / 10**9,
        )

    with ThreadPoolExecutor(_ASK_AT_ONCE) as pool:
        yield from pool.map(one, range(answers))


@contextmanager
def _service(grid: Grid, *, with_canaries: bool) -> Iterator[QueryClient]:
    with TemporaryDirectory(prefix="mangrove-audit-") as folder:
        home = install(Path(folder) / "home", partner=_AUDITOR, query_port=free_port()).home
        home.path(home.settings.query.catalogue).write_text(_CATALOGUE)
        mart = f"{home.lake_root}/{tables.PRIVATE_CONVERSATIONS.path}"
        write_deltalake(mart, grid.mart(with_canaries=with_canaries))
        address = home.settings.query.address
        with (
            running(home, "query", "serve", address=address),
            QueryClient(address, api_key_of(home, _AUDITOR)) as client,
        ):
            yield client
