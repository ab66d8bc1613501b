"""Checks a ledger against itself: every entry, every limit, every account and every stored answer, from the start."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from privacy.errors import MangroveError
from privacy.ledger.book import Account, Book, account_rows, accounts_of, answer_rows, charge_of, entries_of
from privacy.ledger.chain import START, Entry
from privacy.ledger.periods import LIFE, period_of
from privacy.ledger.port import Charge
from privacy.ledger.store import Sql
from privacy.ledger.terms import ALL, DAY, Terms, partner_holder


class LedgerBroken(MangroveError):
    """The ledger was changed behind its back. `entry` is the first that does not fit, None for what is no entry."""

    reason = "LEDGER_BROKEN"

    def __init__(self, entry: int | None, why: str) -> None:
        self.entry = entry
        where = "The ledger does not fit" if entry is None else f"Entry {entry} of the ledger does not fit"
        super().__init__(f"{where}: {why}. Stop the service, keep the ledger as it is, and compare it with a backup.")


@dataclass(frozen=True, slots=True)
class Verified:
    """What fits: so many entries, of them charges and answers, and the hash of the last one."""

    entries: int
    charges: int
    answers: int
    head: bytes


def verify(book: Book, known: bytes | None = None) -> Verified:
    """Check one state of a ledger, also beside a running service.

    Args:
        book: The ledger.
        known: The hash of an entry that must be in the chain, from a receipt or an earlier check: without one, who
            cuts the end off, or writes the whole chain anew, is not seen.

    Raises:
        LedgerBroken: naming the first entry that does not fit.
        LedgerUnavailable: if the ledger cannot be read.
    """
    replay, found = _Replay(), known is None
    with book.store.reading() as sql:
        for entry in entries_of(sql):
            replay.take(entry)
            found = found or entry.hash == known
        _check_answers(sql, replay)
        _check_accounts(sql, replay)
    if not found:
        raise LedgerBroken(None, "no entry has the hash that was to be there, so entries were cut off or written anew")
    return Verified(replay.number, replay.charges, replay.answers, replay.head)


@dataclass(slots=True)
class _Replay:
    """What the entries so far add up to."""

    number: int = 0
    charges: int = 0
    answers: int = 0
    head: bytes = START
    at: str = ""
    accounts: Counter[Account] = field(default_factory=Counter)
    _terms: defaultdict[str, Terms] = field(default_factory=lambda: defaultdict(Terms))
    _open: dict[int, Charge] = field(default_factory=dict)
    committed: dict[int, tuple[Charge, str]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Check the next entry and add it."""
        if entry.number != self.number + 1:
            raise LedgerBroken(self.number + 1, "it is missing")
        if not entry.fits(self.head):
            raise LedgerBroken(entry.number, "its hash is not that of its content and of the entry before")
        if entry.at < self.at:
            raise LedgerBroken(entry.number, "it is older than the entry before")
        self.number, self.head, self.at = entry.number, entry.hash, entry.at
        try:
            self._follow(entry)
        except (KeyError, ValueError, TypeError):
            raise LedgerBroken(entry.number, "it does not tell what an entry of its kind tells") from None

    def _follow(self, entry: Entry) -> None:
        if entry.kind == "charge":
            self._charge(entry)
        elif entry.kind in {"commit", "abandon"}:
            charge = self._open.pop(int(str(entry.facts["charge"])), None)
            if charge is None or charge.dataset != entry.dataset:
                raise LedgerBroken(entry.number, "it ends a charge that is not open")
            if entry.kind == "commit":
                self.answers += 1
                self.committed[int(str(entry.facts["charge"]))] = charge, str(entry.facts["answer_sha256"])
        else:
            self._terms[entry.dataset].take(entry.kind, entry.facts)

    def _charge(self, entry: Entry) -> None:
        charge, day = charge_of(entry), entry.time.date()
        self.charges += 1
        self._open[entry.number] = charge
        for account in accounts_of(charge, day):
            self.accounts[account] += charge.rho
        terms = self._terms[charge.dataset]
        period = period_of(terms.declared.refresh if terms.declared else "never", day)
        limits = {(partner_holder(charge.partner), period): partner_holder(charge.partner), (ALL, period): ALL}
        limits |= {(f"day:{one}", LIFE): DAY for one in charge.days}
        for (holder, within), kind in limits.items():
            if self.accounts[charge.dataset, holder, within] > terms.limit(kind, within):
                raise LedgerBroken(entry.number, "it spends more than a limit that was in force")


def _check_answers(sql: Sql, replay: _Replay) -> None:
    missing = dict(replay.committed)
    for number, key, digest in answer_rows(sql):
        charge, committed = missing.pop(number, (None, ""))
        if charge is None:
            raise LedgerBroken(number, "an answer is stored for it that was never committed")
        if key != charge.key or digest.hex() != committed:
            raise LedgerBroken(number, "the answer that is stored for it is not the one that was committed")
    if missing:
        raise LedgerBroken(min(missing), "the answer that was committed for it is gone")


def _check_accounts(sql: Sql, replay: _Replay) -> None:
    if account_rows(sql) != dict(replay.accounts):
        raise LedgerBroken(None, "an account is not the sum of the charges on it")
