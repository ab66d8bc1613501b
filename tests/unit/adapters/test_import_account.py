"""What is told at the end of an import adds up, names lines, and never holds a value."""

import io

from mangrove.collector.v1 import collector_pb2 as pb
from services.adapters.account import Account, Mapped, Skipped, Unmapped
from services.clients.collector import Tally
from tests.generated import an_event

ACCEPTED = pb.Verdict(code=pb.VERDICT_CODE_ACCEPTED)
DUPLICATE = pb.Verdict(code=pb.VERDICT_CODE_DUPLICATE)
INVALID = pb.Verdict(
    code=pb.VERDICT_CODE_REFUSED_INVALID,
    violations=[
        pb.FieldViolation(field="searched.query", reason="MAX_LENGTH"),
        pb.FieldViolation(field="event_id", reason="REQUIRED"),
        pb.FieldViolation(field="event_id", reason="REQUIRED"),
    ],
)
CONSENT = pb.Verdict(code=pb.VERDICT_CODE_REFUSED_CONSENT)
NEWER = pb.Verdict(code=99)


def test_refused_events_are_told_by_the_lines_that_they_came_from() -> None:
    rejects = io.StringIO()
    account = Account("line", rejects)
    rows = [
        Mapped(number, (an_event(event_id="13912345678" if number < 4 else str(number)),)) for number in range(2, 7)
    ]
    for row in rows:
        account.note(row)
        account.expect(row)
    account.note_verdicts([row.events[0] for row in rows], [ACCEPTED, DUPLICATE, INVALID, CONSENT, NEWER])
    assert rejects.getvalue().splitlines() == [
        "line,reason",
        "4,event_id:REQUIRED searched.query:MAX_LENGTH",
        "5,REFUSED_CONSENT",
        "6,REFUSED",
    ]
    assert account.rejected == 3
    assert "13912345678" not in "\n".join(account.lines(Tally()))


def test_nothing_is_remembered_of_what_was_answered() -> None:
    account = Account("line")
    for number in range(1000):
        row = Mapped(number, (an_event(event_id=str(number % 7)),))
        account.note(row)
        account.expect(row)
        account.note_verdicts(row.events, [ACCEPTED])
    assert not account._numbers_of


def test_the_account_counts_records_events_and_reasons() -> None:
    account = Account("mail")
    for number in range(1, 8):
        account.note(Unmapped(number, "date:MISSING"))
    account.note(Skipped(8, "bounce"))
    account.note(Mapped(9, (an_event(), an_event()), ("attachment left out",) * 3))
    tally = Tally()
    tally.count([ACCEPTED, DUPLICATE])
    assert account.lines(tally) == [
        "9 mails, 1 skipped (bounce)",
        "2 events: 1 ACCEPTED, 1 DUPLICATE",
        "    attachment left out: 3",
        "    date:MISSING: 7 (mail 1, 2, 3, 4, 5, …)",
    ]
