"""Forecasts of contacts: they keep out of the future, and beat what anybody can do by hand."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.demand.calendar import Calendar, Campaign
from ml.demand.evaluate import backtest, coverage, wape
from ml.demand.features import A_WEEK, INPUTS, build_features
from ml.demand.series import build_series
from ml.demand.task import Demand
from ml.split import NotEnoughToLearn
from services.simulator.contacts import CHANNELS, ContactLaw, Contacts

CAMPAIGNS = (
    (Campaign("spring", date(2025, 3, 10), date(2025, 3, 16)), 1.6),
    (Campaign("summer", date(2025, 6, 10), date(2025, 6, 20)), 1.8),
    (Campaign("chat", date(2025, 8, 4), date(2025, 8, 10), "chat"), 1.7),
)
LAW = ContactLaw(days=220, per_day=900, campaigns=CAMPAIGNS)


@pytest.fixture(scope="module")
def contacts():
    return Contacts.generate(LAW, seed=5)


@pytest.fixture(scope="module")
def features(contacts):
    return build_features(_series(contacts), LAW.calendar)


@pytest.fixture(scope="module")
def tested(features):
    return backtest(features, weeks=2)


def _series(contacts: Contacts) -> pd.DataFrame:
    log = contacts.log.select(channel="queue", at="arrived_at")
    return build_series(log)


def test_the_error_is_a_fifth_below_the_week_before_and_below_every_baseline(tested):
    errors = tested.wapes()
    assert errors["model"] < 0.8 * errors["seasonal_naive"]
    assert errors["model"] < min(error for name, error in errors.items() if name != "model")


def test_the_error_is_close_to_the_best_possible_one(contacts, tested):
    best = pd.DataFrame(contacts.best_forecast().T, columns=list(CHANNELS), index=LAW.slots.astype("M8[us]"))
    at, channel = tested.rows["at"], tested.rows["channel"]
    possible = [best.at[a, c] for a, c in zip(at, channel, strict=True)]
    assert wape(tested.rows["contacts"], tested.said["model"][:, 1]) < 1.1 * wape(tested.rows["contacts"], possible)


def test_four_of_five_half_hours_fall_into_their_interval(tested):
    said = tested.said["model"]
    assert coverage(tested.rows["contacts"], said) == pytest.approx(0.8, abs=0.05)
    assert (said[:, 0] <= said[:, 1]).all()
    assert (said[:, 1] <= said[:, 2]).all()
    assert (said >= 0).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(A_WEEK, 25 * 48 - 1), st.integers(0, 2**32 - 1))
def test_the_next_24_hours_and_all_after_change_no_feature(place, seed):
    chance = np.random.default_rng(seed)
    at = np.datetime64("2026-02-01", "us") + np.arange(25 * 48) * np.timedelta64(30, "m")
    counts = chance.poisson(20, len(at))
    changed = counts.copy()
    changed[place - 47 :] = chance.poisson(90, len(at) - place + 47)
    first, second = (
        build_features(pd.DataFrame({"channel": "chat", "at": at, "contacts": one}), Calendar("CN"))
        for one in (counts, changed)
    )
    until = first["at"] <= at[place]
    pd.testing.assert_frame_equal(first.loc[until, list(INPUTS)], second.loc[until, list(INPUTS)])


def test_what_happened_yesterday_does_change_a_feature():
    at = np.datetime64("2026-02-01", "us") + np.arange(10 * 48) * np.timedelta64(30, "m")
    counts = np.full(len(at), 10)
    changed = counts.copy()
    changed[-49] = 99
    one, other = (
        build_features(pd.DataFrame({"channel": "chat", "at": at, "contacts": c}), Calendar(""))
        for c in (counts, changed)
    )
    assert other["a_day_ago"].iloc[-1] == 99
    assert one["a_day_ago"].iloc[-1] == 10


def test_the_order_of_the_contacts_does_not_matter(contacts):
    log = contacts.log.select(channel="queue", at="arrived_at").head(20_000)
    shuffled = log.sample(fraction=1, shuffle=True, seed=1)
    pd.testing.assert_frame_equal(build_series(log), build_series(shuffled))


def test_half_hours_without_contacts_count_nought():
    at = [datetime(2026, 1, 1, 9, 10), datetime(2026, 1, 1, 11, 40)]
    made = build_series(pl.DataFrame({"channel": ["chat", "chat"], "at": at}))
    assert made["contacts"].tolist() == [1, 0, 0, 0, 0, 1]


def test_a_task_splits_whole_days_in_order_and_beats_its_baselines(features):
    task = Demand()
    split = task.split(features)
    assert split.train["day"].max() < split.calibrate["day"].min()
    assert split.calibrate["day"].max() < split.test["day"].min()
    said = task.predict(task.fit(split), split.test)
    error = task.metrics(split.test, said)["wape"]
    for name, rival in task.baselines(split).items():
        assert error < task.metrics(split.test, task.predict(rival, split.test))["wape"], name
    assert task.losses(split.test, said).shape == (len(split.test),)
    assert task.miscalibration(split.test, said) <= task.calibration_limit
    assert set(task.plots(None, split.test, said)) == {"week.png", "coverage.png"}
    assert list(task.example(split.train).columns) == list(task.inputs())


def test_too_few_days_are_refused(features):
    with pytest.raises(NotEnoughToLearn, match="at least 35"):
        Demand().split(features.head(20 * 48 * len(CHANNELS)))
    with pytest.raises(NotEnoughToLearn, match="at least 14"):
        backtest(features.head(18 * 48 * len(CHANNELS)), weeks=2)
