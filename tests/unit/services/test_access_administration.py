"""What is promised of those who change who may call: nothing is lost, half done, widened or left out of the audit."""

import json
import os
import re
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.access import Authenticator, Unauthenticated, hash_api_key, new_api_key
from services.access.administration import (
    CallerExists,
    CallerUnknown,
    KeyUnknown,
    NameInvalid,
    ScopeInvalid,
)
from services.access_commands import app
from services.audit import AuditUnavailable
from services.installation import api_key_of, install
from tests.unit.services.test_access import SECRET, administration, bearer

WEEK = timedelta(days=7)


def authenticated(folder: Path, authorization: str) -> str:
    """The id of the key that is let in, empty if it is not."""
    try:
        return Authenticator(folder / "access.toml", SECRET, "source").authenticate(authorization).key_id
    except Unauthenticated:
        return ""


def audited(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


def test_both_keys_open_during_the_overlap_of_a_rotation(tmp_path: Path) -> None:
    key = administration(tmp_path).add("shop", "source", channels=["web"], certificates=["shop.example.com"])
    old = bearer(tmp_path, "shop")
    rotated = administration(tmp_path).rotate("shop", overlap=WEEK)
    assert rotated.old_key_id == key.key_id
    assert rotated.old_until is not None
    assert abs(rotated.old_until - datetime.now(UTC) - WEEK) < timedelta(minutes=1)
    authenticator = Authenticator(tmp_path / "access.toml", SECRET, "source")
    callers = [authenticator.authenticate(a, ["shop.example.com"]) for a in (old, bearer(tmp_path, "shop"))]
    assert [caller.key_id for caller in callers] == [key.key_id, rotated.key_id]
    assert {caller.channels for caller in callers} == {frozenset({"web"})}
    with pytest.raises(Unauthenticated):
        authenticator.authenticate(bearer(tmp_path, "shop"))


def test_a_rotation_without_overlap_ends_the_old_key_at_once(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    old = bearer(tmp_path, "shop")
    rotated = administration(tmp_path).rotate("shop", overlap=timedelta())
    assert rotated.old_until is None
    assert authenticated(tmp_path, old) == ""
    assert authenticated(tmp_path, bearer(tmp_path, "shop")) == rotated.key_id


def test_a_second_rotation_does_not_prolong_the_first_key(tmp_path: Path) -> None:
    first = administration(tmp_path).add("shop", "source").key_id
    administration(tmp_path).rotate("shop", overlap=timedelta(hours=1))
    administration(tmp_path).rotate("shop", overlap=WEEK)
    again = administration(tmp_path).rotate("shop", overlap=WEEK, key_id=first)
    assert again.old_until is not None
    assert again.old_until - datetime.now(UTC) <= timedelta(hours=1)


def test_keys_that_are_over_are_struck_out_at_a_rotation(tmp_path: Path) -> None:
    first = administration(tmp_path).add("shop", "source")
    path = tmp_path / "access.toml"
    path.write_text(path.read_text() + "not_after = 2026-01-01T00:00:00Z\n")
    with pytest.raises(KeyUnknown, match=first.key_id):
        administration(tmp_path).rotate("shop", overlap=WEEK)
    rotated = administration(tmp_path).rotate("shop", overlap=WEEK, key_id=first.key_id)
    [entry] = administration(tmp_path).callers()
    assert [key.key_id for key in entry.key] == [rotated.key_id]


def test_the_old_form_can_be_rotated_and_its_key_goes_on_for_the_overlap(tmp_path: Path) -> None:
    api_key = new_api_key("source")
    (tmp_path / "access.toml").write_text(
        f'[[caller]]\nname = "shop"\nrole = "source"\nkey_hash = "{hash_api_key(api_key, SECRET)}"\n'
    )
    before = authenticated(tmp_path, f"Bearer {api_key}")
    rotated = administration(tmp_path).rotate("shop", overlap=WEEK)
    assert authenticated(tmp_path, f"Bearer {api_key}") == before == rotated.old_key_id
    assert authenticated(tmp_path, bearer(tmp_path, "shop")) == rotated.key_id


def test_one_key_or_all_can_be_revoked(tmp_path: Path) -> None:
    first = administration(tmp_path).add("shop", "source").key_id
    old = bearer(tmp_path, "shop")
    second = administration(tmp_path).rotate("shop", overlap=WEEK).key_id
    assert administration(tmp_path).revoke("shop", key_id=first) == (first,)
    assert authenticated(tmp_path, old) == ""
    assert authenticated(tmp_path, bearer(tmp_path, "shop")) == second
    assert administration(tmp_path).revoke("shop") == (second,)
    assert authenticated(tmp_path, bearer(tmp_path, "shop")) == ""


def test_a_revoked_caller_comes_back_only_when_it_is_added_with_a_scope(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source", channels=["web"])
    administration(tmp_path).revoke("shop")
    with pytest.raises(KeyUnknown, match="access add shop"):
        administration(tmp_path).rotate("shop", overlap=WEEK)
    administration(tmp_path).add("shop", "source", channels=["chat"])
    caller = Authenticator(tmp_path / "access.toml", SECRET, "source").authenticate(bearer(tmp_path, "shop"))
    assert caller.channels == {"chat"}


def test_the_audit_can_name_whose_key_was_revoked_also_when_its_caller_has_another_or_the_clock_went_back(
    tmp_path: Path,
) -> None:
    gone = {administration(tmp_path).add("shop", "source").key_id: bearer(tmp_path, "shop")}
    rotated = administration(tmp_path).rotate("shop", overlap=timedelta())
    gone[rotated.key_id] = bearer(tmp_path, "shop")
    assert administration(tmp_path).revoke("shop") == (rotated.key_id,)
    administration(tmp_path).add("shop", "source")
    path = tmp_path / "access.toml"
    path.write_text(re.sub("revoked_at = .*", "revoked_at = 2099-01-01T00:00:00Z", path.read_text()))
    authenticator = Authenticator(path, SECRET, "source")
    for key_id, authorization in gone.items():
        with pytest.raises(Unauthenticated) as refused:
            authenticator.authenticate(authorization)
        assert (refused.value.cause, refused.value.caller, refused.value.key_id) == ("KEY_REVOKED", "shop", key_id)
    assert authenticated(tmp_path, bearer(tmp_path, "shop"))


def test_keys_that_were_revoked_long_ago_are_struck_out(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    administration(tmp_path).revoke("shop")
    path = tmp_path / "access.toml"
    path.write_text(re.sub("revoked_at = .*", "revoked_at = 2026-01-01T00:00:00Z", path.read_text()))
    key = administration(tmp_path).add("shop", "source")
    [entry] = administration(tmp_path).callers()
    assert [one.key_id for one in entry.key] == [key.key_id]


def test_what_cannot_be_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    admin = administration(tmp_path)
    for name in ("", "../evil", 'a"b', "a" * 65, "店"):
        with pytest.raises(NameInvalid):
            admin.add(name, "source")
    with pytest.raises(CallerExists):
        admin.add("shop", "source")
    with pytest.raises(CallerExists):
        admin.add("shop", "partner")
    with pytest.raises(ScopeInvalid):
        admin.add("team", "partner", channels=["web"])
    with pytest.raises(ScopeInvalid):
        admin.add("new", "source", channels=["sms"])
    with pytest.raises(ScopeInvalid):
        admin.add("new", "source", certificates=["two words"])
    with pytest.raises(CallerUnknown):
        admin.rotate("nobody", overlap=WEEK)
    with pytest.raises(CallerUnknown):
        admin.revoke("nobody")
    with pytest.raises(KeyUnknown):
        admin.revoke("shop", key_id="nokey")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def _add(folder: Path, name: str) -> None:
    administration(folder).add(name, "source")


def test_commands_at_the_same_time_do_not_lose_each_others_change(tmp_path: Path) -> None:
    names = [f"source-{number}" for number in range(24)]
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        list(pool.map(_add, [tmp_path] * len(names), names))
    assert sorted(entry.name for entry in administration(tmp_path).callers()) == sorted(names)
    assert all(authenticated(tmp_path, bearer(tmp_path, name)) for name in names)
    assert len(audited(tmp_path)) == len(names)


def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    (tmp_path / "audit.jsonl").unlink()
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(AuditUnavailable):
        administration(tmp_path).revoke("shop")
    assert authenticated(tmp_path, bearer(tmp_path, "shop"))


def test_files_are_for_their_owner_only_and_hold_no_key(tmp_path: Path) -> None:
    administration(tmp_path).add("shop", "source")
    administration(tmp_path).rotate("shop", overlap=WEEK)
    api_key = bearer(tmp_path, "shop").split()[1]
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert path.stat().st_mode & 0o077 == 0, path.name
        assert (api_key in path.read_text()) == (path.name == "shop.key")
    assert (tmp_path / "credentials").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_changes_stays_readable_for_the_owner_of_the_installation(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    administration(tmp_path).add("shop", "source")
    administration(tmp_path).revoke("shop")
    for name in ("access.toml", "audit.jsonl", "access.toml.lock"):
        assert (tmp_path / name).stat().st_uid == 12345


def test_init_does_not_bring_a_revoked_caller_back(tmp_path: Path) -> None:
    home = install(tmp_path, source="web", partner="team").home
    result = CliRunner().invoke(app, ["revoke", "web", "--home", str(tmp_path)])
    assert result.exit_code == 0
    assert install(tmp_path, source="web", partner="team").new_callers == ()
    with pytest.raises(CallerExists):
        install(tmp_path, source="team", partner="other")
    assert api_key_of(home, "team").startswith("mgp_")


def test_the_commands_show_ids_ends_and_scopes_and_never_a_key_or_hash(tmp_path: Path) -> None:
    install(tmp_path, source="web", partner="team")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path)], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    output = run("add", "shop", "--channel", "chat", "--channel", "web", "--certificate", "shop.example.com")
    output += run("rotate", "shop", "--overlap", "36h") + run("list")
    assert "chat, web" in output
    assert "shop.example.com" in output
    assert "credentials/shop.key" in output
    for entry in administration(tmp_path).callers():
        for key in entry.key:
            assert key.key_id in output
            assert key.key_hash not in output
            assert key.key_hash not in (tmp_path / "audit.jsonl").read_text()
    assert (tmp_path / "credentials" / "shop.key").read_text().strip() not in output
    run("revoke", "shop")
    assert [line["action"] for line in audited(tmp_path)] == [
        *["access.add"] * 3,
        "access.rotate",
        "access.revoke",
    ]


@pytest.mark.parametrize("overlap", ["", "7", "d", "-1d", "1w", "1.5h"])
def test_an_overlap_that_is_no_duration_is_refused(overlap: str, tmp_path: Path) -> None:
    install(tmp_path, source="web", partner="team")
    before = (tmp_path / "access.toml").read_bytes()
    result = CliRunner().invoke(app, ["rotate", "web", f"--overlap={overlap}", "--home", str(tmp_path)])
    assert result.exit_code == 2
    assert (tmp_path / "access.toml").read_bytes() == before
