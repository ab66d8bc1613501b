"""Dashboard and alerts ask for series that there are, and every alert is explained."""

import json
import re
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

import services.edge.app
import services.edge.handover
import services.edge.segment
import services.grpc_gate
from services.collector.metrics import DamagedMetrics, DiskMetrics, JournalMetrics
from services.collector.status import JournalState
from services.prediction.metrics import ModelMetrics
from tests.fakes.prediction import FakeModels

ROOT = Path(__file__).parents[3]
assert services.grpc_gate and services.edge
DASHBOARD = json.loads((ROOT / "infra/grafana/collector.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "infra/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
QUERIES = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])),
    *(rule["expr"] for rule in RULES),
]
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def series(tmp_path: Path) -> dict[str, set[str]]:
    """The labels of every series that the code can tell, by name."""
    known: dict[str, set[str]] = {}
    declared = list(prometheus_client.REGISTRY._collector_to_names)
    for collector in declared:
        for family in collector.describe() if hasattr(collector, "describe") else ():
            for suffix in SUFFIXES.get(family.type, ()):
                known[family.name + suffix] = set(collector._labelnames) | ({"le"} if suffix == "_bucket" else set())
    looked_up = (
        JournalMetrics(lambda: [JournalState("collector-0", 1, 1.0, 1)]),
        DamagedMetrics(tmp_path),
        DiskMetrics({"journal": tmp_path}),
        ModelMetrics(FakeModels({})),
    )
    for collector in looked_up:
        for family in collector.collect():
            known[family.name] = set(family.samples[0].labels)
    return known


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_series_and_labels_that_there_are(query: str, tmp_path: Path) -> None:
    known = series(tmp_path)
    names = re.findall(r"\bmangrove_\w+", query)
    assert names
    for name in names:
        assert name in known
    labels = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
    labels |= set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", query))
    assert labels <= set().union(*(known[name] for name in names))


@pytest.mark.parametrize("panel", [p for p in DASHBOARD["panels"] if "targets" in p], ids=lambda panel: panel["title"])
def test_a_legend_names_labels_that_its_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        kept = {
            label.strip() for group in re.findall(r"\bby \(([^)]*)\)", target["expr"]) for label in group.split(",")
        }
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) == kept - {"le"}


def test_panels_do_not_overlap_and_have_their_own_numbers() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_explained_with_what_to_do(rule: dict[str, Any]) -> None:
    sections = re.split(r"^### ", (ROOT / "docs/operations.md").read_text(), flags=re.MULTILINE)
    [explained] = [section for section in sections if section.startswith(f"{rule['alert']}\n")]
    assert "Do:" in explained


def test_the_thresholds_that_follow_a_setting_follow_it() -> None:
    from services.settings import JournalSettings

    queries = {rule["alert"]: rule["expr"] for rule in RULES}
    assert f"> {JournalSettings().max_waiting_events // 2}" in queries["MangroveJournalFills"]
    assert f"< {4 * JournalSettings().min_free_bytes} " in queries["MangroveDiskLow"]
