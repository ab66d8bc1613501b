from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from spark_jobs.identity.increment import News, increment
from spark_jobs.identity.lake_state import LakeState
from spark_jobs.lake import tables
from tests.unit.identity.streams import (
    Chance,
    MemoryState,
    an_event,
    differences,
    frame,
    in_full,
    matches,
    nothing_yet,
    patched,
    standing,
)

NO_TOKENS = pl.Series("token", [], dtype=pl.String)


@pytest.mark.parametrize("seed", range(24))
def test_increments_give_what_a_full_run_gives(seed: int) -> None:
    """All guards, decisions that come and go, matches, rotated keys, things that change hands."""
    chance = Chance(seed, rotated=seed % 2 == 0)
    events = chance.events(chance.random.choice((20, 60, 120)))
    cuts = [*sorted(chance.random.sample(range(len(events)), 4)), len(events)]
    rows, decided, pairs, start = nothing_yet(), [], [], 0
    for end in cuts:
        before = [token for _, *tokens in decided for token in tokens] + [token for pair in pairs for token in pair]
        if chance.random.random() < 0.5:
            decided, pairs = chance.decisions(), chance.pairs(3)
        now = [token for _, *tokens in decided for token in tokens] + [token for pair in pairs for token in pair]
        state = MemoryState(rows, frame(events[:end]), matches(*pairs))
        touched = pl.Series("token", before + now, dtype=pl.String)
        rows = patched(rows, state, News(frame([]), frame(events[start:end]), touched, standing(*decided)))
        assert differences(rows, in_full(frame(events[:end]), matches(*pairs), standing(*decided))) == {}
        start = end


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_stopped_after_the_links_is_made_good(seed: int) -> None:
    chance = Chance(seed)
    events = chance.events(80)
    before, after = in_full(frame(events[:40])), in_full(frame(events[:60]))
    # The links were written, the other tables were not; then more events came.
    stopped = type(before)(after.links, before.quarantine, before.people)
    news = News(frame(events[40:60]), frame(events[60:]), NO_TOKENS, standing())
    rows = patched(stopped, MemoryState(stopped, frame(events), matches()), news)
    assert differences(rows, in_full(frame(events))) == {}


def test_only_the_groups_that_are_touched_are_loaded() -> None:
    events = [an_event(n, f"email.1.{n:04d}", f"cookie.1.{n:04d}") for n in range(500)]
    desk = [an_event(f"d{n}", "phone.1.desk", f"email.1.{n:04d}") for n in range(400)]
    before = in_full(frame(events + desk))
    new = an_event("new", "email.1.0450", "cookie.1.new")
    state = MemoryState(before, frame([*events, *desk, new]), matches())
    patch = increment(state, News(frame([]), frame([new]), NO_TOKENS, standing()))
    assert set(patch.new.people["token"]) == {"email.1.0450", "cookie.1.0450", "cookie.1.new"}
    assert sum(state.asked) < 10
    # What is shared is looked at with its own links, but not with the groups of those whom it was seen with.
    called = an_event("call", "phone.1.desk", "email.1.0499")
    state = MemoryState(before, frame([*events, *desk, called]), matches())
    patch = increment(state, News(frame([]), frame([called]), NO_TOKENS, standing()))
    assert set(patch.new.people["token"]) == {"phone.1.desk", "email.1.0499", "cookie.1.0499"}


def test_a_limit_that_no_longer_holds_reaches_those_who_were_kept_apart() -> None:
    calls = [an_event(n, "phone.1.p", f"email.1.{n}") for n in range(6)]
    before = in_full(frame(calls))
    assert before.quarantine["token"].to_list() == ["phone.1.p"]
    # Two of the six e-mail addresses turn out to be one under two keys.
    late = an_event("late", "email.1.5", aliases=(("email.1.5", "email.1.4"),))
    state = MemoryState(before, frame([*calls, late]), matches())
    rows = patched(before, state, News(frame([]), frame([late]), NO_TOKENS, standing()))
    assert differences(rows, in_full(frame([*calls, late]))) == {}
    assert rows.people["person_id"].n_unique() == 1


def test_what_is_looked_up_in_the_lake_is_what_is_looked_up_in_memory(tmp_path: Path) -> None:
    chance = Chance(3)
    events, pairs = frame(chance.events(120)), matches(*chance.pairs(5))
    rows = in_full(events, pairs)
    assert rows.people["same_as"].count() > 0
    kinds = {"type_a": pl.lit("email"), "type_b": pl.lit("email")}
    blank = [pl.lit(None).alias(name) for name in tables.SILVER_EVENTS.schema.names if name not in events.columns]
    for table, written in (
        (tables.IDENTITY_PEOPLE, rows.people),
        (tables.IDENTITY_LINKS, rows.links),
        (tables.IDENTITY_MATCHES, pairs.with_columns(**kinds)),
        (tables.SILVER_EVENTS, events.with_columns(*blank)),
    ):
        write_deltalake(f"{tmp_path}/{table.path}", written.select(table.schema.names).to_arrow().cast(table.schema))
    lake, memory = LakeState(str(tmp_path)), MemoryState(rows, events, pairs)
    tokens, groups = rows.people["seen_as"].sample(9, seed=1), rows.people["group_id"].drop_nulls().sample(3, seed=1)
    nothing = LakeState(str(tmp_path / "nothing"))
    for ask in (
        lambda state: state.people(tokens, groups),
        lambda state: state.people(tokens, groups.clear()),
        lambda state: state.links(tokens),
        lambda state: state.matches(pairs["token_a"]),
        lambda state: state.events(tokens),
    ):
        one, other = ask(lake), ask(memory)
        key = one.columns[:2]
        assert one.sort(key).equals(other.select(one.columns).sort(key))
        assert len(one)
    assert nothing.people(tokens, groups).schema == lake.people(tokens, groups).schema
