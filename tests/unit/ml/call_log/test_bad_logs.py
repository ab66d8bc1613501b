"""What cannot be evaluated is told in one sentence that names no value."""

import polars as pl
import pytest

from ml.call_log.evaluation import Question, evaluate_events
from ml.call_log.reading import EventsWrong, read_events
from ml.split import NotEnoughToLearn
from privacy.errors import MangroveError
from tests.unit.ml.call_log.logs import classic_log

HANG = Question("outcome", positive="HANG")


@pytest.fixture(scope="module")
def log():
    return classic_log(days=8, per_day=150)


def _told(frame, question, tmp_path, error=EventsWrong):
    path = tmp_path / "log.csv"
    frame.write_csv(path)
    with pytest.raises(error) as raised:
        evaluate_events(path, question)
    assert isinstance(raised.value, MangroveError)
    assert "SECRET" not in raised.value.sentence
    return raised.value.sentence


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (Question("nowhere"), "--target"),
        (Question("outcome", time="nowhere"), "--time"),
        (Question("outcome", ignore=("nowhere",)), "--ignore"),
        (Question("outcome", ignore=("outcome",)), "target cannot"),
        (Question("outcome", time="outcome"), "target cannot"),
        (Question("outcome"), "--positive"),
        (Question("outcome", positive="SECRET"), "--positive"),
        (Question("outcome", time="server", positive="HANG"), "--time cannot be read"),
        (Question("outcome", time="vru+line", positive="HANG"), "--time cannot be read"),
    ],
)
def test_a_question_that_does_not_fit_is_told(log, question, told, tmp_path):
    assert told in _told(log, question, tmp_path)


def test_a_target_of_one_outcome_is_told(log, tmp_path):
    same = log.with_columns(outcome=pl.lit("SECRET"))
    assert "same in every row" in _told(same, Question("outcome"), tmp_path)
    assert "same in every row" in _told(same, Question("outcome", positive="secret"), tmp_path)


def test_two_outcomes_need_to_be_told_apart_unless_they_are_yes_and_no(log, tmp_path):
    two = log.with_columns(outcome=pl.when(pl.col("outcome") == "HANG").then(pl.lit("SECRET")).otherwise(pl.lit("b")))
    assert "--positive" in _told(two, Question("outcome"), tmp_path)
    plain = log.with_columns(outcome=pl.when(pl.col("outcome") == "HANG").then(pl.lit("Yes")).otherwise(pl.lit("No")))
    plain.write_csv(tmp_path / "plain.csv")
    found = evaluate_events(tmp_path / "plain.csv", Question("outcome"))
    assert found.share == pytest.approx((log["outcome"] == "HANG").mean())
    assert found.volume is None


def test_too_few_calls_are_told(log, tmp_path):
    assert "at least 500" in _told(log.head(300), HANG, tmp_path, NotEnoughToLearn)
    rare = log.with_columns(outcome=pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("HANG")).otherwise(pl.lit("b")))
    assert "fewer than 20" in _told(rare, HANG, tmp_path, NotEnoughToLearn)


def test_times_that_cannot_be_read_are_told(log, tmp_path):
    clocks = [name for name in log.columns if name not in {"date", "vru_entry", "outcome", "type"}]
    none = log.drop(clocks, "date", "vru_entry")
    assert "--time" in _told(none, HANG, tmp_path)
    half = log.with_columns(date=pl.when(pl.int_range(pl.len()) % 3 == 0).then("date"))
    assert "Fewer than half" in _told(half, HANG, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"a,b\n", b"\x00\x01\x02\x00binary\x00"])
def test_a_file_that_holds_no_table_is_told(content, tmp_path):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(EventsWrong):
        read_events(tmp_path / "log.csv")


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(EventsWrong, match="cannot be read"):
            read_events(path)


def test_a_huge_cell_is_told(tmp_path):
    (tmp_path / "log.csv").write_text('a,b\n1,"' + "x" * 200_000 + '"\n')
    with pytest.raises(EventsWrong, match="quote that is not closed"):
        read_events(tmp_path / "log.csv")
    (tmp_path / "log.csv").write_text('a,b\n1,"' + "x\n" * 200_000)
    with pytest.raises(EventsWrong):
        read_events(tmp_path / "log.csv")


def test_lines_above_the_table_and_columns_without_a_name_are_no_hindrance(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        'sep=,\nCall report\nPeriod: May,,\n\n,at,"a, b"\n0,2026-01-05,x\n1,2026-01-06,"y, z"\n2,2026-01-07,x\n'
    )
    frame = read_events(path)
    assert frame.columns == ["column 1", "at", "a, b"]
    assert frame["a, b"].to_list() == ["x", "y, z", "x"]


@pytest.mark.parametrize("encoded", ["utf-16-le", "utf-16-be", "mac"])
def test_old_line_ends_and_unmarked_encodings_are_read(encoded, tmp_path):
    path = tmp_path / "log.csv"
    text = "a,b\nx,1\ny,2\n"
    path.write_bytes(text.replace("\n", "\r").encode() if encoded == "mac" else text.encode(encoded))
    assert read_events(path).rows() == [("x", "1"), ("y", "2")]


def test_a_table_without_names_is_refused(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("2026-01-05 09:00:00,+4930123,17,SECRET\n2026-01-05 09:01:00,+4930124,18,x\n")
    with pytest.raises(EventsWrong, match="names no columns") as raised:
        read_events(path)
    assert "SECRET" not in raised.value.sentence


def test_only_hits_may_be_marked_and_a_line_of_totals_does_not_count(log, tmp_path):
    path, lost = tmp_path / "log.csv", pl.col("outcome") == "HANG"
    marked = log.with_columns(outcome=pl.when(lost).then(pl.lit("Yes")))
    counted = log.with_columns(outcome=pl.when(lost).then(pl.lit("1")).otherwise(pl.lit("0")))
    totals = counted.head(1).with_columns(outcome=pl.lit("2251"))
    for frame in (marked, pl.concat([counted, totals])):
        frame.write_csv(path)
        assert evaluate_events(path, Question("outcome")).share == pytest.approx(
            log.select(lost.mean()).item(), abs=0.001
        )


def test_blanks_and_quotes_are_cleaned(tmp_path):
    (tmp_path / "log.csv").write_text('a ,b\n" x ",NULL\ny,\n-,N/A\n')
    frame = read_events(tmp_path / "log.csv")
    assert frame.columns == ["a", "b"]
    assert frame["a"].to_list() == ["x", "y", None]
    assert frame["b"].to_list() == [None, None, None]


def test_chinese_encodings_are_read(tmp_path):
    (tmp_path / "log.csv").write_bytes("时间,队列\n2026-01-01,投诉\n".encode("gb18030"))
    assert read_events(tmp_path / "log.csv").columns == ["时间", "队列"]


def test_cells_without_a_name_are_refused_unless_they_are_few_or_empty(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b\n" + "3,4\n" * 300 + "1,2,SECRET\n")
    assert read_events(path).columns == ["a", "b"]
    path.write_text("a,b\n1,2,,\n3,4\n")
    assert read_events(path).rows() == [("1", "2"), ("3", "4")]
    path.write_text("a,b\n" + "3,4\n1,2,SECRET\n" * 9)
    with pytest.raises(EventsWrong, match="more cells") as raised:
        read_events(path)
    assert "SECRET" not in raised.value.sentence
