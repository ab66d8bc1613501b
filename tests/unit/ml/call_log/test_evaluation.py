"""The evaluation of a foreign log: close to the best possible, no leaks, and the same in any order and spelling."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from typer import Typer
from typer.testing import CliRunner

from ml.call_log.commands import events as events_command
from ml.call_log.evaluation import Question, evaluate_events
from services.simulator.contacts import ContactLaw, Contacts
from tests.unit.ml.call_log.logs import classic_log

AFTERWARDS = {"ser_start", "ser_exit", "ser_time", "server"}


@pytest.fixture(scope="module")
def contacts():
    return Contacts.generate(ContactLaw(days=70, per_day=250, country=""), seed=2)


@pytest.fixture(scope="module")
def generated(contacts, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log.csv"
    contacts.write_call_log(path)
    return path


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    path = tmp_path_factory.mktemp("classic") / "log.txt"
    classic_log().write_csv(path, separator="\t")
    return path


@pytest.fixture(scope="module")
def of_classic(classic):
    return evaluate_events(classic, Question("outcome", positive="hang"))


def _best_auc(contacts, chance):
    last = int(len(chance) * 0.8)
    return roc_auc_score(contacts.log["abandoned"].to_numpy()[last:], chance[last:])


@pytest.mark.parametrize(("ignored", "truth"), [((), "chance_after_wait"), (("waited_s",), "chance")])
def test_abandonment_is_predicted_within_two_points_of_the_best_possible(contacts, generated, ignored, truth):
    found = evaluate_events(generated, Question("abandoned", ignore=ignored))
    measured = found.prediction.metrics
    assert measured["model"]["auc"] >= _best_auc(contacts, getattr(contacts, truth)) - 0.02
    assert measured["model"]["ece"] <= 0.03
    assert measured["model"]["log_loss"] < min(measured[name]["log_loss"] for name in ("majority", "rule"))
    assert found.left_out["talk_s"].startswith("by itself")
    assert ("waited_s" in found.used) != ("waited_s" in ignored)


def test_contacts_are_forecast_a_fifth_better_than_by_the_week_before(generated, contacts):
    volume = evaluate_events(generated, Question("abandoned")).volume
    assert volume is not None
    assert volume.wapes["model"] < 0.8 * volume.wapes["seasonal_naive"]
    assert volume.busy["model"] < volume.wapes["model"]
    assert volume.days == contacts.law.days


def test_columns_of_a_classic_log_are_understood(of_classic):
    assert of_classic.arrival == ("date", "vru_entry")
    assert set(of_classic.left_out) >= AFTERWARDS
    assert {"q_time", "q_start", "type"} <= set(of_classic.used)
    assert 0.7 < of_classic.prediction.metrics["model"]["auc"] < 0.99
    assert set(of_classic.late) == {"vru_exit", "q_start", "q_exit", "q_time"}
    assert of_classic.dropped == 0
    assert of_classic.volume is not None


def test_an_answer_is_not_taken_for_the_arrival_where_few_calls_go_without_one():
    from ml.call_log.columns import arrival_of, understand

    log = classic_log()
    answered = log.filter(pl.col("ser_start") != "0:00:00")
    lost = log.filter(pl.col("ser_start") == "0:00:00").tail(len(answered) // 19)
    found = arrival_of([understand(column) for column in pl.concat([answered, lost])], None)
    assert found.columns == ("date", "vru_entry")


@pytest.mark.parametrize("unanswered", [0, 20])
def test_the_earlier_of_two_times_is_the_arrival_whoever_went_without_the_later_one(unanswered):
    from ml.call_log.columns import arrival_of, understand

    begins = [datetime(2026, 1, 1) + timedelta(hours=n) for n in range(2000)]
    answers = [None if n >= 2000 - unanswered else at + timedelta(seconds=9) for n, at in enumerate(begins)]
    told = {"answered": answers, "called": begins}
    columns = [
        understand(pl.Series(name, [at and f"{at:%Y-%m-%d %H:%M:%S}" for at in times])) for name, times in told.items()
    ]
    assert arrival_of(columns, None).columns == ("called",)


def test_the_day_on_which_somebody_became_a_customer_is_not_taken_for_the_arrival():
    from ml.call_log.columns import arrival_of, understand

    called = [datetime(2026, 1, 1) + timedelta(hours=n) for n in range(2000)]
    since = [datetime(1990, 1, 1) + timedelta(hours=n * 61_803 % 100_000) for n in range(2000)]
    told = {"customer since": since, "called": called}
    columns = [understand(pl.Series(name, [f"{at:%Y-%m-%d %H:%M:%S}" for at in times])) for name, times in told.items()]
    assert arrival_of(columns, None).columns == ("called",)


def test_waits_in_milliseconds_are_seconds_to_the_model(classic, tmp_path):
    log = pl.read_csv(classic, separator="\t", infer_schema=False).select(
        "date", "vru_entry", "type", "q_time", "outcome"
    )
    log.write_csv(tmp_path / "s.csv")
    log.with_columns(wait_ms=pl.col("q_time").cast(pl.Int64) * 1000).drop("q_time").write_csv(tmp_path / "ms.csv")
    told = [evaluate_events(tmp_path / name, Question("outcome", positive="HANG")) for name in ("s.csv", "ms.csv")]
    aucs = [one.prediction.metrics["model"]["auc"] for one in told]
    assert aucs[0] == pytest.approx(aucs[1], abs=0.01)


def test_the_name_of_a_queue_is_known_on_arrival(tmp_path):
    path = tmp_path / "log.csv"
    classic_log().rename({"type": "queue"}).write_csv(path)
    found = evaluate_events(path, Question("outcome", positive="hang"))
    assert "queue" in found.used
    assert "queue" not in found.late


def test_the_name_of_a_queue_is_no_time_spent_in_it():
    from ml.call_log.columns import arrival_of, understand
    from ml.call_log.features import build_inputs

    start = pl.Series("start", [f"2026-01-05 {9 + n // 60:02}:{n % 60:02}:00" for n in range(300)])
    queue = pl.Series("queue", ["sales", "care", "care"] * 100)
    held = pl.Series("wait", [f"{n % 7}.5" for n in range(300)])
    columns = [understand(column) for column in (start, queue, held)]
    names = build_inputs(columns, arrival_of(columns, None), np.arange(300) % 2.0, 200).names
    assert "queue" in names
    assert [name for name in names if "queue" in name] == ["queue"]
    assert "wait in 15 minutes" in names


def test_a_column_that_was_filled_in_afterwards_leaks_in_any_disguise(classic, of_classic, tmp_path):
    log = pl.read_csv(classic, separator="\t", infer_schema=False)
    hang = pl.col("outcome") == "HANG"
    seconds = pl.col("q_time").cast(pl.Int64)
    disguised = log.select(
        "date",
        "vru_entry",
        "type",
        "q_time",
        "outcome",
        total=seconds + pl.when(hang).then(0).otherwise(60 + seconds % 50),
        survey=pl.when(~hang & (seconds % 3 == 0)).then(pl.lit("4")).otherwise(pl.lit("")),
        copied=pl.when(hang).then(pl.lit("lost")).otherwise(pl.lit("ok")),
        lasted_s=seconds + seconds * 7 % 11 + pl.when(hang).then(0).otherwise(20 + seconds * 13 % 170),
        resolved=pl.when(hang | (seconds % 4 == 0)).then(pl.lit("no")).otherwise(pl.lit("yes")),
    )
    disguised.write_csv(tmp_path / "log.csv")
    found = evaluate_events(tmp_path / "log.csv", Question("outcome", positive="HANG"))
    assert {"total", "survey", "copied", "lasted_s", "resolved"} <= set(found.left_out)
    assert "less q_time" in found.left_out["lasted_s"]
    assert "q_time" in found.used
    assert found.prediction.metrics["model"]["auc"] < 0.99


def test_what_a_centre_writes_after_the_call_is_left_out(classic, tmp_path):
    """Columns as telephone systems name them; with few lost calls, each would tell most answered ones."""
    log = pl.read_csv(classic, separator="\t", infer_schema=False)
    hang, seconds = pl.col("outcome") == "HANG", pl.col("q_time").cast(pl.Int64)
    number = pl.int_range(pl.len())
    ring = number * 31 % 40
    after = log.select(
        "date",
        "vru_entry",
        "type",
        "q_time",
        "outcome",
        agent_no=pl.when(hang).then(0).otherwise(4000 + number * 17 % 300),
        hold=pl.when(hang | (number % 5 > 0)).then(0).otherwise(5 + number % 90),
        disconnectReason=pl.when(~hang & (number % 2 == 0)).then(pl.lit("agent")).otherwise(pl.lit("customer")),
        notes=pl.when(hang).then(pl.lit("caller hung up")).otherwise(pl.format("note {}", number)),
        callDuration=seconds + ring + pl.when(hang).then(0).otherwise(3 + number * 7 % 60),
    )
    after.write_csv(tmp_path / "log.csv")
    found = evaluate_events(tmp_path / "log.csv", Question("outcome", positive="HANG"))
    assert {"agent_no", "hold", "disconnectReason", "notes", "callDuration"} <= set(found.left_out)
    assert {"type", "q_time"} <= set(found.used)


def test_who_meets_a_free_agent_stays_and_that_gives_nothing_away(generated):
    assert {"agents_free", "queue_length"} <= set(evaluate_events(generated, Question("abandoned")).used)


def test_legs_of_a_call_are_no_customer_who_comes_again(classic, tmp_path):
    log = pl.read_csv(classic, separator="\t", infer_schema=False)
    legs = pl.concat([log.with_row_index("call_no"), log.with_row_index("call_no").gather_every(2)])
    legs.drop("customer_id", "call_id").write_csv(tmp_path / "log.csv")
    assert "call_no" in evaluate_events(tmp_path / "log.csv", Question("outcome", positive="HANG")).left_out


@pytest.mark.parametrize("spelled", ["2026-01-05 00:00:00", "1/5/2026 12:00:00 AM"])
def test_a_day_written_as_its_midnight_is_a_day(spelled):
    from ml.call_log.columns import arrival_of, understand

    day = pl.Series("Date", [spelled, spelled.replace("5", "6", 1)] * 200)
    clock = pl.Series("Time", [f"{n % 24}:{n % 60:02}:07" for n in range(400)])
    found = arrival_of([understand(day), understand(clock)], None)
    assert (found.columns, found.has_clock) == (("Date", "Time"), True)


def test_a_log_in_the_order_of_the_ends_of_calls_has_its_arrivals(classic):
    from ml.call_log.columns import arrival_of, understand

    begins = [datetime(2026, 1, 1) + timedelta(minutes=n) for n in range(3000)]
    calls = sorted((at + timedelta(seconds=20 + n * 977 % 900), at) for n, at in enumerate(begins))
    columns = [
        understand(pl.Series(name, [f"{call[place]:%Y-%m-%d %H:%M:%S}" for call in calls]))
        for place, name in enumerate(("finished", "called"))
    ]
    assert arrival_of(columns, None).columns == ("called",)


def test_commas_between_thousands_are_no_decimal_commas():
    from ml.call_log.columns import understand

    waits = understand(pl.Series("wait", ["900", "1,234", "12", "1,000"] * 100))
    assert waits.values.to_list()[:4] == [900.0, 1234.0, 12.0, 1000.0]
    assert understand(pl.Series("wait", ["0,5", "1,25"] * 100)).values.to_list()[:2] == [0.5, 1.25]


def test_order_separator_and_encoding_do_not_matter(classic, of_classic, tmp_path):
    log = pl.read_csv(classic, separator="\t", infer_schema=False).sample(fraction=1, shuffle=True, seed=3)
    text = log.write_csv(separator=";").replace("\n", "\r\n")
    (tmp_path / "log.csv").write_bytes(text.encode("utf-16"))
    again = evaluate_events(tmp_path / "log.csv", Question("outcome", time="vru_entry", positive="HANG"))
    assert again.prediction.metrics == of_classic.prediction.metrics
    assert again.volume == of_classic.volume


def test_the_outcome_of_a_call_changes_nothing_before_it(classic, tmp_path):
    from ml.call_log.columns import arrival_of, understand
    from ml.call_log.features import build_inputs
    from ml.call_log.reading import read_events

    log = read_events(classic).sort("date", pl.col("vru_entry").str.zfill(8)).head(3000)
    cut = 2000
    later = pl.int_range(pl.len()) >= cut
    changed = log.with_columns(
        pl.when(later).then(pl.lit("0")).otherwise("q_time").alias("q_time"),
        *(pl.when(later).then("vru_exit").otherwise(name).alias(name) for name in ("q_exit", "ser_exit")),
    )

    def inputs(rows, flip):
        target = (rows["outcome"] == "HANG").cast(pl.Float64).to_numpy().copy()
        target[cut:] = 1 - target[cut:] if flip else target[cut:]
        columns = [understand(rows[name]) for name in rows.columns if name != "outcome"]
        return build_inputs(columns, arrival_of(columns, None), target, 1000)

    first, second = inputs(log, False), inputs(changed, True)
    assert first.names == second.names
    assert first.values[:cut] == pytest.approx(second.values[:cut], nan_ok=True)


def test_the_command_shows_figures_columns_and_baselines(classic, tmp_path):
    app = Typer()
    app.command()(events_command)
    shown = CliRunner().invoke(app, ["--events", str(classic), "--target", "outcome", "--positive", "HANG"])
    assert shown.exit_code == 0, shown.output
    for word in ("auc", "majority", "rule", "linear", "WAPE", "seasonal_naive", "left out", "q_time"):
        assert word in shown.output
    assert "ANA" not in shown.output
    renamed = tmp_path / "log.csv"
    renamed.write_text(classic.read_text().replace("q_time", "Wait [/min]").replace("\ttype\t", "\tSkill [s]\t"))
    shown = CliRunner().invoke(app, ["--events", str(renamed), "--target", "outcome", "--positive", "HANG"])
    assert "Wait [/min]" in shown.output and "Skill [s]" in shown.output
    missing = CliRunner().invoke(app, ["--events", str(tmp_path / "none.csv"), "--target", "outcome"])
    assert missing.exit_code == 1
    assert "cannot be read" in missing.output
