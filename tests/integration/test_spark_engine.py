"""The private query service with its engine on Spark, as a partner meets it."""

from pathlib import Path

import pytest

from services.clients.query import QueryClient
from services.demo.servers import free_port, running
from services.settings import Home
from tests.unit.private_query.homes import make_home

PEOPLE = 50


@pytest.mark.spark
@pytest.mark.slow
def test_service_answers_from_spark_where_the_settings_say_so(tmp_path: Path) -> None:
    made = make_home(tmp_path, people=PEOPLE, partner_rho_nano=10**12, dataset_rho_nano=10**12)
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "mangrove.toml").write_text(f'[query]\nengine = "spark"\naddress = "{address}"\n')
    home = Home(tmp_path)
    with (
        running(home, "query", "serve", address=address),
        QueryClient(address, made.keys["ada"]) as client,
    ):
        answer = client.ask("conversations", ["persons"], from_day="2026-01-01", until_day="2026-01-31", rho=0.9)
    assert abs(answer.frame["persons"].iloc[0] - PEOPLE) < 20
    assert "jdk.incubator.vector" in (tmp_path / "logs" / "query.log").read_text(), "no JVM was started"
