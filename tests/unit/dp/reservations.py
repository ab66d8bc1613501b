"""Reservations for tests, from a ledger without a limit that matters."""

from datetime import date

from privacy.dp.types import NanoRho
from privacy.ledger.port import Charge, Limits, Reservation
from tests.fakes.ledger import FakeLedger


def a_reservation(rho_nano: int) -> Reservation:
    """A reservation of that much."""
    rho = NanoRho(rho_nano)
    charge = Charge("partner", "conversations", 0, b"q" * 32, rho, date(2026, 1, 1), date(2026, 1, 2))
    reservation = FakeLedger().reserve(charge, Limits(rho, rho, rho))
    assert isinstance(reservation, Reservation)
    return reservation
