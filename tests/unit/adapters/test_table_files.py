"""Any file is read to its end in bounded memory, or refused with a sentence; a broken row costs that row alone."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.adapters.account import Mapped
from services.adapters.tables.files import TableFile, TableUnreadable
from services.adapters.tables.rows import RowMapper
from tests.unit.adapters.tables import a_mapping, one_of, outcomes, outcomes_of, reasons

AT = "2026-01-05T08:00:00Z"
HEADER = "id,at,text\n"
GOOD = f"1,{AT},first\n", f"9,{AT},last\n"


def around(broken: str | bytes, header: str = HEADER) -> bytes:
    """A broken part between two sound rows."""
    middle = broken if isinstance(broken, bytes) else broken.encode()
    return (header + GOOD[0]).encode() + middle + GOOD[1].encode()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("2\n", [(3, "row:CELL_COUNT")]),
        (f"2,{AT},x,y\n", [(3, "row:CELL_COUNT")]),
        (f'2,{AT},"a"b\n', [(3, "row:QUOTING")]),
        (f"2,{AT},".encode() + b"\xff\xfe\n", [(3, "row:ENCODING")]),
        (f'2,{AT},"a\n'.encode() + b'\xff"\n', [(3, "row:ENCODING")]),
        (f"2,{AT},{'x' * 200_000}\n", [(3, "row:QUOTING")]),
        (f"2,{AT},{'x' * 2_500_000}\n", [(3, "row:LINE_TOO_LONG")]),
        ("\n\n", []),
    ],
)
def test_a_broken_row_costs_that_row_alone(tmp_path: Path, broken: str | bytes, told: list[tuple[int, str]]) -> None:
    found = outcomes_of(tmp_path, around(broken), a_mapping())
    assert reasons(found) == told
    texts = [one.events[0].message_sent.text for one in found if isinstance(one, Mapped)]
    assert texts == ["first", "last"]


def test_a_row_of_several_lines_is_known_by_its_first(tmp_path: Path) -> None:
    found = outcomes_of(tmp_path, around(f'2,{AT},"a\r\n\nb"\n'), a_mapping())
    assert [one.number for one in found] == [2, 3, 6]
    assert isinstance(found[1], Mapped) and found[1].events[0].message_sent.text == "a\r\n\nb"


def test_a_quote_that_never_ends_does_not_end_the_reading(tmp_path: Path) -> None:
    rows = "".join(f"{n},{AT},x\n" for n in range(20_000))
    found = outcomes_of(tmp_path, around(f'2,{AT},"never closed\n{rows}'), a_mapping())
    assert reasons(found)[0] == (3, "row:QUOTING")
    assert sum(isinstance(one, Mapped) for one in found) > 15_000


def test_quotes_mean_nothing_where_none_are_declared(tmp_path: Path) -> None:
    mapping = a_mapping(format={"kind": "tsv", "quote": ""})
    assert one_of(tmp_path, f'id\tat\ttext\n1\t{AT}\t"a\n', mapping).message_sent.text == '"a'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_declared_encoding_is_read(tmp_path: Path, encoding: str, zipped: bool) -> None:
    data = f"id,at,text\r\n1,{AT},退貨\r\n".encode(encoding)
    mapping = a_mapping(format={"kind": "csv", "encoding": encoding})
    assert one_of(tmp_path, gzip.compress(data) if zipped else data, mapping).message_sent.text == "退貨"


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("zipped", [False, True])
def test_an_empty_file_is_told_as_one(tmp_path: Path, kind: str, zipped: bool) -> None:
    with pytest.raises(TableUnreadable, match="empty"):
        outcomes_of(tmp_path, gzip.compress(b"") if zipped else b"", a_mapping(format={"kind": kind}))


def test_a_file_in_another_encoding_is_refused_by_its_header(tmp_path: Path) -> None:
    data = f"id,at,内容\n1,{AT},你好\n"
    mapping = a_mapping(fields={"message_sent.party": {"fixed": "bot"}, "message_sent.text": "内容"})
    for encoding in ("gb18030", "utf-16"):
        with pytest.raises(TableUnreadable):
            outcomes_of(tmp_path, data.encode(encoding), mapping)
    utf_16 = a_mapping(format={"kind": "csv", "encoding": "utf-16"})
    with pytest.raises(TableUnreadable, match="encoding"):
        outcomes_of(tmp_path, HEADER + GOOD[0], utf_16)


def test_a_column_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable, match="'text'"):
        outcomes_of(tmp_path, f"id,at\n1,{AT}\n", a_mapping())
    with pytest.raises(TableUnreadable, match="'text' twice"):
        outcomes_of(tmp_path, f"id,at,text,text\n1,{AT},a,b\n", a_mapping())


def test_no_column_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable) as error:
        outcomes_of(tmp_path, f"13912345678,at\n1,{AT}\n", a_mapping())
    assert "139" not in error.value.sentence


def test_a_header_alone_and_no_json_lines_hold_nothing(tmp_path: Path) -> None:
    assert outcomes_of(tmp_path, HEADER.encode(), a_mapping()) == []
    assert outcomes_of(tmp_path, b"", a_mapping(format={"kind": "jsonl"})) == []


def test_a_file_that_breaks_off_is_told_with_the_line(tmp_path: Path) -> None:
    rows = "".join(f"{n},{AT},{n * 7919}\n" for n in range(20_000))
    whole = gzip.compress((HEADER + rows).encode())
    with pytest.raises(TableUnreadable, match=r"after line [1-9]"):
        outcomes_of(tmp_path, whole[: len(whole) // 2], a_mapping())
    with pytest.raises(TableUnreadable, match="after line"):
        outcomes_of(tmp_path, whole[:10] + b"\x00" * 50, a_mapping())


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable):
        outcomes(tmp_path, a_mapping())


def test_broken_json_lines_are_told(tmp_path: Path) -> None:
    lines = ["{", "[]", "1", '{"id": "\\ud800"}', "{}", "", '{"id":' * 5000]
    found = outcomes_of(tmp_path, "\n".join(lines), a_mapping(format={"kind": "jsonl"}))
    assert reasons(found) == [
        (1, "row:NOT_JSON"),
        (2, "row:NOT_AN_OBJECT"),
        (3, "row:NOT_AN_OBJECT"),
        (4, "row:NOT_JSON"),
        (5, "id:EMPTY"),
        (7, "row:NOT_JSON"),
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_that_unpacks_to_much_is_read_in_bounded_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write((HEADER + GOOD[0]).encode() if kind == "csv" else b"{}\n")
        for _ in range(60):
            file.write(b"x" * 1_000_000)
    mapping = a_mapping(format={"kind": kind})
    mapper = RowMapper(mapping)
    tracemalloc.start()
    with TableFile(path, mapping.format, mapper.columns) as table:
        assert sum(1 for _ in table.rows()) == 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=400), kind=st.sampled_from(["csv", "jsonl"]), zipped=st.booleans())
def test_no_bytes_make_the_reading_fail_otherwise_than_with_a_sentence(
    tmp_path: Path, data: bytes, kind: str, zipped: bool
) -> None:
    content = HEADER.encode() * (kind == "csv") + data
    mapping = a_mapping(format={"kind": kind})
    try:
        outcomes_of(tmp_path, gzip.compress(content)[: -len(data) or None] if zipped else content, mapping)
    except TableUnreadable as error:
        assert "line" in error.sentence or "header" in error.sentence
