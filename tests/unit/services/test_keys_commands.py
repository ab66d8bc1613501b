"""What is promised of `mangrove keys`: it rotates, says what then happens, and never shows a key."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from privacy.linkage import LINKAGE_KEY
from privacy.pseudonyms import FileKeyProvider
from privacy.pseudonyms.key_file import NotRotated
from services.commands import app
from services.installation import install


@pytest.fixture
def home(tmp_path: Path) -> Path:
    install(tmp_path / "home")
    return tmp_path / "home"


def run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["keys", *words, "--home", str(home)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_an_installation_has_a_secret_for_profiles_of_its_own(home: Path) -> None:
    keys = json.loads((home / "keys.json").read_text())["keys"]
    secrets = [key for versions in keys.values() for key in versions.values()]
    assert LINKAGE_KEY in keys
    assert len(set(secrets)) == len(secrets)


def test_a_rotation_says_until_when_the_old_key_links_people(home: Path) -> None:
    told = run(home, "rotate", "email", "phone", "--days", "30")
    [until] = {one.until for one in FileKeyProvider(home / "keys.json").former("email")}
    assert f"email: version 2 from now on; version 1 links people until {until:%Y-%m-%d %H:%M}" in told
    assert "restart the collector" in told
    assert f"{until:%Y-%m-%d %H:%M}" in run(home, "list")
    assert "nothing was destroyed" in run(home, "destroy")
    assert FileKeyProvider(home / "keys.json").current("customer").version == 1


def test_without_a_window_the_old_key_is_destroyed(home: Path) -> None:
    assert "version 1 is destroyed" in run(home, "rotate", "email", "--days", "0")


@pytest.mark.parametrize("purpose", ["event", "conversation", "access"])
def test_what_must_not_rotate_is_refused(home: Path, purpose: str) -> None:
    before = (home / "keys.json").read_bytes()
    with pytest.raises(NotRotated):
        run(home, "rotate", purpose)
    assert (home / "keys.json").read_bytes() == before


def test_keys_of_the_environment_are_told_how_to_rotate(home: Path) -> None:
    configuration = home / "mangrove.toml"
    configuration.write_text(configuration.read_text().replace('"keys.json"', '"env:MANGROVE_KEYS"'))
    with pytest.raises(NotRotated, match="environment"):
        run(home, "rotate", "email")


def test_no_key_is_shown_or_audited(home: Path) -> None:
    told = run(home, "rotate") + run(home, "list") + run(home, "destroy") + (home / "audit.jsonl").read_text()
    for versions in json.loads((home / "keys.json").read_text())["keys"].values():
        for key in versions.values():
            assert key not in told
    assert [json.loads(line)["action"] for line in (home / "audit.jsonl").read_text().splitlines()][-2:] == [
        "keys.rotate",
        "keys.destroy",
    ]
