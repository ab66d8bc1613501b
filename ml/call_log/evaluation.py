"""The whole evaluation of a foreign log: what was understood, what is predicted, how many calls come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.call_log.abandonment import Prediction, Slices, predict
from ml.call_log.columns import Arrival, arrival_of, understand
from ml.call_log.features import build_inputs
from ml.call_log.reading import EventsWrong, read_events
from ml.demand.calendar import Calendar
from ml.demand.evaluate import backtest, coverage, wape
from ml.demand.features import build_features
from ml.demand.series import build_series

Floats = npt.NDArray[np.float64]

_YES = ("1", "1.0", "true", "t", "yes", "y", "是", "si", "sí", "oui", "ja")
_NO = ("0", "0.0", "false", "f", "no", "n", "否", "non", "nein", "nee")
_STRAY = 0.001
_LEAST_DAYS = 28
_BUSY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Volume:
    """How well the contacts per half hour of held-out weeks were forecast, a day ahead.

    `wapes` is the error of the forecast and of each baseline over all half hours, `busy` over those in which at least
    half as many contacts as in the mean half hour were forecast. `coverage` is the share inside the 80 % interval.
    """

    days: int
    weeks: int
    wapes: Mapping[str, float]
    busy: Mapping[str, float]
    coverage: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the evaluation of a log found.

    `calls` are the rows used, `dropped` those without a time or a target, `share` how often the target came.
    `arrival` names the columns that say when a call arrived, `used` all columns that inputs were made of, `late` those
    of them that are known only after the arrival, `left_out` the others with the reason. `volume` is None where the log
    has fewer than four weeks, or days only.
    """

    calls: int
    dropped: int
    share: float
    arrival: tuple[str, ...]
    used: tuple[str, ...]
    late: tuple[str, ...]
    left_out: Mapping[str, str]
    prediction: Prediction
    volume: Volume | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a log.

    Attributes:
        target: The column to predict.
        time: The column of times or days, None to look for it.
        ignore: Columns that must not be looked at.
        positive: The value of the target that is predicted; None if it is a yes or no.
        country: Whose public holidays to know, an ISO code; empty for none.
    """

    target: str
    time: str | None = None
    ignore: Sequence[str] = ()
    positive: str | None = None
    country: str = ""


def evaluate_events(path: Path, question: Question) -> Evaluation:
    """Predict the target of a log's last calls and forecast its contacts, beside baselines.

    Raises:
        EventsWrong: if the file or the question cannot be used.
        NotEnoughToLearn: if there are too few calls.
        CountryUnknown: if there is no such country.
    """
    text = read_events(path)
    _check_names(text.columns, question)
    hits = _target(text[question.target], question.positive)
    hidden = {question.target, *question.ignore}
    columns = [understand(text[n], as_time=n == question.time) for n in text.columns if n not in hidden]
    arrival = arrival_of(columns, question.time)
    volume = _volume(arrival, question.country)
    # The content of a row decides its place, so that the order in the file does not matter.
    order = (
        text.select("*", **{"": arrival.at}).with_row_index("\0").filter(pl.col("").is_not_null() & hits.is_not_null())
    )
    places = order.sort(["", *text.columns])["\0"]
    target = hits.gather(places).cast(pl.Float64).to_numpy()
    slices = Slices.of(target)
    sorted_columns = [type(one)(one.name, one.kind, one.values.gather(places)) for one in columns]
    sorted_arrival = Arrival(arrival.at.gather(places), arrival.columns, arrival.has_clock)
    inputs = build_inputs(sorted_columns, sorted_arrival, target, slices.learn.stop)
    return Evaluation(
        calls=len(target),
        dropped=len(text) - len(target),
        share=float(target.mean()),
        arrival=arrival.columns,
        used=inputs.sources,
        late=inputs.late,
        left_out={**dict.fromkeys(question.ignore, "it is to be ignored"), **inputs.left_out},
        prediction=predict(inputs, target, slices),
        volume=volume,
    )


def _check_names(there: Sequence[str], question: Question) -> None:
    asked = {"--target": [question.target], "--time": [question.time or question.target], "--ignore": question.ignore}
    for option, names in asked.items():
        if any(name not in there for name in names):
            raise EventsWrong(
                f"The events have no column as {option} names it. The first line of the file must name the columns; "
                f"look there for how it is spelled. It names {len(there)}."
            )
    if question.target in question.ignore or question.target == question.time:
        raise EventsWrong("The target cannot be the time or be ignored. Name another column with --target.")


def _target(text: pl.Series, positive: str | None) -> pl.Series:
    """Whether the target came, null where nothing is said."""
    plain = text.str.to_lowercase()
    values = sorted(plain.drop_nulls().unique())
    if len(values) == 1 and values[0] not in _NO and plain.has_nulls():
        # Where only the hits are marked, an empty cell says no.
        plain = plain.fill_null(_NO[0])
        values = sorted([*values, _NO[0]])
    known = [value for value in values if value in {*_YES, *_NO}]
    if len(known) == 2 and 0 < int((~plain.is_in(known)).sum()) <= _STRAY * len(plain):
        plain, values = plain.set(~plain.is_in(known), None), known
    if positive is not None:
        wanted = positive.strip().lower()
        if wanted not in values:
            raise EventsWrong("The target never has the value of --positive. Give one that it has.")
    elif len(values) == 2 and set(values) <= {*_YES, *_NO}:
        wanted = next((value for value in values if value in _YES), "")
    elif len(values) == 2:
        raise EventsWrong("The target is no yes or no. Say with --positive which of its two values is predicted.")
    else:
        wanted = ""
    if len(values) < 2:
        raise EventsWrong("The target is the same in every row. Name a column with two outcomes.")
    if not wanted:
        raise EventsWrong(f"The target has {len(values)} values. Say with --positive which one is predicted.")
    return plain == wanted


def _volume(arrival: Arrival, country: str) -> Volume | None:
    calendar = Calendar(country)
    calendar.is_holiday(np.array(["2000-01-01"], "M8[D]"))
    came = arrival.at.drop_nulls()
    days = came.dt.date().n_unique()
    if not arrival.has_clock or days < _LEAST_DAYS:
        return None
    series = build_series(pl.DataFrame({"channel": pl.repeat("all", len(came), eager=True), "at": came}))
    features = build_features(series, calendar)
    span = len(series) // 48
    weeks = min(12, max(1, (span - 7) // 28))
    test = backtest(features, weeks)
    seen, said = test.rows["contacts"].to_numpy(), test.said
    busy = said["model"][:, 1] >= _BUSY_SHARE * said["model"][:, 1].mean()
    of_busy = {name: wape(seen[busy], one[busy, 1]) for name, one in said.items()}
    return Volume(span, weeks, test.wapes(), of_busy, coverage(seen, said["model"]))
