import pyarrow as pa
import pytest

from privacy.dp import mechanism
from privacy.dp.accounting import Share
from privacy.dp.aggregates import ExactAggregates, aggregate
from privacy.dp.intervals import estimates
from privacy.dp.keys import PublicKeys
from privacy.dp.mechanism import MapExceedsReservation, NoisyAggregates, release
from privacy.dp.truncation import order_key, truncate
from privacy.dp.types import ContributionBounds, IntBounds, Measure
from privacy.ledger.port import Reservation, ReservationUsed
from tests.unit.dp.reservations import a_reservation

KEYS = PublicKeys(("channel",), (("web", "app"),))
MEASURES = (Measure("count"), Measure("mean", "wait_s", IntBounds(0, 100)))


def some_aggregates() -> ExactAggregates:
    rows = pa.table(
        {
            "person_id": ["a", "b"],
            "row_token": ["t", "u"],
            "channel": ["web", "web"],
            "wait_s": pa.array([10, 30], pa.int64()),
        }
    )
    bounds = ContributionBounds(2, 1)
    return aggregate(truncate(rows, KEYS, bounds, order_key(b"s", b"q")), MEASURES)


def test_release_needs_a_reservation_of_a_ledger() -> None:
    with pytest.raises(TypeError):
        Reservation(a_reservation(10**6).charge, 1, object())


def test_a_reservation_pays_for_one_release() -> None:
    reservation = a_reservation(10**9)
    release(some_aggregates(), reservation)
    with pytest.raises(ReservationUsed):
        release(some_aggregates(), reservation)


def test_nothing_is_drawn_when_the_maps_exceed_the_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence taken out: a calibration that forgets to keep to its share."""

    def careless(share: Share) -> mechanism.Noise:
        return mechanism._noise(share.sensitivity / 100, share.sensitivity)

    monkeypatch.setattr(mechanism, "calibrate", careless)
    with pytest.raises(MapExceedsReservation):
        release(some_aggregates(), a_reservation(10**6))


def test_much_rho_gives_the_exact_answer_in_every_group() -> None:
    noisy = release(some_aggregates(), a_reservation(10**18))
    found = list(estimates(noisy))
    assert found[0][0].value == 2
    assert found[0][1].value == 20
    assert found[1][0].value == 0


def noisy_of(measure: Measure, *vectors: int, scales: tuple[float, ...]) -> NoisyAggregates:
    one_group = PublicKeys((), ())
    return NoisyAggregates((measure,), one_group, (tuple([v] for v in vectors),), (scales,))


def test_counts_and_their_intervals_are_never_negative() -> None:
    (estimate,) = next(estimates(noisy_of(Measure("count"), -500, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)
    (estimate,) = next(estimates(noisy_of(Measure("count"), -5, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 15)


def test_sums_of_a_column_that_may_be_negative_stay_as_they_are() -> None:
    measure = Measure("sum", "x", IntBounds(-10, 10))
    (estimate,) = next(estimates(noisy_of(measure, -500, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (-500, -520, -480)


def test_mean_says_nothing_where_the_count_is_lost_in_noise() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    for count in (-40, 0, 15):
        (estimate,) = next(estimates(noisy_of(measure, 400, count, scales=(100.0, 10.0))))
        assert (estimate.value, estimate.low, estimate.high) == (50, 0, 100)


def test_mean_stays_inside_the_declared_bounds() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    (estimate,) = next(estimates(noisy_of(measure, 10**6, 100, scales=(100.0, 10.0))))
    assert estimate.value == 100
    assert 0 <= estimate.low <= estimate.high <= 100


def test_mean_interval_is_fiellers() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    (estimate,) = next(estimates(noisy_of(measure, 1000, 100, scales=(50.0, 5.0))))
    z = 1.959963984540054
    for end in (estimate.low, estimate.high):
        distance = end - 50
        assert (1000 - distance * 100) ** 2 == pytest.approx(z**2 * (50**2 + distance**2 * 25))
    assert estimate.low < estimate.value == 60 < estimate.high
