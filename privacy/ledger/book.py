"""The rules of the ledger over any database: charges against limits, the chain of entries, administration."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from privacy.dp.types import NanoRho
from privacy.ledger.chain import Entry, Fact, Kind, sealed
from privacy.ledger.periods import LIFE, next_period, period_of, periods_of
from privacy.ledger.port import BudgetExceeded, Charge, Limits, Standing, StoredAnswer
from privacy.ledger.store import Sql, Store
from privacy.ledger.terms import ALL, DAY, Terms, declaration, partner_holder

_ENTRY = "SELECT number, kind, dataset, at, body, hash FROM ledger_entry"
_LAST = f"{_ENTRY} ORDER BY number DESC LIMIT 1"
_PAGE = f"{_ENTRY} WHERE number > ? ORDER BY number LIMIT 5000"
_TERMS = f"{_ENTRY} WHERE dataset = ? AND kind IN ('declared', 'limit', 'grant', 'identity') ORDER BY number"
_APPEND = "INSERT INTO ledger_entry (number, kind, dataset, at, body, hash) VALUES (?, ?, ?, ?, ?, ?)"
_SPENT = "SELECT spent_nano FROM ledger_account WHERE dataset = ? AND holder = ? AND period = ?"
_MOST_SPENT_DAY = """SELECT coalesce(max(spent_nano), 0) FROM ledger_account
    WHERE dataset = ? AND holder >= ? AND holder < ? AND period = ''"""
_SPEND = """INSERT INTO ledger_account (dataset, holder, period, spent_nano) VALUES (?, ?, ?, ?)
    ON CONFLICT (dataset, holder, period) DO UPDATE SET spent_nano = ledger_account.spent_nano + excluded.spent_nano"""
_BY_IDENTITY = """SELECT dataset, holder, spent_nano FROM ledger_account
    WHERE holder >= 'identity:' AND holder < 'identity;' ORDER BY dataset"""
_ACCOUNTS = "SELECT dataset, holder, period, spent_nano FROM ledger_account"
_FIND = "SELECT answer FROM ledger_answer WHERE partner = ? AND dataset = ? AND table_version = ? AND question = ?"
_ANSWER = """INSERT INTO ledger_answer (partner, dataset, table_version, question, charge, answer)
    VALUES (?, ?, ?, ?, ?, ?)"""
_ANSWERS = "SELECT charge, partner, dataset, table_version, question, answer FROM ledger_answer WHERE charge > ?"

Account = tuple[str, str, str]
"""Dataset, holder (see `terms`; days as day:2026-01-31, identity versions as identity:7) and period."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who changes something, and why: a name, and a sentence of 3 to 300 characters."""

    name: str
    why: str


class Book:
    """One ledger in a store.

    Args:
        store: Where it is kept.
        now: The clock; budgets are new by its date in UTC.
    """

    def __init__(self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self._now = now

    def find(self, charge: Charge) -> StoredAnswer | None:
        """Look up the answer that was committed for the same charge."""
        with self.store.reading() as sql:
            found = sql.rows(_FIND, *charge.key)
        return StoredAnswer(bytes(found[0][0])) if found else None

    def charge(self, charge: Charge, limits: Limits) -> Entry:
        """Spend durably.

        Raises:
            BudgetExceeded: if a limit would be passed; nothing was spent.
        """
        with self.store.writing() as sql:
            terms = self._terms(sql, charge.dataset)
            if terms.declared != limits:
                facts = declaration(limits)
                self._append(sql, "declared", charge.dataset, facts)
                terms.take("declared", facts)
            entry = self._append(sql, "charge", charge.dataset, _facts(charge))
            self._check(sql, charge, terms, entry.time.date())
            sql.many(_SPEND, [(*account, charge.rho) for account in accounts_of(charge, entry.time.date())])
        return entry

    def commit(self, number: int, charge: Charge, answer: bytes) -> None:
        """Store the answer of a charge durably, with its hash in the chain."""
        facts: dict[str, Fact] = {"charge": number, "answer_sha256": hashlib.sha256(answer).hexdigest()}
        with self.store.writing() as sql:
            self._append(sql, "commit", charge.dataset, facts)
            sql.rows(_ANSWER, *charge.key, number, answer)

    def abandon(self, number: int, dataset: str) -> None:
        """Note that a charge will have no answer."""
        self.note("abandon", dataset, {"charge": number})

    def note(self, kind: Kind, dataset: str, facts: Mapping[str, Fact]) -> Entry:
        """Append an entry that changes no account."""
        with self.store.writing() as sql:
            return self._append(sql, kind, dataset, facts)

    def limit(self, dataset: str, holder: str, rho: NanoRho | None, who: Who) -> Entry:
        """Put a limit in the place of what the catalogue declares; None takes it back.

        Args:
            dataset: Its name.
            holder: `partner_holder(name)`, `ALL` or `DAY`.
            rho: What the holder may spend in each period, a day for ever.
            who: Who does it and why.
        """
        return self.note("limit", dataset, {"holder": holder, "rho_nano": rho, "who": who.name, "why": who.why})

    def grant(self, dataset: str, holder: str, rho: NanoRho, limits: Limits, who: Who) -> Entry:
        """Let a holder spend more in the period that runs now, or for life where budgets are never new."""
        period = period_of(limits.refresh, self.today())
        facts: dict[str, Fact] = {"holder": holder, "rho_nano": rho, "period": period, "who": who.name, "why": who.why}
        return self.note("grant", dataset, facts)

    def standing(self, dataset: str, holder: str, limits: Limits) -> Standing:
        """Say where a holder stands in the period that runs now; `DAY` tells the day with the most spent."""
        today = self.today()
        period = LIFE if holder == DAY else period_of(limits.refresh, today)
        with self.store.reading() as sql:
            terms = self._terms(sql, dataset)
            if holder == DAY:
                spent = int(sql.rows(_MOST_SPENT_DAY, dataset, "day:", "day;")[0][0])
            else:
                spent = self._spent(sql, dataset, holder, period)
        terms.take("declared", declaration(limits))
        until = None if holder == DAY else next_period(limits.refresh, today)
        return Standing(terms.limit(holder, period), NanoRho(spent), until)

    def spent(self, dataset: str, holder: str) -> NanoRho:
        """Sum up what a holder spent over the life of the ledger."""
        with self.store.reading() as sql:
            return NanoRho(self._spent(sql, dataset, holder, LIFE))

    def spent_by_identity(self) -> dict[str, dict[int, NanoRho]]:
        """Sum up for each dataset what was spent on answers from each identity version."""
        spent: dict[str, dict[int, NanoRho]] = {}
        with self.store.reading() as sql:
            for dataset, holder, nano in sql.rows(_BY_IDENTITY):
                spent.setdefault(dataset, {})[int(holder.partition(":")[2])] = NanoRho(int(nano))
        return spent

    def followed(self, dataset: str) -> Entry | None:
        """Find what was last written down of merged people."""
        with self.store.reading() as sql:
            entries = [_entry(row) for row in sql.rows(_TERMS, dataset)]
        return next((entry for entry in reversed(entries) if entry.kind == "identity"), None)

    def today(self) -> date:
        """The day that the ledger writes, UTC: never before that of its last entry."""
        with self.store.reading() as sql:
            last = self._last(sql)
        today = self._now().astimezone(UTC).date()
        return today if last is None else max(today, last.time.date())

    def entries(self) -> Iterator[Entry]:
        """Go through the chain as it was when this began."""
        with self.store.reading() as sql:
            yield from entries_of(sql)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def _append(self, sql: Sql, kind: Kind, dataset: str, facts: Mapping[str, Fact]) -> Entry:
        entry = sealed(self._last(sql), kind, dataset, facts, self._now())
        sql.rows(_APPEND, entry.number, entry.kind, entry.dataset, entry.at, entry.body, entry.hash)
        return entry

    def _last(self, sql: Sql) -> Entry | None:
        return next((_entry(row) for row in sql.rows(_LAST)), None)

    def _terms(self, sql: Sql, dataset: str) -> Terms:
        return Terms.of(_entry(row) for row in sql.rows(_TERMS, dataset))

    def _spent(self, sql: Sql, dataset: str, holder: str, period: str) -> int:
        found = sql.rows(_SPENT, dataset, holder, period)
        return int(found[0][0]) if found else 0

    def _check(self, sql: Sql, charge: Charge, terms: Terms, today: date) -> None:
        refresh = terms.declared.refresh if terms.declared else "never"
        period, until = period_of(refresh, today), next_period(refresh, today)
        holder = partner_holder(charge.partner)
        left = terms.limit(holder, period) - self._spent(sql, charge.dataset, holder, period)
        if charge.rho > left:
            raise BudgetExceeded("partner", charge.rho, NanoRho(max(0, left)), until=until)
        if self._spent(sql, charge.dataset, ALL, period) + charge.rho > terms.limit(ALL, period):
            raise BudgetExceeded("dataset", charge.rho, until=until)
        days = (charge.dataset, f"day:{charge.from_day}", f"day:{charge.until_day}")
        if int(sql.rows(_MOST_SPENT_DAY, *days)[0][0]) + charge.rho > terms.limit(DAY, LIFE):
            raise BudgetExceeded("days", charge.rho)


def accounts_of(charge: Charge, today: date) -> list[Account]:
    """List the accounts that a charge of that day is put on."""
    dataset, holders = charge.dataset, (partner_holder(charge.partner), ALL)
    by_period = [(dataset, holder, period) for holder in holders for period in periods_of(today)]
    others = (f"identity:{charge.identity_version}", *(f"day:{day}" for day in charge.days))
    return [*by_period, *((dataset, holder, LIFE) for holder in others)]


def charge_of(entry: Entry) -> Charge:
    """Read the charge that an entry tells of."""
    facts: dict[str, str | int] = dict(entry.facts)  # type: ignore[arg-type]
    return Charge(
        partner=str(facts["partner"]),
        dataset=entry.dataset,
        table_version=int(facts["table_version"]),
        question=bytes.fromhex(str(facts["question"])),
        rho=NanoRho(int(facts["rho_nano"])),
        from_day=date.fromisoformat(str(facts["from_day"])),
        until_day=date.fromisoformat(str(facts["until_day"])),
        identity_version=int(facts["identity_version"]),
    )


def entries_of(sql: Sql) -> Iterator[Entry]:
    """Go through the chain inside one transaction."""
    number = 0
    while page := sql.rows(_PAGE, number):
        yield from map(_entry, page)
        number = page[-1][0]


def account_rows(sql: Sql) -> dict[Account, int]:
    """Read all accounts."""
    return {(dataset, holder, period): int(spent) for dataset, holder, period, spent in sql.rows(_ACCOUNTS)}


def answer_rows(sql: Sql) -> Iterator[tuple[int, tuple[str, str, int, bytes], bytes]]:
    """Go through the stored answers: the charge's number, its key, and the SHA-256 of the answer."""
    number = 0
    while page := sql.rows(f"{_ANSWERS} ORDER BY charge LIMIT 200", number):
        for charge, partner, dataset, version, question, answer in page:
            yield charge, (partner, dataset, version, bytes(question)), hashlib.sha256(answer).digest()
        number = page[-1][0]


def _entry(row: tuple[int, str, str, str, str, bytes]) -> Entry:
    return Entry(*row[:5], bytes(row[5]))


def _facts(charge: Charge) -> dict[str, Fact]:
    return {
        "partner": charge.partner,
        "table_version": charge.table_version,
        "identity_version": charge.identity_version,
        "question": charge.question.hex(),
        "rho_nano": charge.rho,
        "from_day": charge.from_day.isoformat(),
        "until_day": charge.until_day.isoformat(),
    }
