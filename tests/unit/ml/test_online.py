"""What is promised of champions in memory: the newest that works answers, and something always does."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ml.online import Champions
from tests.fakes.prediction import FakeRegistry

DEADLINE_S = 30.0


class Unpicklable(Exception):
    pass


def champions(releases: dict[str, FakeRegistry], prepare: Callable[[Any], Any] = lambda model: model) -> Champions:
    return Champions(releases, prepare)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def versions(online: Champions) -> dict[str, int]:
    return {name: loaded.version for name, loaded in online.now().loaded.items()}


def test_only_tasks_with_a_champion_answer() -> None:
    having, lacking = FakeRegistry("one"), FakeRegistry("one")
    having.promote(1)
    online = champions({"handover": having, "resolution": lacking})
    assert versions(online) == {}
    online.refresh()
    assert versions(online) == {"handover": 1}
    assert online.now().loaded["handover"].model == "one"


def test_a_new_champion_takes_the_place_of_the_old_and_a_roll_back_brings_it_back() -> None:
    registry = FakeRegistry("one", "two")
    online = champions({"handover": registry})
    for version in (1, 2, 1):
        registry.promote(version)
        online.refresh()
        assert versions(online) == {"handover": version}
    assert registry.loads == [1, 2, 1]


def test_a_champion_that_did_not_change_is_not_loaded_again() -> None:
    registry = FakeRegistry("one")
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    before = online.now()
    online.refresh()
    assert online.now() is before
    assert registry.loads == [1]


def test_the_old_champion_answers_while_the_new_one_is_loaded() -> None:
    registry = FakeRegistry("one", "two")
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    registry.gate.clear()
    registry.promote(2)
    loading = threading.Thread(target=online.refresh)
    loading.start()
    assert versions(online) == {"handover": 1}
    registry.gate.set()
    loading.join(DEADLINE_S)
    assert versions(online) == {"handover": 2}


def test_a_lineup_in_use_does_not_change() -> None:
    registry = FakeRegistry("one", "two")
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    mine = online.now()
    registry.promote(2)
    online.refresh()
    assert mine.loaded["handover"].model == "one"


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one_and_is_told() -> None:
    registry = FakeRegistry("one", Unpicklable(), "three")
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    registry.promote(2)
    online.refresh()
    assert (versions(online), online.now().failed) == ({"handover": 1}, {"handover": 2})
    registry.promote(3)
    online.refresh()
    assert (versions(online), online.now().failed) == ({"handover": 3}, {})


def test_rolling_back_from_a_champion_that_cannot_be_loaded_clears_what_is_told() -> None:
    registry = FakeRegistry("one", Unpicklable())
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    registry.promote(2)
    online.refresh()
    registry.promote(1)
    online.refresh()
    assert (versions(online), online.now().failed) == ({"handover": 1}, {})


def test_a_champion_that_cannot_be_loaded_is_not_tried_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry(Unpicklable())
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    online.refresh()
    assert (registry.loads, online.now().failed) == ([1], {"handover": 1})
    monkeypatch.setattr("ml.online.RETRY_S", 0.0)
    registry.models[0] = "mended"
    online.refresh()
    assert (versions(online), online.now().failed) == ({"handover": 1}, {})


def test_a_champion_that_fails_its_trial_never_answers() -> None:
    def prepare(model: str) -> str:
        if model == "two":
            raise ZeroDivisionError
        return model.upper()

    registry = FakeRegistry("one", "two")
    registry.promote(1)
    online = champions({"handover": registry}, prepare)
    online.refresh()
    registry.promote(2)
    online.refresh()
    assert online.now().loaded["handover"].model == "ONE"
    assert online.now().failed == {"handover": 2}


def test_a_registry_that_cannot_be_read_changes_nothing_and_stops_no_other() -> None:
    locked, other = FakeRegistry("one"), FakeRegistry("one", "two")
    for registry in (locked, other):
        registry.promote(1)
    online = champions({"abandonment": locked, "handover": other})
    online.refresh()
    locked.unreadable = True
    other.promote(2)
    online.refresh()
    assert versions(online) == {"abandonment": 1, "handover": 2}


def test_a_task_whose_alias_was_taken_away_answers_no_more() -> None:
    registry = FakeRegistry("one")
    registry.promote(1)
    online = champions({"handover": registry})
    online.refresh()
    registry.promote(None)
    online.refresh()
    assert versions(online) == {}


def test_champions_are_followed_until_the_block_is_left() -> None:
    registry = FakeRegistry("one", "two", "three")
    registry.promote(1)
    online = champions({"handover": registry})
    with online.followed(0.01):
        until(lambda: versions(online) == {"handover": 1})
        registry.promote(2)
        until(lambda: versions(online) == {"handover": 2})
    registry.promote(3)
    assert registry.loads == [1, 2]
    assert "champions" not in {thread.name for thread in threading.enumerate()}
