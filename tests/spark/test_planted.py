"""What the simulator planted is found again: who is who among shared things, and how people move."""

from collections import Counter
from dataclasses import dataclass, replace
from math import sqrt

import pytest
from scipy.stats import chisquare

from services.simulator.journeys import goes_there_and_back, planted
from services.simulator.sharing import LEVELS, SharingLevel
from services.simulator.world import World
from spark_jobs.identity import resolve
from spark_jobs.identity.evaluation import PairwiseScores, pairwise
from spark_jobs.identity.guards import MOST_TOKENS
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.journeys.paths import ARROW, CUT, LONGEST
from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake
from spark_jobs.pipeline import run
from spark_jobs.silver import refine
from tests.spark.worlds import land, naming_everybody, token_of

pytestmark = [pytest.mark.spark, pytest.mark.slow]

HEAVY = LEVELS[SharingLevel.HEAVY]
MEMBERS = replace(LEVELS[SharingLevel.USUAL], members=1.0)
JOURNEY_JOBS = ("refine", "resolve", "conversations", "journeys", "paths")


@dataclass(frozen=True)
class Resolved:
    """A world whose people were resolved: the lake, and the scores with shared things as nobody and as somebody."""

    lake: Lake
    scores: PairwiseScores
    as_units: PairwiseScores


def resolved(world: World, lake: Lake) -> Resolved:
    land(world, lake.root)
    refine.main(lake)
    resolve.main(lake)
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    found = events.select("event_id", "person_id", "known").toPandas()
    true = {token_of(event_id): person for event_id, person in world.marks.person_of.items()}
    people = [true[event_id] for event_id in found.event_id]
    known = found.person_id.where(found.known, found.event_id)
    return Resolved(lake, pairwise(list(known), people), pairwise(list(found.person_id), people))


@pytest.fixture(scope="module")
def shared(spark, tmp_path_factory):
    lake = Lake(spark, str(tmp_path_factory.mktemp("shared")))
    return resolved(World.generate(seed=5, people=3000, sharing=HEAVY), lake)


@pytest.fixture(scope="module")
def unshared(spark, tmp_path_factory):
    lake = Lake(spark, str(tmp_path_factory.mktemp("unshared")))
    return resolved(World.generate(seed=5, people=3000, sharing=HEAVY.unshared()), lake)


def told(name, scores):
    return f"{name}: precision {scores.precision:.4f}, recall {scores.recall:.4f} over {scores.items:,} events"


def test_shared_things_join_hardly_anybody(shared):
    """Precision over all pairs of events that show something of one person's own.

    An event that shows nothing but a shared thing is nobody's: it counts as alone.
    """
    print(told("shared things", shared.scores), "|", told("their units as people", shared.as_units))
    assert shared.scores.precision >= 0.99


def test_shared_things_cost_at_most_a_point_of_recall(shared, unshared):
    """Against the same world, event by event, in which everybody shows an identifier of their own instead.

    What is lost includes events that nobody could tell the owner of: a call through the switchboard without a
    customer number, a letter from info@, a family's tablet on which nobody is signed in. Guests and cleared cookies
    are in both worlds alike.
    """
    print(told("shared", shared.scores), "|", told("each their own", unshared.scores))
    assert shared.scores.recall >= unshared.scores.recall - 0.01
    assert unshared.scores.precision >= 0.9999


def test_nobody_has_more_tokens_than_the_cap(shared):
    tokens = shared.lake.read(tables.IDENTITY_PEOPLE).where("NOT shared").groupBy("person_id").count()
    assert tokens.agg({"count": "max"}).first()[0] <= MOST_TOKENS


def test_the_kiosk_and_the_call_centre_are_quarantined(shared):
    quarantined = shared.lake.read(tables.IDENTITY_QUARANTINE).where("neighbours > 100").collect()
    assert {row["type"] for row in quarantined} == {"device", "phone"}


@dataclass(frozen=True)
class Walked:
    """The journeys that the pipeline found in a world, and the figures that were planted there."""

    world: World
    loops: Counter[bool]
    paths: Counter[str]
    changes: Counter[tuple[str, str]]


def walked(world: World, lake: Lake) -> Walked:
    run(JOURNEY_JOBS, lake)
    changes = lake.read(tables.GOLD_TRANSITIONS).groupBy("from_channel", "to_channel").count().collect()
    loops = lake.read(tables.GOLD_JOURNEYS).selectExpr("loops > 0 AS loops").groupBy("loops").count().collect()
    return Walked(
        world=world,
        loops=Counter({row["loops"]: row["count"] for row in loops}),
        paths=Counter({row["path"]: row["journeys"] for row in lake.read(tables.GOLD_PATHS).collect()}),
        changes=Counter({(row["from_channel"], row["to_channel"]): row["count"] for row in changes}),
    )


@pytest.fixture(scope="module")
def known_to_the_pipeline(spark, tmp_path_factory):
    """A world in which each event names the true person: only the cutting of journeys is left to get wrong."""
    world, root = World.generate(seed=3, people=600), tmp_path_factory.mktemp("named")
    land(world, root, naming_everybody(world))
    return walked(world, Lake(spark, str(root)))


@pytest.fixture(scope="module")
def found_by_the_pipeline(spark, tmp_path_factory):
    """A world in which the pipeline must find the people, who share things, before it can follow them."""
    world, root = World.generate(seed=3, people=1000, sharing=MEMBERS), tmp_path_factory.mktemp("members")
    land(world, root)
    return walked(world, Lake(spark, str(root)))


def test_with_everybody_known_the_journeys_are_those_that_were_walked(known_to_the_pipeline):
    found, journeys = known_to_the_pipeline, known_to_the_pipeline.world.journeys
    assert found.changes == planted(journeys).changes
    assert found.loops == Counter(journey.loops > 0 for journey in journeys)
    assert found.paths == Counter(as_path(journey.channels) for journey in journeys)


def as_path(channels):
    return ARROW.join(channels[:LONGEST] + ((CUT,) if len(channels) > LONGEST else ()))


def test_share_of_journeys_with_a_loop_is_the_planted_one(found_by_the_pipeline):
    found, true = found_by_the_pipeline.loops, planted(found_by_the_pipeline.world.journeys)
    assert_share(found[True], found.total(), true.loop_share)
    assert abs(found.total() / true.journeys - 1) < 0.02


def test_share_of_journeys_online_offline_online_is_the_planted_one(found_by_the_pipeline):
    found, true = found_by_the_pipeline.paths, planted(found_by_the_pipeline.world.journeys)
    there_and_back = sum(n for path, n in found.items() if goes_there_and_back(path.split(ARROW)))
    assert_share(there_and_back, found.total(), true.there_and_back_share)
    assert true.there_and_back_share > 0.02


def assert_share(count, total, planted_share):
    """Within 4 standard errors of a binomial share."""
    error = sqrt(planted_share * (1 - planted_share) / total)
    print(f"found {count / total:.4f}, planted {planted_share:.4f}, standard error {error:.4f}")
    assert abs(count / total - planted_share) <= 4 * error


def test_the_transition_matrix_is_the_planted_one(found_by_the_pipeline):
    """Each row as a multinomial: chi-square against the planted shares, p > 0.0001.

    Channels of which fewer than five changes are expected are put together, as the test's law is that of large counts.
    """
    found, true = found_by_the_pipeline.changes, planted(found_by_the_pipeline.world.journeys).changes
    assert set(found) <= set(true)
    tested = 0
    for left in sorted({a for a, _ in true}):
        row = {b: n for (a, b), n in true.items() if a == left}
        total, planted_total = sum(found[left, b] for b in row), sum(row.values())
        expected = {b: total * n / planted_total for b, n in row.items()}
        common = [b for b, n in expected.items() if n >= 5]
        seen, wanted = [found[left, b] for b in common], [expected[b] for b in common]
        rest = total - sum(wanted)
        if rest > 1:
            seen, wanted = [*seen, total - sum(seen)], [*wanted, rest]
        if len(wanted) > 1:
            p = chisquare(seen, [n * sum(seen) / sum(wanted) for n in wanted]).pvalue
            print(f"from {left}: {total} changes, planted {planted_total}, p {p:.4f}")
            assert p > 1e-4, left
            tested += 1
    assert tested >= 5
