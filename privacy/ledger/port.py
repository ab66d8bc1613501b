"""What a ledger promises. Every adapter passes tests/contract/test_ledger_contract.py."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.ledger.periods import Refresh

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
    others spent is not told. `until` is the day on which the budget is new, None for never.
    """

    reason = "BUDGET_EXCEEDED"

    def __init__(
        self,
        scope: Scope,
        cost: NanoRho,
        left: NanoRho | None = None,
        *,
        until: date | None = None,
        wider_error: int | None = None,
    ) -> None:
        self.scope = scope
        self.cost = cost
        self.left = left
        self.until = until
        super().__init__(_REFUSALS[scope] if scope == "days" else self._refusal(wider_error))

    def with_wider_error(self, wider_error: int | None) -> "BudgetExceeded":
        """Give the same refusal, which also names a target error that the rest would pay for."""
        return BudgetExceeded(self.scope, self.cost, self.left, until=self.until, wider_error=wider_error)

    def _refusal(self, wider_error: int | None) -> str:
        until = "" if self.until is None else f" until {self.until}"
        ways = [] if self.until is None else ["wait until then"]
        if self.scope == "dataset":
            told = f"the dataset's budget over all partners is used up{until}"
            return f"Budget exceeded: {told}. {_ways([*ways, 'ask the privacy officer'])}"
        if self.left:
            error = "the target error" if wider_error is None else f"the target error to ±{wider_error}"
            ways.insert(0, f"widen {error} or lower rho" if wider_error is None else f"widen {error}")
        told = f"this question costs rho {as_rho(self.cost)}, {as_rho(self.left or 0)} is left{until}"
        return f"Budget exceeded: {told}. {_ways([*ways, 'ask the privacy officer for more'])}"


_REFUSALS = {
    "days": "Budget exceeded: the budget of at least one day in the window is used up. Ask about other days, "
    "or ask the privacy officer."
}


def _ways(ways: list[str]) -> str:
    text = ", or ".join([", ".join(ways[:-1]), ways[-1]]) if len(ways) > 1 else ways[0]
    return f"{text[0].upper()}{text[1:]}."


@dataclass(frozen=True, slots=True)
class Charge:
    """What one partner is to pay for one question on one version of a table.

    `question` is the canonical hash of the question with its price, 32 bytes. The window is half open.
    `identity_version` is that of the people whose bounds the answer keeps, 0 if it is not known.
    """

    partner: str
    dataset: str
    table_version: int
    question: bytes
    rho: NanoRho
    from_day: date
    until_day: date
    identity_version: int = 0

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
    """What may be spent on a dataset: by one partner, by all together, and on the rows of one day.

    The first two are new at the start of each period of `refresh`, in UTC; that of a day never is.
    """

    partner: NanoRho
    dataset: NanoRho
    day: NanoRho
    refresh: Refresh = "never"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partner stands: its limit in force, what of it is spent, and the day it is new, None for never."""

    limit: NanoRho
    spent: NanoRho
    until: date | None

    @property
    def left(self) -> NanoRho:
        """What may still be spent, 0 or more."""
        return NanoRho(max(0, self.limit - self.spent))


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that was paid for before, byte for byte."""

    answer: bytes


class Reservation:
    """Rho that is spent, whatever happens next. Only a ledger builds it, and it pays for one release.

    `number`, `hash` (32 bytes) and `at` are those of the charge's entry in the chain.
    """

    __slots__ = ("_taken", "at", "charge", "hash", "number")

    def __init__(self, charge: Charge, number: int, hash: bytes, at: datetime, seal: object) -> None:  # noqa: A002
        if seal is not _SEAL:
            raise TypeError("Only a ledger builds a Reservation.")
        self.charge = charge
        self.number = number
        self.hash = hash
        self.at = at
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
            ReservationUsed: if it was committed or abandoned before.
        """
        ...

    def abandon(self, reservation: Reservation) -> None:
        """Give up a reservation: its rho stays spent, who waits for it goes on. Nothing after a commit."""
        ...

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        """Sum up what a partner has spent on a dataset over the life of the ledger.

        Raises:
            LedgerUnavailable: if the ledger cannot be read.
        """
        ...

    def standing(self, partner: str, dataset: str, limits: Limits) -> Standing:
        """Say where a partner stands at the moment, with what was changed since `limits` were declared.

        Raises:
            LedgerUnavailable: if the ledger cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of the storage."""
        ...

    @staticmethod
    def _grant(charge: Charge, number: int, hash: bytes, at: datetime) -> Reservation:  # noqa: A002
        """For adapters alone: build the reservation of a charge that was recorded."""
        return Reservation(charge, number, hash, at, _SEAL)
