"""What is promised of a rotation of keys: nobody splits in its window, references never change, old keys end."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from privacy.pseudonyms import (
    MASKED_TYPES,
    PERSON_TYPES,
    REFERENCE_TYPES,
    EnvKeyProvider,
    FileKeyProvider,
    KeysUnavailable,
    Pseudonymiser,
    Token,
    make_key_file,
)
from privacy.pseudonyms.key_file import NotRotated, destroy_ended, rotate

QUARTER = timedelta(days=90)
PHONE = "13800138000"
ALL = (*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES, "linkage", "access")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_key_file(tmp_path / "keys.json", ALL)
    return tmp_path / "keys.json"


def made(path: Path) -> Callable[[str, str], str | None]:
    return Pseudonymiser(FileKeyProvider(path)).token


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def test_in_the_window_a_token_says_what_it_was_before(path: Path) -> None:
    before, now = made(path), datetime.now(UTC)
    rotate(path, PERSON_TYPES, window=QUARTER, now=now)
    after = made(path)
    for kind in PERSON_TYPES:
        old, new = before(kind, PHONE), after(kind, PHONE)
        assert isinstance(new, Token)
        assert old != new
        assert new.previous(micros(now)) == new.previous(micros(now + QUARTER) - 1_000_000) == [old]
        assert new.previous(micros(now + QUARTER)) == []


def test_a_token_after_the_window_says_nothing_of_before(path: Path) -> None:
    long_ago = datetime.now(UTC) - QUARTER - timedelta(minutes=1)
    rotate(path, ["phone"], window=QUARTER, now=long_ago)
    pseudonymiser = Pseudonymiser(FileKeyProvider(path))
    assert not pseudonymiser.has_windows
    assert type(pseudonymiser.token("phone", PHONE)) is str


def test_a_second_rotation_in_the_window_of_the_first_names_both_tokens_before(path: Path) -> None:
    now = datetime.now(UTC)
    old = []
    for days in (20, 10):
        old.insert(0, made(path)("email", "li.lei@example.com"))
        rotate(path, ["email"], window=QUARTER, now=now - timedelta(days=days))
    token = made(path)("email", "li.lei@example.com")
    assert isinstance(token, Token)
    assert token.previous(micros(now)) == old
    assert token.previous(micros(now + QUARTER - timedelta(days=15))) == old[:1]


def test_a_value_that_names_nobody_names_nobody_in_the_window(path: Path) -> None:
    rotate(path, PERSON_TYPES, window=QUARTER, now=datetime.now(UTC))
    assert made(path)("email", "noreply@example.com") is None


@pytest.mark.parametrize("purpose", [*REFERENCE_TYPES, "access", "nothing"])
def test_what_must_keep_its_tokens_is_not_rotated_and_nothing_beside_it_is(path: Path, purpose: str) -> None:
    before = path.read_text()
    with pytest.raises(NotRotated):
        rotate(path, ["phone", purpose], window=QUARTER, now=datetime.now(UTC))
    assert path.read_text() == before


def test_an_event_sent_again_after_a_rotation_has_the_same_token(path: Path) -> None:
    before = made(path)
    rotate(path, PERSON_TYPES, window=QUARTER, now=datetime.now(UTC))
    after = made(path)
    for kind in REFERENCE_TYPES:
        assert after(kind, "id-1") == before(kind, "id-1")


@pytest.mark.parametrize("days", [-1, 401])
def test_a_window_has_bounds(path: Path, days: int) -> None:
    with pytest.raises(NotRotated, match="400"):
        rotate(path, ["phone"], window=timedelta(days=days), now=datetime.now(UTC))


def test_without_a_window_the_old_key_goes_at_once(path: Path) -> None:
    for purpose in ("phone", "linkage", "resident_id"):
        old = json.loads(path.read_text())["keys"][purpose]["1"]
        window = timedelta() if purpose == "phone" else QUARTER
        [rotated] = rotate(path, [purpose], window=window, now=datetime.now(UTC))
        assert (rotated.version, rotated.until) == (2, None)
        assert old not in path.read_text()
    assert type(made(path)("phone", PHONE)) is str


def test_keys_are_destroyed_when_their_window_is_over_and_never_those_in_use(path: Path) -> None:
    now = datetime.now(UTC)
    rotate(path, ["phone", "email"], window=QUARTER, now=now)
    rotate(path, ["phone"], window=timedelta(days=200), now=now)
    assert destroy_ended(path, now + QUARTER - timedelta(seconds=2)) == ()
    assert sorted(destroy_ended(path, now + QUARTER)) == [("email", 1), ("phone", 1)]
    assert destroy_ended(path, now + timedelta(days=300)) == (("phone", 2),)
    keys = FileKeyProvider(path)
    assert (keys.current("phone").version, keys.current("email").version, keys.former("phone")) == (3, 2, ())


def test_making_missing_keys_keeps_the_windows(path: Path) -> None:
    rotate(path, ["phone"], window=QUARTER, now=datetime.now(UTC))
    before = FileKeyProvider(path).former("phone")
    make_key_file(path, [*ALL, "later"])
    assert FileKeyProvider(path).former("phone") == before != ()
    assert path.stat().st_mode & 0o777 == 0o600


def test_keys_from_the_environment_have_the_same_windows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate(path, ["phone"], window=QUARTER, now=datetime.now(UTC))
    monkeypatch.setenv("MANGROVE_KEYS", path.read_text())
    assert EnvKeyProvider().former("phone") == FileKeyProvider(path).former("phone") != ()


@pytest.mark.parametrize("until", ["soon", "2027-01-01T00:00:00", 5])
def test_a_window_that_cannot_be_read_is_refused(path: Path, until: object) -> None:
    rotate(path, ["phone"], window=QUARTER, now=datetime.now(UTC))
    written = json.loads(path.read_text())
    path.write_text(json.dumps({**written, "until": {"phone": {"1": until}}}))
    with pytest.raises(KeysUnavailable):
        FileKeyProvider(path)


def test_keys_are_never_shown(path: Path) -> None:
    rotate(path, ["phone"], window=QUARTER, now=datetime.now(UTC))
    assert str(FileKeyProvider(path).former("phone")[0].key.value) not in repr(FileKeyProvider(path).former("phone"))
