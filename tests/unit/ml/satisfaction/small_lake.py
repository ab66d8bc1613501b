"""A small lake of judged conversations, written with delta-rs."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import write_deltalake

from spark_jobs.lake.tables import GOLD_FEATURES, SILVER_EVENTS
from tests.unit.ml.satisfaction.made_up import dialogues

START = datetime(2026, 3, 1, tzinfo=UTC)
ALLOWED, REFUSED = ["service", "learning"], ["service"]
REFUSING = "d-003"
"""One message of this conversation does not allow learning, though its moments say so."""
CLOSED = "d-005"
"""The moments of this conversation say that it may not be learned from."""
ONLY_CSAT = "d-007"
"""Only the end of this conversation was judged: with 1 of 5."""


def write_lake(root, count=60):
    """Conversations of six messages; each message but the first is judged."""
    talks = dialogues(count, seed=3)
    events = [row for n, one in enumerate(talks) for row in _events(one, START + timedelta(hours=n))]
    moments = [row for n, one in enumerate(talks) for row in _moments(one, n, START + timedelta(hours=n))]
    for table, rows in ((SILVER_EVENTS, events), (GOLD_FEATURES, moments)):
        write_deltalake(f"{root}/{table.path}", pa.Table.from_pylist(rows, table.schema), mode="overwrite")


def _events(talk, began):
    of = {"conversation_id": talk.dialogue_id, "purposes": ALLOWED}
    for place, turn in enumerate(talk.turns):
        at, order = began + timedelta(minutes=place), 2 * place + 1
        purposes = REFUSED if talk.dialogue_id == REFUSING and place == 2 else ALLOWED
        said = of | {"event_type": "message_sent", "turn": order, "text": turn.user, "purposes": purposes}
        yield said | {"event_id": f"{talk.dialogue_id}-{order}", "event_at": at, "party": "customer"}
        answered = said | {"turn": order + 1, "text": turn.agent, "event_at": at + timedelta(seconds=9)}
        yield answered | {"event_id": f"{talk.dialogue_id}-{order + 1}", "party": "bot", "purposes": ALLOWED}
        if turn.satisfaction is not None and talk.dialogue_id != ONLY_CSAT:
            yield _feedback(of, f"{talk.dialogue_id}-f{order}", at, ("turn", turn.satisfaction, order))
    if talk.dialogue_id == ONLY_CSAT:
        yield _feedback(of, f"{talk.dialogue_id}-f", began + timedelta(hours=1), ("csat", 1, None))


def _feedback(of, event_id, at, judged):
    kind, score, turn = judged
    told = {"event_id": event_id, "event_type": "feedback_given", "event_at": at + timedelta(seconds=20)}
    return of | told | {"feedback_kind": kind, "score": score, "turn": turn}


def _moments(talk, number, began):
    return [
        {
            "conversation_id": talk.dialogue_id,
            "turn": place + 1,
            "person_id": f"person.{number}",
            "as_of": began + timedelta(minutes=place),
            "channel": "chat",
            "language": "en",
            "may_learn": talk.dialogue_id != CLOSED,
        }
        for place in range(len(talk.turns))
    ]
