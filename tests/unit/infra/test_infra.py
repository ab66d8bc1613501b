"""The files for running elsewhere say what the code says."""

import json
import re
import tomllib
from pathlib import Path

import prometheus_client
import yaml

import services.collector.bootstrap
import services.collector.handlers
import services.grpc_server
from services.settings import Settings

ROOT = Path(__file__).parents[3]
assert services.collector.bootstrap and services.collector.handlers and services.grpc_server


def test_the_reference_configuration_holds_every_setting_with_its_default() -> None:
    reference = tomllib.loads((ROOT / "infra/config/mangrove.toml").read_text())
    assert reference == Settings().model_dump()


def test_container_and_cluster_files_can_be_read() -> None:
    for path in ("infra/compose/compose.yaml", "infra/k8s/collector.yaml"):
        assert list(yaml.safe_load_all((ROOT / path).read_text()))


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads((ROOT / "infra/grafana/collector.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for t in panel["targets"]
        for name in re.findall(r"mangrove_\w+", t["expr"])
    }
    known = {metric.name for metric in prometheus_client.REGISTRY.collect()}
    assert {re.sub("_(total|bucket)$", "", name) for name in asked} <= known


def test_no_registry_host_and_no_path_of_a_machine_is_written_down() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
