"""Clients who race for the last of a budget while their processes are killed at every step; run as a program.

    python -m tests.integration.ledger_race sqlite 200 [MUTANT]

One trial is one kill -9. The processes are forked from this one, which holds no connection and runs no thread while
it forks. A killed process is followed by the next one on the same ledger until the budget is used up; then the
ledger is checked, and a new one begins. With a mutant, a ledger without one of its defences, it has to fail.
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from privacy.dp.types import NanoRho
from privacy.ledger.book import Book
from privacy.ledger.chain import Entry
from privacy.ledger.port import BudgetExceeded, Charge, Ledger, LedgerUnavailable, Limits, StoredAnswer
from privacy.ledger.postgres import PostgresLedger
from privacy.ledger.serving import BookLedger
from privacy.ledger.sqlite import SqliteLedger
from privacy.ledger.store import Row, Sql, Store
from privacy.ledger.terms import ALL, partner_holder
from privacy.ledger.verifying import verify
from tests.postgres import new_ledger

CLIENTS = 64
COST = 10
LIMITS = Limits(NanoRho(700), NanoRho(1200), NanoRho(5000))
"""Two partners share 120 answers, and none has more than 70."""
PROCESSES = {"sqlite": 1, "postgres": 4}


class Death:
    """Ends the process by SIGKILL when it is met for the n-th time."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._lock = threading.Lock()

    def meet(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStore(Store):
    """A store in which death waits before and after each statement, and around each transaction's end."""

    def __init__(self, store: Store, death: Death) -> None:
        self._store = store
        self._death = death

    @contextmanager
    def reading(self) -> Iterator[Sql]:
        with self._store.reading() as sql:
            yield sql

    @contextmanager
    def writing(self) -> Iterator[Sql]:
        with self._store.writing() as sql:
            yield _DeadlySql(sql, self._death)
        self._death.meet()

    def close(self) -> None:
        self._store.close()


@dataclass
class _DeadlySql(Sql):
    sql: Sql
    death: Death

    def rows(self, statement: str, *values: Any) -> list[Row]:
        if not statement.startswith("SELECT"):
            self.death.meet()
        return self.sql.rows(statement, *values)

    def many(self, statement: str, values: Any) -> None:
        self.death.meet()
        self.sql.many(statement, values)
        self.death.meet()


class Unlocked(Book):
    """Looks whether the budget is there, and then spends it."""

    def charge(self, charge: Charge, limits: Limits) -> Entry:
        holder = partner_holder(charge.partner)
        for one, scope in ((holder, "partner"), (ALL, "dataset")):
            if self.standing(charge.dataset, one, limits).left < charge.rho:
                raise BudgetExceeded(scope, charge.rho)
        much = NanoRho(10**12)
        return super().charge(charge, replace(limits, partner=much, dataset=much))


class Forgetful(Book):
    """Gives answers that it did not store."""

    def commit(self, number: int, charge: Charge, answer: bytes) -> None:
        if random.random() < 0.9:
            super().commit(number, charge, answer)


MUTANTS = {"none": Book, "unlocked": Unlocked, "forgetful": Forgetful}


@dataclass
class Place:
    """Where a ledger of one trial after the other is kept, and what clients were given."""

    kind: str
    folder: Path
    address: str = ""
    book: type[Book] = Book
    given: dict[bytes, bytes] = field(default_factory=dict)

    def open(self) -> BookLedger:
        if self.kind == "postgres":
            ledger: BookLedger = PostgresLedger(self.address)
        else:
            ledger = SqliteLedger(self.folder / "ledger.sqlite")
        ledger.book = self.book(ledger.book.store)
        return ledger


def a_charge(rng: random.Random) -> Charge:
    question = rng.randrange(400).to_bytes(32, "big")
    return Charge(rng.choice(["ada", "bob"]), "d", 1, question, NanoRho(COST), date(2026, 1, 1), date(2026, 1, 3))


def client(ledger: Ledger, death: Death, seed: int, out: int) -> None:
    """Ask until the budget is used up; every answer given is written to `out` when it is given."""
    rng = random.Random(seed)
    while True:
        charge = a_charge(rng)
        try:
            found = ledger.reserve(charge, LIMITS)
        except BudgetExceeded as refusal:
            if refusal.scope == "dataset":
                return
            continue
        except LedgerUnavailable:
            return
        death.meet()
        answer = found.answer if isinstance(found, StoredAnswer) else rng.randbytes(8)
        if not isinstance(found, StoredAnswer):
            if rng.random() < 0.1:
                ledger.abandon(found)
                continue
            ledger.commit(found, answer)
            death.meet()
        os.write(out, json.dumps([charge.partner, charge.question.hex(), answer.hex()]).encode() + b"\n")


def process(place: Place, clients: int, dies_after: int, seed: int, out: int) -> None:
    """What a forked process does, to its end."""
    code = 1
    try:
        ledger, death = place.open(), Death(dies_after)
        ledger.book.store = DeadlyStore(ledger.book.store, death)
        threads = [threading.Thread(target=client, args=(ledger, death, seed + n, out)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def race(place: Place, rng: random.Random) -> int:
    """Run processes, most of them killed, until one finds the budget used up; return how many were killed."""
    processes, kills, done = PROCESSES[place.kind], 0, False
    while not done:
        reader, writer = os.pipe()
        children = []
        for _ in range(processes):
            seed, after = rng.randrange(2**60), int(rng.paretovariate(0.5))
            child = os.fork()
            if child == 0:
                os.close(reader)
                process(place, CLIENTS // processes, after, seed, writer)
            children.append(child)
        os.close(writer)
        _take_in(place, reader)
        ends = [os.waitpid(child, 0)[1] for child in children]
        kills += sum(os.WIFSIGNALED(end) for end in ends)
        if any(os.WIFEXITED(end) and os.WEXITSTATUS(end) for end in ends):
            raise AssertionError("A process failed.")
        done = any(map(os.WIFEXITED, ends))
    return kills


def _take_in(place: Place, reader: int) -> None:
    with os.fdopen(reader) as lines:
        for line in lines:
            partner, question, answer = json.loads(line)
            key = f"{partner} {question}".encode()
            assert place.given.setdefault(key, answer) == answer, "one question, two answers"


def check(place: Place) -> None:
    """Nothing was overspent, everything given was paid for, and the ledger fits."""
    ledger = place.open()
    found = verify(ledger.book)
    spent = {name: ledger.spent_by(name, "d") for name in ("ada", "bob")}
    assert sum(spent.values()) == LIMITS.dataset, spent
    assert max(spent.values()) <= LIMITS.partner, spent
    assert len(place.given) <= found.answers <= found.charges == LIMITS.dataset // COST
    for key, answer in place.given.items():
        partner, question = key.decode().split()
        charge = Charge(partner, "d", 1, bytes.fromhex(question), NanoRho(COST), date(2026, 1, 1), date(2026, 1, 3))
        assert ledger.find(charge) == StoredAnswer(bytes.fromhex(answer)), "an answer was given that was not kept"
    ledger.close()


def main(kind: str, trials: int, mutant: str = "none") -> None:
    rng, kills, ledgers = random.Random(), 0, 0
    address = ""
    while kills < trials:
        with tempfile.TemporaryDirectory() as folder:
            if kind == "postgres":
                address = new_ledger()
            place = Place(kind, Path(folder), address, MUTANTS[mutant])
            kills += race(place, rng)
            check(place)
            ledgers += 1
    print(json.dumps({"ledger": kind, "kills": kills, "ledgers": ledgers, "overspent": 0}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
