"""Unmodified libraries of Segment and RudderStack deliver through the edge into bronze, each event once."""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable
from segment import analytics

from services.collector.bootstrap import lander_at
from services.installation import api_key_of
from services.settings import Home
from tests.integration.test_edge import edge_home, edging, url_of
from tests.servers import collecting

NODE = Path(__file__).parent.parent / "node"
EVENTS = 10_000
TYPES = Counter(
    {
        "page_viewed": 1429,
        "cart_changed": 1429,
        "order_placed": 1429,
        "screen_viewed": 1428,
        "profile_updated": 1429,
        "custom": 1428 + 1428,
    }
)
CONSENT = {"consent": {"categoryPreferences": {"Analytics": True, "Functional": True}}}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = edge_home(tmp_path_factory.mktemp("home"))
    with collecting(home), edging(home):
        yield home


def verdicts(home: Home) -> Counter[str]:
    """What the edge counted, by verdict."""
    counted: Counter[str] = Counter()
    for line in httpx.get(url_of(home) + "/metrics").text.splitlines():
        if line.startswith("mangrove_edge_events_total{"):
            label, value = line.removeprefix('mangrove_edge_events_total{verdict="').split('"} ')
            counted[label] += int(float(value))
    return counted


def landed(home: Home) -> tuple[Counter[str], int]:
    """Rows of bronze by type of event, and distinct event ids."""
    lander_at(home).drain()
    path = f"{home.lake_root}/bronze/events"
    if not DeltaTable.is_deltatable(path):
        return Counter(), 0
    events = DeltaTable(path).to_pyarrow_table(columns=["event_id", "event_type"])
    return Counter(events["event_type"].to_pylist()), len(set(events["event_id"].to_pylist()))


def is_delivered_once(home: Home, deliver: Callable[[], None]) -> None:
    """Deliver the same events twice, and see each of them in bronze once."""
    told, (rows, _) = verdicts(home), landed(home)
    deliver()
    # On a busy machine a library asks again before it is answered: what came twice is told to be so.
    first = verdicts(home) - told
    assert first["accepted"] == EVENTS and set(first) <= {"accepted", "duplicate"}
    rows_after, ids_after = landed(home)
    assert rows_after - rows == TYPES
    assert rows_after.total() == ids_after
    deliver()
    again = verdicts(home) - told - first
    assert set(again) == {"duplicate"} and again["duplicate"] >= EVENTS
    assert landed(home) == (rows_after, ids_after)


def through_python(home: Home, prefix: str, *, gzip: bool) -> None:
    errors: list[Any] = []
    client = analytics.Client(
        api_key_of(home, "web"),
        host=url_of(home),
        gzip=gzip,
        max_queue_size=2 * EVENTS,
        on_error=lambda error, items: errors.append((type(error).__name__, len(items))),
    )
    for i in range(EVENTS):
        who = {
            "user_id": f"u-{i % 500}",
            "anonymous_id": f"c-{i % 700}",
            "message_id": f"{prefix}-{i}",
            "context": dict(CONSENT),
        }
        match i % 7:
            case 0:
                client.page(name="Tea", properties={"url": "https://shop.example.com/tea"}, **who)
            case 1:
                client.identify(traits={"email": f"person-{i % 500}@example.com", "plan": "pro"}, **who)
            case 2:
                client.track(event="Product Added", properties={"name": "Tea pot", "price": 18.99}, **who)
            case 3:
                client.track(event="Order Completed", properties={"order_id": f"o-{i}", "total": 27.5}, **who)
            case 4:
                client.screen(name="Cart", **who)
            case 5:
                client.group(group_id="g-1", traits={"industry": "Tea"}, **who)
            case _:
                client.track(event="Signed Up", properties={"plan": "pro"}, **who)
    client.flush()
    client.join()
    assert errors == []


def through_node(home: Home, library: str, prefix: str) -> None:
    run = subprocess.run(
        ["node", "deliver.mjs", library, url_of(home), str(EVENTS), prefix],
        cwd=NODE,
        env=os.environ | {"WRITE_KEY": api_key_of(home, "web")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"delivered": EVENTS, "failed": 0}


needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules" / "@segment" / "analytics-node").is_dir(),
    reason="node or tests/node/node_modules is not there: run `make setup-node`",
)


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_ten_thousand_events_of_the_python_library_are_in_bronze_once(home: Home, gzip: bool) -> None:
    is_delivered_once(home, lambda: through_python(home, f"python-{gzip}", gzip=gzip))


@needs_node
@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_ten_thousand_events_of_a_node_library_are_in_bronze_once(home: Home, library: str) -> None:
    is_delivered_once(home, lambda: through_node(home, library, library))
