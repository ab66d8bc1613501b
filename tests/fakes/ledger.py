"""A ledger in memory that keeps the same promises as the one on disk, but for surviving the process."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from privacy.dp.types import NanoRho
from privacy.ledger.port import BudgetExceeded, Charge, Ledger, Limits, Reservation, StoredAnswer

Key = tuple[str, str, int, bytes]


@dataclass
class FakeStorage:
    """What a disk would keep when a ledger is closed and opened again."""

    answers: dict[Key, bytes] = field(default_factory=dict)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)


class FakeLedger(Ledger):
    def __init__(self, storage: FakeStorage | None = None) -> None:
        self._storage = storage or FakeStorage()
        self._changed = threading.Condition()
        self._pending: set[Key] = set()

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
            spent = self._storage.spent
            for holder in ("all", f"partner:{charge.partner}", *map(str, charge.days)):
                spent[charge.dataset, holder] += charge.rho
            self._pending.add(charge.key)
            return self._grant(charge, len(spent))

    def commit(self, reservation: Reservation, answer: bytes) -> None:
        with self._changed:
            self._storage.answers[reservation.charge.key] = answer
        self.abandon(reservation)

    def abandon(self, reservation: Reservation) -> None:
        with self._changed:
            self._pending.discard(reservation.charge.key)
            self._changed.notify_all()

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        return NanoRho(self._storage.spent[dataset, f"partner:{partner}"])

    def close(self) -> None:
        self._pending.clear()

    def _check(self, charge: Charge, limits: Limits) -> None:
        spent, dataset = self._storage.spent, charge.dataset
        own = spent[dataset, f"partner:{charge.partner}"]
        if own + charge.rho > limits.partner:
            raise BudgetExceeded("partner", charge.rho, NanoRho(max(0, limits.partner - own)))
        if spent[dataset, "all"] + charge.rho > limits.dataset:
            raise BudgetExceeded("dataset", charge.rho)
        if any(spent[dataset, str(day)] + charge.rho > limits.day for day in charge.days):
            raise BudgetExceeded("days", charge.rho)
