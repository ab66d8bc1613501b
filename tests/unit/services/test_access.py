"""What is promised of API keys: who is let in, for what, until when, and how soon a change counts."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.access import AccessFileInvalid, Authenticator, Caller, Unauthenticated, hash_api_key, new_api_key
from services.access.administration import Administration
from services.audit import AuditLog

SECRET = b"s" * 32


def administration(folder: Path) -> Administration:
    return Administration(folder / "access.toml", folder / "credentials", SECRET, AuditLog(folder / "audit.jsonl"))


def bearer(folder: Path, name: str) -> str:
    return "Bearer " + (folder / "credentials" / f"{name}.key").read_text().strip()


def caller_table(name: str, api_key: str, *more: str, role: str = "source") -> str:
    """A caller with one key; `more` are lines of the key's table."""
    head = f'[[caller]]\nname = "{name}"\nrole = "{role}"\n'
    key = f'[[caller.key]]\nkey_id = "k-{name}"\nkey_hash = "{hash_api_key(api_key, SECRET)}"\n'
    return head + key + "".join(f"{line}\n" for line in more)


def until(holds: Callable[[], bool], deadline_s: float = 20) -> None:
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def let_in(authenticator: Authenticator, authorization: str) -> bool:
    try:
        authenticator.authenticate(authorization)
    except Unauthenticated:
        return False
    return True


def test_a_caller_has_the_name_key_and_channels_of_its_key(tmp_path: Path) -> None:
    key = administration(tmp_path).add("shop", "source", channels=["web", "chat"])
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    caller = authenticator.authenticate(bearer(tmp_path, "shop"))
    assert caller == Caller("shop", "source", key.key_id, frozenset({"web", "chat"}))


def test_the_old_form_with_one_hash_a_caller_is_still_read(tmp_path: Path) -> None:
    api_key = new_api_key("partner")
    (tmp_path / "access.toml").write_text(
        f'[[caller]]\nname = "team"\nrole = "partner"\nkey_hash = "{hash_api_key(api_key, SECRET)}"\n'
    )
    caller = Authenticator(tmp_path / "access.toml", SECRET, "partner").authenticate(f"Bearer {api_key}")
    assert (caller.name, caller.channels) == ("team", frozenset())
    assert caller.key_id
    assert caller.key_id not in hash_api_key(api_key, SECRET)


@pytest.mark.parametrize(
    ("authorization", "cause"),
    [
        (None, "KEY_MISSING"),
        ("", "KEY_MISSING"),
        ("Basic abc", "KEY_MISSING"),
        ("Bearer", "KEY_UNKNOWN"),
        ("Bearer nobody's", "KEY_UNKNOWN"),
        ("Bearer \udcff\x00", "KEY_UNKNOWN"),
        ("Bearer " + "k" * 100_000, "KEY_UNKNOWN"),
    ],
)
def test_whoever_shows_no_known_key_is_refused_and_told_nothing_more(
    authorization: str | None, cause: str, tmp_path: Path
) -> None:
    administration(tmp_path).add("shop", "source")
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    with pytest.raises(Unauthenticated) as refused:
        authenticator.authenticate(authorization)
    assert refused.value.cause == cause
    assert refused.value.sentence == Unauthenticated().sentence


def test_a_key_is_over_from_its_end_on_and_the_audit_can_tell_whose_it_was(tmp_path: Path) -> None:
    over, going = new_api_key("source"), new_api_key("source")
    now = datetime.now(UTC)
    (tmp_path / "access.toml").write_text(
        caller_table("a", over, f"not_after = {now.isoformat()}")
        + caller_table("b", going, f"not_after = {(now + timedelta(hours=1)).isoformat()}")
    )
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    assert authenticator.authenticate(f"Bearer {going}").name == "b"
    with pytest.raises(Unauthenticated) as refused:
        authenticator.authenticate(f"Bearer {over}")
    assert (refused.value.cause, refused.value.caller, refused.value.key_id) == ("KEY_OVER", "a", "k-a")


def test_a_key_bound_to_certificates_opens_nothing_without_one_of_them(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source", certificates=["one.example.com", "two.example.com"])
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    authorization = bearer(tmp_path, "shop")
    for names in ((), ("three.example.com",), ("one.example.com.evil.example.com",)):
        with pytest.raises(Unauthenticated) as refused:
            authenticator.authenticate(authorization, names)
        assert refused.value.cause == "CERTIFICATE_OTHER"
    assert authenticator.authenticate(authorization, ("other", "two.example.com")).name == "shop"


def test_a_changed_file_counts_without_a_restart(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    first = bearer(tmp_path, "shop")
    administration(tmp_path).add("app", "source")
    until(lambda: let_in(authenticator, bearer(tmp_path, "app")))
    administration(tmp_path).revoke("shop")
    until(lambda: not let_in(authenticator, first))
    assert let_in(authenticator, bearer(tmp_path, "app"))


@pytest.mark.parametrize("broken", ["not toml", '[[caller]]\nname = "shop"\nrole = "king"\n', None])
def test_a_file_that_breaks_changes_nothing_warns_once_and_tells_no_value(
    broken: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.access.authenticator._LOOK_AGAIN_S", 0.0)
    path = tmp_path / "access.toml"
    administration(tmp_path).add("shop", "source")
    whole = path.read_text()
    authenticator = Authenticator(path, SECRET, "source")

    with capture_logs() as logs:
        if broken is None:
            path.unlink()
        else:
            path.write_text(broken)
        assert all(let_in(authenticator, bearer(tmp_path, "shop")) for _ in range(3))
        path.write_text(whole.replace('"shop"', '"renamed"'))
        assert authenticator.authenticate(bearer(tmp_path, "shop")).name == "renamed"
    assert [entry["event"] for entry in logs] == ["access_file_unusable", "access_file_read"]
    assert "shop" not in str(logs)
    assert hash_api_key(bearer(tmp_path, "shop").split()[1], SECRET) not in str(logs)


def test_a_key_ends_at_its_time_also_while_the_file_is_broken(tmp_path: Path) -> None:
    api_key = new_api_key("source")
    end = datetime.now(UTC) + timedelta(seconds=2)
    path = tmp_path / "access.toml"
    path.write_text(caller_table("a", api_key, f"not_after = {end.isoformat()}"))
    authenticator = Authenticator(path, SECRET, "source")
    assert let_in(authenticator, f"Bearer {api_key}")
    path.write_text("not toml")
    until(lambda: not let_in(authenticator, f"Bearer {api_key}"))
    assert datetime.now(UTC) >= end


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "\x00",
        "unknown = 1",
        '[[caller]]\nname = "a"\nrole = "king"\n',
        caller_table("a", "k", "channels = []"),
        caller_table("a", "k", 'channels = ["sms"]'),
        caller_table("a", "k", 'channels = ["web"]', role="partner"),
        caller_table("a", "k", "not_after = 2026-01-01T00:00:00"),
        caller_table("a", "k") + caller_table("b", "k"),
        caller_table("a", "k") + caller_table("a", "l"),
        '[[caller]]\nname = "a"\nrole = "source"\ncertificates = []\n',
        '[[caller]]\nname = "a"\nrole = "source"\nkey_hash = "k"\nkey = 3\n',
    ],
)
def test_a_file_that_breaks_a_rule_lets_no_server_start(text: str, tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text(text)
    with pytest.raises(AccessFileInvalid):
        Authenticator(tmp_path / "access.toml", SECRET, "source")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AccessFileInvalid, match="mangrove init"):
        Authenticator(tmp_path / "access.toml", SECRET, "source")
