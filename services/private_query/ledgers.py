"""Chooses the ledger's adapter, for the service and for commands, which need not load all that the service does."""

import os

from privacy.ledger.book import Book
from privacy.ledger.port import Ledger, LedgerUnavailable
from privacy.ledger.postgres import PostgresLedger, PostgresStore
from privacy.ledger.sqlite import SqliteLedger, SqliteStore
from services.settings import Home


def open_ledger(home: Home) -> Ledger:
    """Open the ledger of a home folder to answer from it.

    Raises:
        LedgerUnavailable: if it cannot be opened, or is an SQLite file from which another process answers.
    """
    where = _ledger_address(home)
    return PostgresLedger(where) if _is_postgres(where) else SqliteLedger(home.path(where))


def open_book(home: Home) -> Book:
    """Open the ledger of a home folder to look at or to administer, also beside running services.

    Raises:
        LedgerUnavailable: if it cannot be opened.
    """
    where = _ledger_address(home)
    return Book(PostgresStore(where) if _is_postgres(where) else SqliteStore(home.path(where)))


def has_ledger(home: Home) -> bool:
    """Say whether a home folder has a ledger: an SQLite file that is there, or any PostgreSQL address.

    Raises:
        LedgerUnavailable: if the environment does not hold the address that it should.
    """
    where = _ledger_address(home)
    return _is_postgres(where) or home.path(where).exists()


def _ledger_address(home: Home) -> str:
    where = home.settings.query.ledger
    if not where.startswith("env:"):
        return where
    found = os.environ.get(where.removeprefix("env:"))
    if not found:
        raise LedgerUnavailable("The environment variable that `ledger` in mangrove.toml names is not set. Set it.")
    return found


def _is_postgres(where: str) -> bool:
    return where.startswith(("postgresql://", "postgres://"))
