"""Mails are found in files, folders and mboxes, in an order that does not change, each read in bounded memory."""

import mailbox
import tracemalloc
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.adapters.account import Unmapped
from services.adapters.mail.files import MailFiles, MailMissing
from tests.unit.adapters.mails import a_mail, text_of


def read(*paths: Path) -> list[bytes | str]:
    files = MailFiles(paths)
    found = list(files.mails())
    assert [one.number if isinstance(one, Unmapped) else one[0] for one in found] == list(range(1, len(found) + 1))
    assert files.done == files.total
    return [one.reason if isinstance(one, Unmapped) else one[1] for one in found]


def an_mbox(path: Path, *texts: str) -> Path:
    box = mailbox.mbox(path)
    for text in texts:
        box.add(mailbox.mboxMessage(a_mail(text)))
    box.close()
    return path


def texts(found: list[bytes | str]) -> list[str]:
    return [text_of(data) for data in found if isinstance(data, bytes)]


def test_mails_of_a_folder_are_read_by_name_and_other_files_left_alone(tmp_path: Path) -> None:
    for name, text in {"b.eml": "second", "a/z.EML": "first", "c.mbox.eml": "third", "notes.txt": "no"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(a_mail(text).as_bytes())
    assert texts(read(tmp_path)) == ["first", "second", "third"]


def test_an_mbox_gives_its_mails_as_they_were(tmp_path: Path) -> None:
    written = ["one\n", "From here on\n\nFrom there\n", "three\n"]
    assert texts(read(an_mbox(tmp_path / "box", *written))) == [text.strip() for text in written]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    written=st.lists(
        st.text(st.sampled_from("From >\nx "), max_size=30).map(lambda t: f"x{t}x\n"), min_size=1, max_size=4
    )
)
def test_what_the_standard_library_writes_comes_back(tmp_path: Path, written: list[str]) -> None:
    path = tmp_path / "box"
    path.unlink(missing_ok=True)
    lines = ["\n".join(line.rstrip() for line in text.split("\n")) for text in written]
    found = texts(read(an_mbox(path, *lines)))
    unescaped = [text.replace("\n>From ", "\nFrom ").strip() for text in lines]
    assert [text.replace("\n>From ", "\nFrom ") for text in found] == unescaped


def test_a_file_that_is_named_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "1767600000.M1P1.host:2,S"
    path.write_bytes(a_mail("from a maildir").as_bytes())
    assert texts(read(path, path)) == ["from a maildir"] * 2


def test_an_empty_file_is_a_mail_without_anything(tmp_path: Path) -> None:
    path = tmp_path / "empty.eml"
    path.touch()
    assert read(path) == [b""]


def test_a_mail_of_fifty_megabytes_is_told_and_the_next_one_read_in_bounded_memory(tmp_path: Path) -> None:
    box = an_mbox(tmp_path / "box.mbox", "before\n")
    with box.open("ab") as file:
        file.write(b"From x\n")
        for _ in range(50):
            file.write(b"x" * 999_999 + b"\n")
        file.write(b"\nFrom y\n" + a_mail("after\n").as_bytes())
    tracemalloc.start()
    found = read(box)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found[1] == "mail:TOO_LARGE"
    assert texts(found) == ["before", "after"]
    assert peak < 60_000_000


def test_a_large_file_of_one_mail_is_told(tmp_path: Path) -> None:
    path = tmp_path / "large.eml"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    assert read(path) == ["mail:TOO_LARGE"]


def test_a_long_line_does_not_begin_a_mail_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "box"
    line = b"x" * (64 * 1024)
    path.write_bytes(b"From a\n" + a_mail("one\n").as_bytes() + b"\n" + line + b"From b\n" + line + b"\nFrom c\n")
    assert len(read(path)) == 1


def test_a_file_that_is_gone_is_told_and_the_next_one_read(tmp_path: Path) -> None:
    for name in ("a.eml", "b.eml"):
        (tmp_path / name).write_bytes(a_mail(name).as_bytes())
    files = MailFiles([tmp_path])
    (tmp_path / "a.eml").unlink()
    assert [isinstance(one, Unmapped) for one in files.mails()] == [True, False]


def test_a_folder_without_mails_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MailMissing, match="path 1"):
        MailFiles([tmp_path])


def test_a_mail_that_was_saved_with_the_line_of_an_mbox_is_one_mail(tmp_path: Path) -> None:
    path = tmp_path / "saved.eml"
    path.write_bytes(b"From anna Mon Jan  5 16:00:00 2026\r\n" + EmailMessage.as_bytes(a_mail("text\n")))
    assert texts(read(path)) == ["text"]
