"""What holds for the whole edge: health, metrics, pages of other origins, paths that are not there."""

import pytest

from tests.unit.edge.build import Edge, a_track


@pytest.mark.parametrize("path", ["/healthz", "/v1/health"])
async def test_the_edge_lives_whatever_the_collector_does(path: str) -> None:
    edge = Edge()
    edge.readiness.ready = False
    assert (await edge.call("GET", path)).status_code == 200


async def test_the_edge_is_ready_while_the_collector_serves_and_it_does_not_drain() -> None:
    edge = Edge()
    assert (await edge.call("GET", "/readyz")).status_code == 200
    edge.readiness.ready = False
    assert (await edge.call("GET", "/readyz")).status_code == 503
    edge.readiness.ready = True
    edge.drain.begin()
    assert (await edge.call("GET", "/readyz")).status_code == 503


async def test_metrics_count_by_route_and_verdict_for_this_machine_alone() -> None:
    edge = Edge()
    await edge.post("/v1/track", a_track("Seen"))
    await edge.call("GET", "/v1/13800138000")
    told = await edge.call("GET", "/metrics")
    assert 'mangrove_edge_requests_total{route="/v1/track",status="200"}' in told.text
    assert 'mangrove_edge_requests_total{route="none",status="404"}' in told.text
    assert 'mangrove_edge_events_total{verdict="accepted"}' in told.text
    assert "13800138000" not in told.text
    assert (await Edge(client_host="203.0.113.7").call("GET", "/metrics")).status_code == 404
    forwarded = await edge.call("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert forwarded.status_code == 404


async def test_a_browser_may_send_from_any_page() -> None:
    edge = Edge()
    asked = {
        "Origin": "https://shop.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,anonymousid",
    }
    preflight = await edge.call("OPTIONS", "/v1/t", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "anonymousid" in preflight.headers["Access-Control-Allow-Headers"]
    origin = {"Origin": "https://shop.example.com"}
    for told in (await edge.post("/v1/t", a_track("Seen"), headers=origin), await edge.post("/v1/t", b"", None)):
        assert told.status_code in (200, 400)
    refused = await edge.post("/v1/t", b"", None, headers=origin)
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in refused.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/track", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/nothing", 404, "NOT_FOUND"),
        ("POST", "/v1/track/", 404, "NOT_FOUND"),
        ("GET", "/%F0%9F%92%A9", 404, "NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_told_in_json(method: str, path: str, status: int, code: str) -> None:
    told = await Edge().call(method, path)
    assert (told.status_code, told.json()["code"]) == (status, code)
