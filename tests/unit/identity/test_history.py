from datetime import UTC, datetime

import polars as pl

from spark_jobs.identity.rebuild import build_history, build_versions
from spark_jobs.lake.tables import IDENTITY_HISTORY, IDENTITY_VERSIONS

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOTHING = pl.DataFrame(IDENTITY_HISTORY.schema.empty_table())


def people(**of):
    return pl.DataFrame(list(of.items()), {"token": pl.String, "person_id": pl.String}, orient="row")


def test_history_gains_a_version_with_a_change_and_none_without():
    first = build_history(NOTHING, people(a="A", b="B"), 0)
    assert sorted(first.rows()) == [(1, "a", None, "A"), (1, "b", None, "B")]
    assert build_history(first, people(a="A", b="B"), 1).is_empty()
    joined = build_history(first, people(a="A", b="A"), 1)
    assert joined.rows() == [(2, "b", "B", "A")]
    gone = build_history(pl.concat([first, joined]), people(a="A"), 2)
    assert gone.rows() == [(3, "b", "A", None)]
    back = build_history(pl.concat([first, joined, gone]), people(a="A", b="B"), 3)
    assert back.rows() == [(4, "b", None, "B")]
    assert first.schema == NOTHING.schema == back.schema


def test_each_version_says_since_when_it_is_known():
    history = pl.DataFrame([(1, "a", None, "A"), (2, "b", None, "A")], NOTHING.schema, orient="row")
    empty = pl.DataFrame(IDENTITY_VERSIONS.schema.empty_table())
    known = pl.concat([empty, pl.DataFrame([(1, START, 1)], empty.schema, orient="row")])
    fresh = build_versions(known, history, START)
    assert fresh.rows() == [(2, START, 1)]
    assert build_versions(pl.concat([known, fresh]), history, START).is_empty()
