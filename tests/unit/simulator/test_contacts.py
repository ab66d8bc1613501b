"""The law of contacts: its exact chances are those of the calls that it draws."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from ml.demand.calendar import Campaign
from ml.demand.evaluate import wape
from services.simulator.contacts import CHANNELS, ContactLaw, Contacts, LawImpossible

LAW = ContactLaw(days=60, per_day=800)


@pytest.fixture(scope="module")
def contacts():
    return Contacts.generate(LAW, seed=3)


def test_the_same_seed_gives_the_same_contacts(contacts):
    again = Contacts.generate(LAW, seed=3)
    assert again.log.equals(contacts.log)
    assert np.array_equal(again.chance, contacts.chance)
    assert not Contacts.generate(LAW, seed=4).log.equals(contacts.log)


def test_each_contact_counted_is_a_row_of_the_log(contacts):
    assert len(contacts.log) == contacts.counts.sum()
    by_queue = dict(contacts.log.group_by("queue").len().iter_rows())
    assert by_queue == dict(zip(CHANNELS, contacts.counts.sum(axis=1), strict=True))
    assert contacts.log["arrived_at"].is_sorted()


@pytest.mark.parametrize("truth", ["chance", "chance_after_wait"])
def test_the_chances_are_the_shares_seen(contacts, truth):
    said, seen = getattr(contacts, truth), contacts.log["abandoned"].to_numpy()
    place = np.digitize(said, np.arange(0.1, 1, 0.1))
    for n in np.unique(place):
        inside = place == n
        error = np.sqrt(max(said[inside].mean() * (1 - said[inside].mean()), 1e-4) / inside.sum())
        assert abs(seen[inside].mean() - said[inside].mean()) < 4 * error


def test_who_abandons_does_not_talk_and_who_finds_an_agent_does_not_wait(contacts):
    log = contacts.log
    assert (log.filter(pl.col("abandoned") == 1)["talk_s"] == 0).all()
    assert (log.filter(pl.col("abandoned") == 0)["talk_s"] > 0).all()
    assert (log.filter(pl.col("agents_free") > 0)["waited_s"] == 0).all()


def test_no_simple_forecast_beats_the_one_that_knows_the_law(contacts):
    seen, best = contacts.counts[:, 336:], contacts.best_forecast()[:, 336:]
    assert wape(seen, best) < wape(seen, LAW.intensity()[:, 336:]) < wape(seen, contacts.counts[:, :-336])


def test_holidays_and_campaigns_change_the_contacts_expected():
    spring = replace(LAW, start=date(2026, 2, 1))
    campaign = Campaign("chat week", date(2026, 2, 9), date(2026, 2, 10), "chat")
    lifted = replace(spring, campaigns=((campaign, 2.0),)).intensity() / spring.intensity()
    day = 48 * 8
    assert lifted[CHANNELS.index("chat"), day : day + 96] == pytest.approx(2.0)
    assert lifted.sum() == pytest.approx(lifted.size + 96)
    new_year = 48 * 16
    assert spring.intensity()[0, new_year:].sum() < replace(spring, country="").intensity()[0, new_year:].sum()
    assert spring.intensity()[0, new_year : new_year + 48].sum() < 0.6 * spring.intensity()[0, : 48 * 7].sum() / 5


def test_the_truth_is_not_in_the_log(contacts, tmp_path):
    contacts.write_call_log(tmp_path / "log.csv")
    written = pl.read_csv(tmp_path / "log.csv")
    assert written.columns == contacts.log.columns
    assert not any("chance" in name for name in written.columns)


@pytest.mark.parametrize("wrong", [{"days": 3}, {"days": 2000}, {"per_day": 0.5}, {"per_day": 1e9}])
def test_a_law_out_of_bounds_is_refused(wrong):
    with pytest.raises(LawImpossible):
        Contacts.generate(replace(LAW, **wrong))
