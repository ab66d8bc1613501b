"""What a ledger promises. Every adapter passes tests/contract/test_ledger_contract.py."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError

Scope = Literal["partner", "dataset", "days"]

_SEAL = object()


def as_rho(amount: int) -> str:
    """Nano-rho as rho for a person, such as 0.0125, without loss."""
    return f"{amount / 10**9:.9f}".rstrip("0").rstrip(".")


class LedgerUnavailable(MangroveError):
    """The ledger cannot be read or written. Nothing may be answered."""

    reason = "LEDGER_UNAVAILABLE"

    def __init__(
        self, sentence: str = "The budget cannot be recorded at the moment, so no answer is given. Try again."
    ) -> None:
        super().__init__(sentence)


class ReservationUsed(MangroveError):
    """A reservation was to pay for a second release."""

    reason = "INTERNAL"

    def __init__(self) -> None:
        super().__init__("This reservation has paid for an answer before. Tell the operator.")


class BudgetExceeded(MangroveError):
    """A charge would go over a limit; nothing was charged.

    `left` is what the partner itself has left, None when another limit than the partner's own refused: what
    others spent is not told.
    """

    reason = "BUDGET_EXCEEDED"

    def __init__(
        self, scope: Scope, cost: NanoRho, left: NanoRho | None = None, wider_error: int | None = None
    ) -> None:
        self.scope = scope
        self.cost = cost
        self.left = left
        super().__init__(_refusal(scope, cost, left, wider_error))

    def with_wider_error(self, wider_error: int | None) -> "BudgetExceeded":
        """Give the same refusal, which also names a target error that the rest would pay for."""
        return BudgetExceeded(self.scope, self.cost, self.left, wider_error)


def _refusal(scope: Scope, cost: NanoRho, left: NanoRho | None, wider_error: int | None) -> str:
    if scope == "dataset":
        return "Budget exceeded: the dataset's budget over all partners is used up. Ask the privacy officer."
    if scope == "days":
        return (
            "Budget exceeded: the budget of at least one day in the window is used up. "
            "Ask about other days, or ask the privacy officer."
        )
    out = "Widen the target error or lower rho" if wider_error is None else f"Widen the target error to ±{wider_error}"
    way_out = "Ask the privacy officer for more." if not left else f"{out}, or ask the privacy officer for more."
    return f"Budget exceeded: this question costs rho {as_rho(cost)}, {as_rho(left or 0)} is left. {way_out}"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one partner is to pay for one question on one version of a table.

    `question` is the canonical hash of the question with its price, 32 bytes. The window is half open.
    """

    partner: str
    dataset: str
    table_version: int
    question: bytes
    rho: NanoRho
    from_day: date
    until_day: date

    @property
    def key(self) -> tuple[str, str, int, bytes]:
        """What makes two charges the same, so that the second costs nothing."""
        return self.partner, self.dataset, self.table_version, self.question

    @property
    def days(self) -> list[date]:
        """The days the window touches."""
        return [self.from_day + timedelta(days=n) for n in range((self.until_day - self.from_day).days)]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent on a dataset in all: by one partner, by all together, and on the rows of one day."""

    partner: NanoRho
    dataset: NanoRho
    day: NanoRho


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that was paid for before, byte for byte."""

    answer: bytes


class Reservation:
    """Rho that is spent, whatever happens next. Only a ledger builds it, and it pays for one release."""

    __slots__ = ("_taken", "charge", "number")

    def __init__(self, charge: Charge, number: int, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only a ledger builds a Reservation.")
        self.charge = charge
        self.number = number
        self._taken = False

    def take(self) -> NanoRho:
        """Give the reserved rho, once.

        Raises:
            ReservationUsed: the second time.
        """
        if self._taken:
            raise ReservationUsed
        self._taken = True
        return self.charge.rho


class Ledger(Protocol):
    """Records what was spent before anything is answered. Safe to call from many threads."""

    def find(self, charge: Charge) -> StoredAnswer | None:
        """Look up the answer that was committed for the same charge.

        Raises:
            LedgerUnavailable: if the ledger cannot be read.
        """
        ...

    def reserve(self, charge: Charge, limits: Limits) -> Reservation | StoredAnswer:
        """Spend durably, or give the stored answer of the same charge, which costs nothing.

        While the same charge is reserved and not yet committed, this waits for what becomes of it. From the
        return on the rho is spent, also when the process dies at once.

        Raises:
            BudgetExceeded: if a limit would be passed; nothing was spent.
            LedgerUnavailable: if the ledger cannot be written.
        """
        ...

    def commit(self, reservation: Reservation, answer: bytes) -> None:
        """Store the answer durably; it may be given from now on.

        Raises:
            LedgerUnavailable: if it cannot be stored. The rho stays spent, the answer must not be given.
        """
        ...

    def abandon(self, reservation: Reservation) -> None:
        """Give up a reservation: its rho stays spent, who waits for it goes on. Nothing after a commit."""
        ...

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        """Sum up what a partner has spent on a dataset.

        Raises:
            LedgerUnavailable: if the ledger cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of the storage."""
        ...

    @staticmethod
    def _grant(charge: Charge, number: int) -> Reservation:
        """For adapters alone: build the reservation of a charge that was recorded."""
        return Reservation(charge, number, _SEAL)
