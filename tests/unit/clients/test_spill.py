import os
import secrets
from pathlib import Path

import pytest

from services.clients.spill import Spill, SpillFull, SpillInUse, SpillUnavailable
from services.clients.spill_key import SpillKeyInvalid, new_spill_key

PLANTED = b"13800138000 zhang.wei@example.com"


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.batch"))


def payloads(spill: Spill) -> list[bytes]:
    """Everything that waits, oldest first; it is taken out."""
    found = []
    while (oldest := spill.oldest()) is not None:
        found.append(oldest[1])
        spill.remove(oldest[0])
    return found


def test_what_waits_comes_back_oldest_first_and_after_a_restart(tmp_path: Path) -> None:
    key = secrets.token_bytes(32)
    first = Spill(tmp_path / "spill", key=key)
    for n in range(12):
        first.put(b"batch %d" % n, events=n)
    first.close()
    second = Spill(tmp_path / "spill", key=key)
    second.put(b"batch 12", events=12)
    assert second.events == sum(range(13))
    assert payloads(second) == [b"batch %d" % n for n in range(13)]
    assert second.is_empty
    assert second.events == 0
    assert files(tmp_path / "spill") == []


def test_nothing_on_disk_can_be_read_and_equal_batches_look_different(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", key=secrets.token_bytes(32))
    for _ in range(2):
        spill.put(PLANTED * 50, events=1)
    one, other = (path.read_bytes() for path in files(tmp_path / "spill"))
    assert one[25:] != other[25:]
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        assert path.is_dir() or not any(part in path.read_bytes() for part in PLANTED.split())


def test_files_of_another_key_are_set_aside_counted_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, right = tmp_path / "spill", secrets.token_bytes(32)
    spill = Spill(folder, key=right)
    spill.put(PLANTED, events=3)
    spill.close()
    wrong = Spill(folder, key=secrets.token_bytes(32))
    wrong.put(b"fresh", events=1)
    assert payloads(wrong) == [b"fresh"]
    assert wrong.events_set_aside == 3
    wrong.close()
    told = capsys.readouterr().out
    assert "spill_set_aside" in told
    assert "another key" in told
    [aside] = (folder / "set-aside").iterdir()
    aside.rename(folder / aside.name)
    assert payloads(Spill(folder, key=right)) == [PLANTED]


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:3], lambda b: b"", lambda b: b[:-1] + b"!"]
)
def test_a_damaged_file_is_set_aside_and_the_others_are_not(tmp_path: Path, damage: object) -> None:
    folder, key = tmp_path / "spill", secrets.token_bytes(32)
    spill = Spill(folder, key=key)
    for n in range(3):
        spill.put(b"batch %d, long enough" % n, events=1)
    spill.close()
    torn = files(folder)[1]
    torn.write_bytes(damage(torn.read_bytes()))  # type: ignore[operator]
    again = Spill(folder, key=key)
    assert payloads(again) == [b"batch 0, long enough", b"batch 2, long enough"]
    assert again.events_set_aside == 1
    assert (folder / "set-aside" / torn.name).exists()


def test_a_file_set_aside_is_never_overwritten_by_a_later_one(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    for _ in range(3):
        spill = Spill(folder)
        spill.put(b"batch", events=1)
        spill.close()
        spill = Spill(folder)
        assert spill.oldest() is None
        spill.close()
    assert len(list((folder / "set-aside").iterdir())) == 3


def test_what_was_never_renamed_was_never_durable_and_is_cleared_away(tmp_path: Path) -> None:
    folder, key = tmp_path / "spill", secrets.token_bytes(32)
    Spill(folder, key=key).close()
    (folder / "0000000000000001-5.part").write_bytes(b"torn")
    spill = Spill(folder, key=key)
    assert spill.is_empty
    assert list(folder.glob("*.part")) == []


def test_a_full_folder_takes_no_more_until_something_left(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", key=secrets.token_bytes(32), max_bytes=1000)
    spill.put(b"x" * 900, events=9)
    with pytest.raises(SpillFull):
        spill.put(b"x" * 900, events=9)
    assert spill.events == 9
    assert payloads(spill) == [b"x" * 900]
    spill.put(b"x" * 900, events=9)


def test_a_disk_that_takes_no_more_is_told_as_full_and_leaves_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = Spill(tmp_path / "spill", key=secrets.token_bytes(32))

    def no_space(_: int) -> None:
        raise OSError(28, "")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        with pytest.raises(SpillFull, match="ENOSPC"):
            spill.put(b"batch", events=1)
    assert [path.name for path in (tmp_path / "spill").iterdir()] == ["lock"]
    assert spill.is_empty
    spill.put(b"batch", events=1)
    assert payloads(spill) == [b"batch"]


def test_one_folder_serves_one_client(tmp_path: Path) -> None:
    first = Spill(tmp_path / "spill")
    with pytest.raises(SpillInUse):
        Spill(tmp_path / "spill")
    first.close()
    Spill(tmp_path / "spill").close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpillUnavailable, match="ENOTDIR"):
        Spill(tmp_path / "file" / "spill")


def test_a_key_comes_from_the_environment_or_a_file_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_spill_key()
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text(key + "\n")
    monkeypatch.setenv("SPILL_KEY", key)
    first = Spill(tmp_path / "spill", key=f"file:{file}")
    first.put(PLANTED, events=1)
    first.close()
    second = Spill(tmp_path / "spill", key="env:SPILL_KEY")
    assert payloads(second) == [PLANTED]
    assert second.is_lasting
    assert not Spill(tmp_path / "other").is_lasting


@pytest.mark.parametrize(
    "key", [b"short", "plain text", "env:NOT_SET_ANYWHERE", "env:SHORT", "file:/nowhere/key", "file:"]
)
def test_a_key_that_is_none_is_refused_without_being_shown(
    key: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "c2VjcmV0")
    with pytest.raises(SpillKeyInvalid) as refused:
        Spill(tmp_path / "spill", key=key)
    assert "c2VjcmV0" not in refused.value.sentence
    assert not (tmp_path / "spill").exists()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(new_spill_key())
    file.chmod(0o640)
    with pytest.raises(SpillKeyInvalid, match="chmod 600"):
        Spill(tmp_path / "spill", key=f"file:{file}")


def test_a_key_beside_the_data_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    folder.mkdir()
    file = folder / "key"
    file.touch(0o600)
    file.write_text(new_spill_key())
    with pytest.raises(SpillKeyInvalid, match="beside the data"):
        Spill(folder, key=f"file:{file}")
