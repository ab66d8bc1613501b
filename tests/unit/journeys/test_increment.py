import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from spark_jobs.journeys.increment import ALWAYS, FOUND_COLUMNS, JOURNEY_COLUMNS, affected, found, owners, search
from spark_jobs.journeys.whose import PEOPLE_COLUMNS
from spark_jobs.lake import tables
from spark_jobs.lake.files import (
    Difference,
    Rows,
    difference,
    make,
    read_all,
    replace_files,
    rows_at,
    share_out,
    write_part,
)
from tests.unit.journeys.generated_events import START, a_token, an_event, rows_of

TALK_COLUMNS = ("conversation_id", "started_at")


def people_of(*rows):
    return rows_of(tables.IDENTITY_PEOPLE, list(rows), PEOPLE_COLUMNS)


def talks_of(*rows):
    return rows_of(tables.SILVER_CONVERSATIONS, list(rows), TALK_COLUMNS)


def events_of(*rows):
    return rows_of(tables.SILVER_EVENTS, list(rows), FOUND_COLUMNS)


def micros(moment):
    return pl.Series([moment]).to_physical()[0]


def journeys(*rows):
    there = rows_of(tables.GOLD_JOURNEYS, list(rows), JOURNEY_COLUMNS)
    return lambda ids: there.filter(pl.col("person_id").is_in(ids.implode()))


NOTHING = Difference(people_of(), people_of())
NO_TALKS = Difference(talks_of(), talks_of())


def test_what_is_new_itself_needs_no_search():
    new = Difference(people_of(), people_of(a_token("customer.1.a")))
    assert search(NOTHING, NO_TALKS, tokens_known=False, talks_known=False) is None
    assert search(new, NO_TALKS, tokens_known=True, talks_known=False) is None


def test_a_token_that_moved_is_looked_for_since_ever_and_a_conversation_since_it_began():
    moved = Difference(people_of(a_token("customer.1.a")), people_of(a_token("customer.1.a", "person.b")))
    assert search(moved, NO_TALKS, tokens_known=True, talks_known=False).since == ALWAYS
    talk = {"conversation_id": "conversation.1.x", "started_at": START}
    assert search(
        NOTHING, Difference(talks_of(), talks_of(talk)), tokens_known=False, talks_known=False
    ).since == micros(START)


def test_a_conversation_that_is_new_concerns_new_events_only_if_all_were_known():
    talk = {"conversation_id": "conversation.1.x", "started_at": START}
    begun, went_on = Difference(talks_of(), talks_of(talk)), Difference(talks_of(talk), talks_of(talk))
    assert search(NOTHING, begun, tokens_known=True, talks_known=True) is None
    assert search(NOTHING, begun, tokens_known=True, talks_known=False) is not None
    assert search(NOTHING, went_on, tokens_known=True, talks_known=True).conversations.to_list() == ["conversation.1.x"]


def test_events_are_found_by_token_and_by_conversation():
    moved = Difference(people_of(a_token("customer.1.a")), people_of())
    talk = {"conversation_id": "conversation.1.x", "started_at": START}
    wanted = search(moved, Difference(talks_of(), talks_of(talk)), tokens_known=True, talks_known=False)
    events = events_of(
        an_event(1), an_event(2, identifiers=[]), an_event(3, identifiers=None, conversation_id="conversation.1.x")
    )
    assert found(events, wanted)["event_id"].to_list() == ["event.1.000001", "event.1.000003"]


def test_a_person_is_built_again_since_the_journey_of_the_first_change():
    day = timedelta(days=1)
    theirs = [
        {
            "person_id": "person.a",
            "started_at": START - 9 * day,
            "ended_at": START - 9 * day,
            "paid_at": START - 9 * day,
        },
        {"person_id": "person.a", "started_at": START - 5 * day, "ended_at": START - 2 * day},
        {"person_id": "person.a", "started_at": START + 2 * day, "ended_at": START + 2 * day},
        {"person_id": "person.b", "started_at": START - 9 * day, "ended_at": START - 3 * day},
        {"person_id": "person.z", "started_at": START - day, "ended_at": START},
    ]
    people = people_of(a_token("customer.1.a", "person.a"), a_token("customer.1.b", "person.b"))
    named = [{"type": "customer", "token": "customer.1.b"}]
    changed = owners(events_of(an_event(1), an_event(2, START + day), an_event(3, identifiers=named)), people)
    concerned = affected([changed], journeys(*theirs), people)
    since = {"person.a": micros(START - 5 * day), "person.b": micros(START)}
    assert dict(concerned.wanted.people.select("person_id", "since").rows()) == since
    assert set(concerned.wanted.people["settled"]) == {micros(START - 3 * day)}
    assert dict(concerned.wanted.tokens.rows()) == {
        "customer.1.a": since["person.a"],
        "customer.1.b": since["person.b"],
    }
    assert concerned.paid_before == {"person.a": micros(START - 9 * day)}
    assert concerned.wanted.of_nobody.is_empty()


def a_transition(step, **more):
    blank = dict.fromkeys(tables.GOLD_TRANSITIONS.schema.names)
    row = {**blank, "journey_id": "journey.a", "step": step, "changed_at": START + timedelta(days=step), **more}
    return pl.DataFrame(pa.Table.from_pylist([row], tables.GOLD_TRANSITIONS.schema))


def test_files_are_replaced_in_one_commit_and_the_rows_that_differ_are_told(tmp_path):
    root, table = str(tmp_path), tables.GOLD_TRANSITIONS
    make(root, table)
    parts = [write_part(root, table, a_transition(step)) for step in (1, 2)]
    replace_files(root, table, [], parts, {"silver.events": 4})
    first, second = sorted(rows_at(root, table, 1), key=lambda file: file.path != parts[0].path)
    assert [file.path for file in rows_at(root, table, 1, ("changed_at", micros(START + timedelta(days=2))))] == [
        second.path
    ]
    replace_files(root, table, [first], [write_part(root, table, a_transition(1, gap_s=5.0))], {"silver.events": 5})
    changed = difference(root, table, (1, 2), ("step", "gap_s"), 10)
    assert (changed.gone.rows(), changed.new.rows()) == ([(1, None)], [(1, 5.0)])
    assert difference(root, table, (1, 2), ("step",), 10).new.is_empty()
    assert difference(root, table, (1, 2), ("step", "gap_s"), 1) is None
    assert json.loads(DeltaTable(f"{root}/{table.path}").history(1)[0]["userMetadata"]) == {"silver.events": 5}


def test_a_version_whose_files_are_gone_tells_nothing(tmp_path):
    root, table = str(tmp_path), tables.GOLD_TRANSITIONS
    make(root, table)
    replace_files(root, table, [], [write_part(root, table, a_transition(1))], {})
    (file,) = rows_at(root, table, 1)
    replace_files(root, table, [file], [write_part(root, table, a_transition(2))], {})
    Path(file.uri).unlink()
    assert difference(root, table, (1, 2), ("step",), 10) is None


def test_a_table_of_an_older_version_gets_the_columns_declared_since(tmp_path):
    root, table = str(tmp_path), tables.GOLD_TRANSITIONS
    older = replace(table, columns=table.columns[:5])
    make(root, older)
    replace_files(root, older, [], [write_part(root, older, a_transition(1))], {})
    make(root, table)
    (file,) = rows_at(root, table, DeltaTable(f"{root}/{table.path}").version())
    assert read_all(table, [file], ("step", "gap_s", "back_and_forth")).rows() == [(1, None, None)]
    assert DeltaTable(f"{root}/{table.path}").schema().to_arrow().names == table.schema.names


@pytest.mark.parametrize("seed", range(20))
def test_all_rows_are_dealt_out_once_in_stretches(seed):
    chance = random.Random(seed)
    files = [Rows(f"f{n}", "", 0, 0, chance.randrange(1, 3000)) for n in range(chance.randrange(6))]
    shares = share_out(files, chance.randrange(1, 6), 700)
    dealt = sorted((rows.uri, rows.offset, rows.count) for share in shares for rows in share)
    assert all(0 < count <= 700 for _, _, count in dealt)
    covered = {}
    for uri, offset, count in dealt:
        assert covered.get(uri, 0) == offset
        covered[uri] = offset + count
    assert covered == {file.uri: file.count for file in files}
