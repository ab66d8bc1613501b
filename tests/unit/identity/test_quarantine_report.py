from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from services.commands import app
from services.identity.quarantine import report
from services.installation import install
from spark_jobs.lake.snapshot import TableMissing
from spark_jobs.lake.tables import IDENTITY_QUARANTINE

ROWS = [
    ("device.1.TABLET", "device", "seen with more than 1 customer", 40),
    ("device.1.KIOSK", "device", "seen with more than 1 customer", 700),
    ("phone.1.DESK", "phone", "seen with more than 5 email", 90),
]


def quarantined(lake: Path) -> None:
    rows = [dict(zip(IDENTITY_QUARANTINE.schema.names, row, strict=True)) for row in ROWS]
    write_deltalake(str(lake / IDENTITY_QUARANTINE.path), pa.Table.from_pylist(rows, IDENTITY_QUARANTINE.schema))


def test_guards_are_counted_and_the_widest_tokens_named_first(tmp_path: Path) -> None:
    quarantined(tmp_path)
    found = report(str(tmp_path), 2)
    assert found.counts == (
        ("device", "seen with more than 1 customer", 2),
        ("phone", "seen with more than 5 email", 1),
    )
    assert [one.token for one in found.widest] == ["device.1.KIOSK", "phone.1.DESK"]


def test_a_lake_without_a_graph_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match="lake run"):
        report(str(tmp_path), 2)


def test_the_command_shows_both(tmp_path: Path) -> None:
    home = install(tmp_path).home
    quarantined(Path(home.lake_root))
    shown = CliRunner().invoke(app, ["identity", "quarantine", "--home", str(home.folder)], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    assert "device.1.KIOSK" in shown.output and "700" in shown.output
