"""The report page: complete on its own, true to the lake, and silent about texts and people."""

import re
from pathlib import Path

import pytest

from services.demo.facts import SHOPPING, read_facts
from services.demo.report import (
    CalibrationPoint,
    ModelScore,
    PrivateAnswer,
    ReportSummary,
    StageRow,
    write_report,
)
from spark_jobs.identity.evaluation import PairwiseScores
from tests.unit.demo.small_lake import SECRET_TEXT, small_lake

ANSWER = PrivateAnswer(
    title="Conversations <by> channel",
    keys=("chat", "voice"),
    values=(120.0, 40.0),
    lows=(110.0, 30.0),
    highs=(130.0, 50.0),
    epsilon=0.62,
    delta=1e-6,
    rho=0.012,
    k=4,
    l=8,
    unit="person, graph v3",
    error_text="Each bar is off by at most 10 with probability 95 %.",
    budget_left="rho 0.4",
)
SUMMARY = ReportSummary(
    sent=1200,
    accepted=1000,
    duplicates=5,
    refused_invalid=12,
    refused_consent=9,
    stages=(StageRow("land", 1000, 2.5), StageRow("train", None, 7.5)),
    models=(ModelScore("champion", 0.83, 0.45, champion=True), ModelScore("majority", 0.5, 0.67)),
    calibration=(CalibrationPoint(0.2, 0.25, 100), CalibrationPoint(0.8, 0.75, 100)),
    identity=PairwiseScores(1000, 900, 1000, 1000),
    planted=500,
    planted_found=0,
)
NOTHING = ReportSummary(sent=0, accepted=0, duplicates=0, refused_invalid=0, refused_consent=0)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    small_lake(str(root), journeys=300)
    return str(root)


@pytest.fixture(scope="module")
def html(lake, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report.html"
    write_report(lake, out, summary=SUMMARY, answers=[ANSWER])
    return out.read_text()


def own_part(html):
    """The page without the inlined library."""
    return re.sub(r"<script>.*?</script></head>", "</head>", html, count=1, flags=re.DOTALL)


def test_page_loads_nothing_from_anywhere(html):
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", html)
    assert "http" not in own_part(html).replace("http://www.w3.org", "")
    assert html.count("<head>") == 1
    assert "plotly.js" in html


def test_page_shows_neither_texts_nor_pseudonyms(html):
    assert SECRET_TEXT not in html
    assert not re.search(r'"[jpc]\d+"', own_part(html))


def test_exact_parts_and_private_answers_are_told_apart(html):
    page = own_part(html)
    exact, private = page.index("EXACT · FOR THE OPERATOR ONLY"), page.index("PRIVATE ANSWERS · FOR PARTNERS")
    assert exact < private < page.index(ANSWER.error_text) < page.rindex("EXACT · FOR THE OPERATOR ONLY")


def test_guarantee_stands_beside_each_answer(html):
    page = own_part(html)
    for shown in ("0.62", "1e-6", "0.012", "person, graph v3", ANSWER.error_text, "rho 0.4"):
        assert shown in page


def test_what_others_wrote_is_escaped(html):
    assert "Conversations &lt;by&gt; channel" in html
    assert "<by>" not in html


def test_titles_say_what_the_lake_holds(lake, html):
    facts = read_facts(lake)
    assert f"{100 * facts.multichannel / facts.journeys:.0f} % of journeys touch two channels or more" in html
    assert f"{facts.journeys:,}" in html


def test_facts_agree_with_the_rows(lake):
    facts = read_facts(lake)
    assert facts.journeys == 300
    assert sum(facts.outcomes.values()) == 300
    assert facts.conversations == 150
    assert sum(facts.first_scores.values()) == 150


def test_funnel_never_widens_and_loops_stay_within_their_stage(lake):
    funnel = read_facts(lake).funnel
    counts = [funnel.reached[stage] for stage in SHOPPING]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 0
    for stage in SHOPPING:
        assert funnel.detours.get(stage, 0) <= funnel.reached[stage]
    assert all(SHOPPING.index(earlier) < SHOPPING.index(later) for later, earlier in funnel.back)
    assert funnel.detours


def test_empty_lake_gives_a_page_that_says_so(tmp_path):
    out = tmp_path / "report.html"
    write_report(str(tmp_path / "nowhere"), out, summary=NOTHING, answers=[])
    page = own_part(out.read_text())
    for table in ("gold.transitions", "gold.journey_steps", "gold.journeys"):
        assert f"{table} is empty" in page
    assert "No private answers yet" in page


def test_tables_without_rows_count_as_empty(tmp_path):
    small_lake(str(tmp_path), journeys=0)
    out = tmp_path / "report.html"
    write_report(str(tmp_path), out, summary=NOTHING, answers=[])
    assert "gold.transitions is empty" in out.read_text()


def test_answer_without_groups_is_shown_with_its_guarantee(tmp_path):
    out = tmp_path / "report.html"
    withheld = PrivateAnswer("Nobody", (), (), (), (), 0.1, 1e-6, 0.001, 1, 1, "person", "Too few.")
    write_report(str(tmp_path), out, summary=NOTHING, answers=[withheld])
    page = own_part(Path(out).read_text())
    assert "No group had an answer to show." in page
    assert "Too few." in page
