"""The edge as a process of its own, over real sockets, in front of a real collector."""

import json
import signal
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from services.demo.servers import free_port
from services.installation import api_key_of
from services.settings import Home
from tests.servers import collecting, new_home, start, stop

READY_S = 120
PLANTED = "13800138000"


def edge_home(folder: Path, extra: str = "") -> Home:
    """An installation whose edge listens on a free port and takes silence about consent for analytics."""
    defaults = 'default_purposes = ["service", "analytics"]'
    return new_home(folder, f'\n[edge]\naddress = "127.0.0.1:{free_port()}"\n{defaults}\n{extra}')


def url_of(home: Home) -> str:
    scheme = "https" if home.settings.edge.tls_cert else "http"
    return f"{scheme}://{home.settings.edge.address}"


def wait_until(home: Home, process: "subprocess.Popen[bytes]", path: str, status: int, verify: Any = True) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url_of(home) + path, verify=verify, timeout=5).status_code == status:
                return
        except httpx.TransportError:
            continue
    raise AssertionError(f"The edge did not answer {path} with {status}: {(home.folder / 'edge.log').read_text()}")


@contextmanager
def edging(home: Home, verify: Any = True) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the edge until the block is left; it is entered when the edge reaches the collector."""
    process = start(home, "edge", "serve")
    try:
        wait_until(home, process, "/readyz", 200, verify)
        yield process
    finally:
        stop(process)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = edge_home(tmp_path_factory.mktemp("home"))
    with collecting(home), edging(home):
        yield home


def a_track(event: str = "Seen", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u-1", "messageId": uuid.uuid4().hex, **fields}


def post(home: Home, path: str, document: Any, key: str | None = None, **options: Any) -> httpx.Response:
    auth = (key if key is not None else api_key_of(home, "web"), "")
    return httpx.post(url_of(home) + path, json=document, auth=auth, timeout=30, **options)


def test_events_go_through_to_the_collector_and_repeats_are_told(home: Home) -> None:
    message = a_track()
    assert post(home, "/v1/track", message).json()["events"] == {"accepted": 1}
    told = post(home, "/v1/batch", {"batch": [message, a_track(), a_track(""), a_track(userId="u" * 300)]})
    assert told.status_code == 200
    assert told.json()["events"] == {"duplicate": 1, "accepted": 1, "refused_invalid": 2}
    assert told.json()["broken"] == {"custom.name:REQUIRED": 1, "identifiers[0].value:MAX_LENGTH": 1}


@pytest.mark.parametrize("caller", ["", "mgs_wrong", "analytics"])
def test_a_key_of_no_source_gets_nothing(home: Home, caller: str) -> None:
    key = api_key_of(home, caller) if caller == "analytics" else caller
    told = post(home, "/v1/track", a_track(), key)
    assert (told.status_code, told.json()["code"]) == (401, "UNAUTHENTICATED")


def test_no_value_reaches_the_log_or_the_metrics(home: Home) -> None:
    for path in ("/v1/track", f"/v1/{PLANTED}", f"/{PLANTED}?phone={PLANTED}"):
        post(home, path, a_track(PLANTED, properties={PLANTED: PLANTED}, userId=PLANTED * 40))
    post(home, "/v1/track", a_track(), PLANTED)
    metrics = httpx.get(url_of(home) + "/metrics").text
    assert "mangrove_edge_requests_total" in metrics
    assert PLANTED not in metrics + (home.folder / "edge.log").read_text()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02 random \xff bytes\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["random bytes", "huge length", "bad chunk", "long path", "negative length"],
)
def test_what_is_no_http_gets_a_refusal_and_the_edge_lives(home: Home, raw: bytes) -> None:
    host, port = home.settings.edge.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(200)
    assert post(home, "/v1/track", a_track()).status_code == 200
    assert "Traceback" not in (home.folder / "edge.log").read_text()


def test_a_request_that_runs_is_answered_before_the_edge_stops(tmp_path: Path) -> None:
    home = edge_home(tmp_path)
    host, port = home.settings.edge.address.split(":")
    body = json.dumps(a_track(writeKey=api_key_of(home, "web"))).encode()
    head = f"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with collecting(home), edging(home) as edge, socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head + body[:10])
        wait_until(home, edge, "/metrics", 200)  # a later connection is served: the first one's request runs
        edge.send_signal(signal.SIGTERM)
        wait_for_log(home, "draining_edge")
        connection.sendall(body[10:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert edge.wait(30) == 0
    assert "Traceback" not in (home.folder / "edge.log").read_text()


def wait_for_log(home: Home, line: str) -> None:
    deadline = time.monotonic() + READY_S
    while line not in (home.folder / "edge.log").read_text():
        assert time.monotonic() < deadline, f"The edge never logged {line}."


def test_an_edge_without_a_collector_lives_is_not_ready_and_asks_to_come_again(tmp_path: Path) -> None:
    home = edge_home(tmp_path, "timeout_s = 0.5\n")
    process = start(home, "edge", "serve")
    try:
        wait_until(home, process, "/healthz", 200)
        assert httpx.get(url_of(home) + "/readyz").status_code == 503
        told = post(home, "/v1/track", a_track())
        assert (told.status_code, told.json()["code"]) == (503, "COLLECTOR_UNAVAILABLE")
        assert int(told.headers["Retry-After"]) >= 1
    finally:
        assert stop(process) == 0


def test_slow_clients_are_let_go_and_hold_up_nobody(tmp_path: Path) -> None:
    home = edge_home(tmp_path, "timeout_s = 1.0\n")
    host, port = home.settings.edge.address.split(":")
    half_a_head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\n"
    with collecting(home), edging(home), ExitStack() as open_connections:

        def half(sent: bytes) -> list[socket.socket]:
            made = [
                open_connections.enter_context(socket.create_connection((host, int(port)), timeout=READY_S))
                for _ in range(200)
            ]
            for connection in made:
                connection.sendall(sent)
            return made

        bodies = half(half_a_head + b"Content-Length: 500\r\n\r\n{")
        heads = half(half_a_head)
        assert post(home, "/v1/track", a_track()).status_code == 200
        assert {connection.recv(100).partition(b"\r\n")[0] for connection in bodies} == {
            b"HTTP/1.1 408 Request Timeout"
        }
        assert {connection.recv(100) for connection in heads} == {b""}


def test_the_edge_speaks_tls_and_reaches_a_collector_that_does(tmp_path: Path) -> None:
    home = edge_home(tmp_path, 'tls_cert = "both.crt"\ntls_key = "both.key"\ncollector_ca = "ca.crt"\n')
    path = home.folder / "mangrove.toml"
    tls = '[collector]\ntls_cert = "both.crt"\ntls_key = "both.key"\n'
    path.write_text(path.read_text().replace("[collector]\n", tls))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home.folder / "ca.crt")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(home.folder / "both.crt")
    issued.private_key_pem.write_to_path(home.folder / "both.key")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    collector = start(home, "collector", "serve")
    try:
        with edging(Home(home.folder), trusting):
            assert post(home, "/v1/track", a_track(), verify=trusting).json()["success"] is True
    finally:
        stop(collector)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [('tls_cert = "none.crt"\ntls_key = "none.key"\n', "TLS files"), ("", "port is in use")],
)
def test_an_edge_that_cannot_listen_says_why(tmp_path: Path, extra: str, sentence: str) -> None:
    home = edge_home(tmp_path, extra)
    host, port = home.settings.edge.address.split(":")
    with socket.create_server((host, int(port))) if not extra else socket.socket():
        process = start(home, "edge", "serve")
        assert process.wait(READY_S) == 1
    told = (home.folder / "edge.log").read_text()
    assert "CANNOT_LISTEN" in told
    assert sentence in told
    assert "Traceback" not in told
