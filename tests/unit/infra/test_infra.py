"""The files for running elsewhere say what the code says."""

import tomllib
from pathlib import Path

import yaml

from services.settings import Settings

ROOT = Path(__file__).parents[3]


def test_the_reference_configuration_holds_every_setting_with_its_default() -> None:
    reference = tomllib.loads((ROOT / "infra/config/mangrove.toml").read_text())
    assert reference == Settings().model_dump(mode="json")


def test_container_and_cluster_files_can_be_read() -> None:
    for path in ("infra/compose/compose.yaml", "infra/k8s/collector.yaml"):
        assert list(yaml.safe_load_all((ROOT / path).read_text()))


def test_no_registry_host_and_no_path_of_a_machine_is_written_down() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
