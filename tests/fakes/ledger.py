"""A ledger in memory that keeps the same promises as those on disk, but for surviving the process and the chain."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from privacy.dp.types import NanoRho
from privacy.ledger.book import accounts_of
from privacy.ledger.periods import LIFE, next_period, period_of
from privacy.ledger.port import (
    BudgetExceeded,
    Charge,
    Ledger,
    Limits,
    Reservation,
    ReservationUsed,
    Standing,
    StoredAnswer,
)

Key = tuple[str, str, int, bytes]


@dataclass
class FakeStorage:
    """What a disk would keep when a ledger is closed and opened again."""

    answers: dict[Key, bytes] = field(default_factory=dict)
    spent: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    charges: int = 0


class FakeLedger(Ledger):
    def __init__(
        self, storage: FakeStorage | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._storage = storage or FakeStorage()
        self._now = now
        self._changed = threading.Condition()
        self._pending: dict[Key, int] = {}

    def find(self, charge: Charge) -> StoredAnswer | None:
        answer = self._storage.answers.get(charge.key)
        return None if answer is None else StoredAnswer(answer)

    def reserve(self, charge: Charge, limits: Limits) -> Reservation | StoredAnswer:
        with self._changed:
            self._changed.wait_for(lambda: charge.key not in self._pending)
            stored = self.find(charge)
            if stored is not None:
                return stored
            self._check(charge, limits)
            for account in accounts_of(charge, self._now().date()):
                self._storage.spent[account] += charge.rho
            self._storage.charges += 1
            self._pending[charge.key] = self._storage.charges
            return self._grant(charge, self._storage.charges, bytes(32), self._now())

    def commit(self, reservation: Reservation, answer: bytes) -> None:
        with self._changed:
            if self._pending.get(reservation.charge.key) != reservation.number:
                raise ReservationUsed
            self._storage.answers[reservation.charge.key] = answer
        self.abandon(reservation)

    def abandon(self, reservation: Reservation) -> None:
        with self._changed:
            if self._pending.get(reservation.charge.key) == reservation.number:
                del self._pending[reservation.charge.key]
            self._changed.notify_all()

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        return NanoRho(self._storage.spent[dataset, f"partner:{partner}", LIFE])

    def standing(self, partner: str, dataset: str, limits: Limits) -> Standing:
        today = self._now().date()
        spent = self._storage.spent[dataset, f"partner:{partner}", period_of(limits.refresh, today)]
        return Standing(limits.partner, NanoRho(spent), next_period(limits.refresh, today))

    def close(self) -> None:
        self._pending.clear()

    def _check(self, charge: Charge, limits: Limits) -> None:
        spent, dataset = self._storage.spent, charge.dataset
        own = self.standing(charge.partner, dataset, limits)
        if charge.rho > own.left:
            raise BudgetExceeded("partner", charge.rho, own.left, until=own.until)
        period = period_of(limits.refresh, self._now().date())
        if spent[dataset, "all", period] + charge.rho > limits.dataset:
            raise BudgetExceeded("dataset", charge.rho, until=own.until)
        if any(spent[dataset, f"day:{day}", LIFE] + charge.rho > limits.day for day in charge.days):
            raise BudgetExceeded("days", charge.rho)
