"""Friction, attribution and identity in the report: true to the rows, and readable without seeing the pictures."""

import re
from collections import Counter, defaultdict
from statistics import median

import pyarrow as pa
import pytest

from services.demo import movement_report
from services.demo.inputs import ReportSummary
from services.demo.movement import Movement, read_movement
from services.demo.movement_charts import lasting
from services.demo.report import write_report
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import read_snapshot
from tests.unit.demo.small_lake import small_lake

NOTHING = ReportSummary(sent=0, accepted=0, duplicates=0, refused_invalid=0, refused_consent=0)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    small_lake(str(root), journeys=600)
    return str(root)


@pytest.fixture(scope="module")
def found(lake):
    return read_movement(lake)


def rows(lake, table):
    content: pa.Table = read_snapshot(lake, table, tuple(table.schema.names)).rows
    return content.to_pylist()


def ways(lake):
    """The channels of each journey in order, repeats being one."""
    changes = defaultdict(list)
    for row in sorted(rows(lake, tables.GOLD_TRANSITIONS), key=lambda row: row["step"]):
        changes[row["journey_id"]].append(row)
    return {journey: [of[0]["from_channel"], *(row["to_channel"] for row in of)] for journey, of in changes.items()}


def test_changes_are_those_of_the_rows_with_the_median_gap(lake, found):
    gaps = defaultdict(list)
    for row in rows(lake, tables.GOLD_TRANSITIONS):
        gaps[row["from_channel"], row["to_channel"]].append(row["gap_s"])
    assert {(c.left, c.entered): (c.count, c.median_gap_s) for c in found.changes} == {
        pair: (len(of), median(of)) for pair, of in gaps.items()
    }


def test_a_journey_counts_once_for_each_pair_between_which_it_swings(lake, found):
    outcome_of = {row["journey_id"]: row["outcome"] for row in rows(lake, tables.GOLD_JOURNEYS)}
    pairs, swinging = defaultdict(Counter), Counter()
    for journey, way in ways(lake).items():
        swings = {(a, b) for a, b, c in zip(way, way[1:], way[2:], strict=False) if a == c}
        for pair in swings:
            pairs[pair][outcome_of[journey]] += 1
        swinging.update([outcome_of[journey]] if swings else [])
    assert found.back_and_forth == {pair: dict(of) for pair, of in pairs.items()}
    assert found.swinging == dict(swinging)
    assert len(pairs) > 3


def test_journeys_without_loops_are_what_loops_are_compared_with(lake, found):
    straight = Counter(row["outcome"] for row in rows(lake, tables.GOLD_JOURNEYS) if row["loops"] == 0)
    assert found.straight == dict(straight)
    assert found.journeys == 600


def test_sizes_leave_out_what_is_shared(found):
    assert sum(found.sizes.values()) == 200
    assert max(found.sizes) == 9
    assert found.quarantined == {("device", "seen with more than 1 customer"): 2}


def test_titles_say_what_was_found(found):
    assert "% of journeys go back and forth, most often" in movement_report.back_and_forth(found)
    assert "Between 40 and 70 % of 200 purchases are owed to web" in movement_report.attribution(found)
    assert "2 identifiers are used by several people" in movement_report.identity(found)
    assert "Most journeys stop between" in movement_report.funnel(found)


def test_every_picture_tells_those_who_cannot_see_it(lake, tmp_path):
    out = tmp_path / "report.html"
    write_report(lake, out, summary=NOTHING, answers=[])
    page = out.read_text()
    labels = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert len([label for label in labels if re.search(r"\d", label)]) >= 5
    assert page.count('<details class="numbers">') == 5


def test_nothing_to_count_gives_cards_that_say_so():
    cards = [
        movement_report.changes(Movement()),
        movement_report.back_and_forth(Movement()),
        movement_report.funnel(Movement()),
        movement_report.attribution(Movement()),
        movement_report.identity(Movement()),
    ]
    assert all('class="empty"' in card for card in cards)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (12_600, "3.5 h")]
)  # fmt: skip
def test_times_are_told_in_one_unit(seconds, said):
    assert lasting(seconds) == said
