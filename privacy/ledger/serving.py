"""The ledger as the service uses it: a book, and who is at work on which question."""

import contextlib
import threading
import time
from typing import Protocol

from privacy.dp.types import NanoRho
from privacy.ledger.book import Book
from privacy.ledger.port import (
    Charge,
    Ledger,
    LedgerUnavailable,
    Limits,
    Reservation,
    ReservationUsed,
    Standing,
    StoredAnswer,
)
from privacy.ledger.terms import partner_holder

WAIT_S = 60.0

Key = tuple[str, str, int, bytes]


class Claims(Protocol):
    """Which questions are being answered, over all processes of a ledger. A process that dies claims nothing."""

    poll_s: float
    """How long to wait before trying again what another process may have let go of, in seconds."""

    def take(self, key: Key) -> bool:
        """Claim a question unless another process has it."""
        ...

    def drop(self, key: Key) -> None:
        """Let go of a question."""
        ...


class BookLedger(Ledger):
    """The ledger over a book.

    A question that is charged and has no answer is either claimed, or was cut off by a crash: then it stays spent
    and the same question is charged again.
    """

    def __init__(self, book: Book, claims: Claims) -> None:
        self.book = book
        self._claims = claims
        self._changed = threading.Condition()
        self._pending: set[Key] = set()
        self._open: set[int] = set()

    def find(self, charge: Charge) -> StoredAnswer | None:
        """Look up the answer that was committed for the same charge."""
        return self.book.find(charge)

    def reserve(self, charge: Charge, limits: Limits) -> Reservation | StoredAnswer:
        """Spend durably, or give the stored answer; wait while the same charge is pending."""
        self._claim(charge.key)
        try:
            stored = self.book.find(charge)
            if stored is None:
                entry = self.book.charge(charge, limits)
        except BaseException:
            self._let_go(charge.key)
            raise
        if stored is not None:
            self._let_go(charge.key)
            return stored
        with self._changed:
            self._open.add(entry.number)
        return self._grant(charge, entry.number, entry.hash, entry.time)

    def commit(self, reservation: Reservation, answer: bytes) -> None:
        """Store the answer durably, and wake who waits for it."""
        if not self._end(reservation):
            raise ReservationUsed
        try:
            self.book.commit(reservation.number, reservation.charge, answer)
        finally:
            self._let_go(reservation.charge.key)

    def abandon(self, reservation: Reservation) -> None:
        """Give up a reservation: its rho stays spent, and whoever waits for it goes on."""
        if not self._end(reservation):
            return
        try:
            # That it was given up is worth a note and no more: without it the charge is spent just the same.
            with contextlib.suppress(LedgerUnavailable):
                self.book.abandon(reservation.number, reservation.charge.dataset)
        finally:
            self._let_go(reservation.charge.key)

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        """Sum up what a partner has spent on a dataset over the life of the ledger."""
        return self.book.spent(dataset, partner_holder(partner))

    def standing(self, partner: str, dataset: str, limits: Limits) -> Standing:
        """Say where a partner stands at the moment."""
        return self.book.standing(dataset, partner_holder(partner), limits)

    def close(self) -> None:
        """Let go of the storage."""
        self.book.close()

    def _end(self, reservation: Reservation) -> bool:
        with self._changed:
            is_open = reservation.number in self._open
            self._open.discard(reservation.number)
            return is_open

    def _claim(self, key: Key) -> None:
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while key in self._pending or not self._claims.take(key):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LedgerUnavailable
                self._changed.wait(min(left, self._claims.poll_s))
            self._pending.add(key)

    def _let_go(self, key: Key) -> None:
        with self._changed:
            self._pending.discard(key)
            with contextlib.suppress(LedgerUnavailable):
                self._claims.drop(key)
            self._changed.notify_all()
