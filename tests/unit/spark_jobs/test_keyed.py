import random

import polars as pl
import pytest

from spark_jobs.lake import keyed
from spark_jobs.lake.comparing import KeyNotUnique
from spark_jobs.lake.files import make, read_all, rows_at, write_part
from spark_jobs.lake.schemas import INT, STRING, STRINGS, Column, Table
from spark_jobs.lake.snapshot import version_of

THINGS = Table(
    name="tests.things",
    meaning="Things.",
    key=("id", "kind"),
    writer="tests",
    columns=(
        Column("id", STRING, "which"),
        Column("kind", STRING, "of what kind"),
        Column("size", INT, "how big"),
        Column("tags", STRINGS, "what it is called"),
    ),
)
SCHEMA = pl.DataFrame(THINGS.schema.empty_table()).schema


def things(*rows):
    return pl.DataFrame([(id_, "thing", size, tags) for id_, size, tags in rows], SCHEMA, orient="row")


def keys(*ids):
    return things(*((id_, None, None) for id_ in ids)).select(THINGS.key)


@pytest.fixture
def root(tmp_path):
    make(str(tmp_path), THINGS)
    return str(tmp_path)


def content(root):
    files = rows_at(root, THINGS, version_of(root, THINGS))
    return sorted(read_all(THINGS, files, ("id", "size", "tags")).rows())


def put(root, rows, gone=(), reflects=None):
    return keyed.patch(root, THINGS, rows, keys(*gone), reflects or {})


def replace(root, *frames):
    return keyed.replace_all(root, THINGS, [write_part(root, THINGS, rows) for rows in frames], {})


def test_a_patch_leaves_the_rest(root):
    put(root, things(("a", 1, ["x"]), ("b", 2, None), ("c", 3, [])))
    changes = put(root, things(("a", 1, ["x"]), ("b", 5, None), ("d", 4, None)), ["b", "c", "never"])
    assert (changes.inserted, changes.updated, changes.deleted, changes.rows) == (1, 1, 1, 3)
    assert content(root) == [("a", 1, ["x"]), ("b", 5, None), ("d", 4, None)]


def test_what_is_there_makes_no_commit_and_a_key_that_repeats_is_refused(root):
    put(root, things(("a", 1, None)))
    before = version_of(root, THINGS)
    assert not put(root, things(("a", 1, None))).any
    assert not replace(root, things(("a", 1, None))).any
    with pytest.raises(KeyNotUnique, match="nothing was written"):
        put(root, things(("a", 2, None), ("a", 3, None)))
    with pytest.raises(KeyNotUnique, match="nothing was written"):
        put(root, things((None, 2, None)))
    assert version_of(root, THINGS) == before
    assert content(root) == [("a", 1, None)]


def test_all_rows_are_replaced_and_what_differs_is_counted(root):
    assert replace(root, things(("a", 1, None)), things(("b", 2, None), ("c", 3, None))).inserted == 3
    changes = replace(root, things(("c", 3, None), ("b", 5, None), ("d", 4, None)))
    assert (changes.inserted, changes.updated, changes.deleted, changes.rows) == (1, 1, 1, 3)
    assert content(root) == [("b", 5, None), ("c", 3, None), ("d", 4, None)]


def test_all_rows_may_go(root):
    replace(root, things(("a", 1, None), ("b", 2, None)))
    assert replace(root).deleted == 2
    assert content(root) == []


def test_files_without_a_change_stay(root):
    replace(root, things(("a", 1, None)), things(("b", 2, None)))
    before = {file.path for file in rows_at(root, THINGS, version_of(root, THINGS))}
    put(root, things(("a", 1, None), ("b", 3, None)))
    after = {file.path for file in rows_at(root, THINGS, version_of(root, THINGS))}
    assert len(before & after) == 1


@pytest.mark.parametrize("small", [0, 5, 100_000])
def test_random_patches_give_what_a_dictionary_gives(root, monkeypatch, small):
    monkeypatch.setattr(keyed, "_SMALL", small)
    chance, expected = random.Random(small), {}
    for _ in range(12):
        new = {f"{chance.randrange(30)}": chance.randrange(3) for _ in range(chance.randrange(9))}
        gone = [f"{chance.randrange(30)}" for _ in range(chance.randrange(6))]
        before = dict(expected)
        expected = {id_: size for id_, size in expected.items() if id_ not in gone} | new
        changes = put(root, things(*((id_, size, None) for id_, size in new.items())), gone)
        assert content(root) == sorted((id_, size, None) for id_, size in expected.items())
        assert changes.rows == len(expected)
        assert changes.inserted == len(expected.keys() - before.keys())
        assert changes.deleted == len(before.keys() - expected.keys())
