"""Keys, scopes and quotas of a running collector: what its operator changes counts without a restart."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest
from typer.testing import CliRunner

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from services.access_commands import app
from services.clients.refusals import refusal_of
from services.installation import api_key_of
from services.settings import Home
from tests.generated import an_event
from tests.servers import collecting, new_home

ACCEPTED = "ACCEPTED"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A running collector with two workers, which takes 20 events a day of the source `small`."""
    home = new_home(tmp_path_factory.mktemp("home"), "\n[collector.source_limits.small]\nevents_per_day = 20\n")
    path = home.folder / "mangrove.toml"
    path.write_text(path.read_text().replace("[collector]\n", "[collector]\nworkers = 2\n", 1))
    with collecting(home):
        yield home


def operate(home: Home, *arguments: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--home", str(home.folder)])
    assert result.exit_code == 0, result.output


@contextmanager
def sending(home: Home) -> Iterator[Callable[..., str]]:
    """Send events with a key; gives the verdict of the first event, or the reason why nothing was taken."""
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        stub = collector_pb2_grpc.CollectorServiceStub(channel)

        def send(api_key: str, *events: event_pb2.Event) -> str:
            request = collector_pb2.CollectRequest(events=events or [an_event()])
            metadata = (("authorization", f"Bearer {api_key}"),)
            try:
                response = stub.Collect(request, metadata=metadata, timeout=20)
            except grpc.RpcError as error:
                return refusal_of(error).reason
            return collector_pb2.VerdictCode.Name(response.verdicts[0].code).removeprefix("VERDICT_CODE_")

        yield send


def until(holds: Callable[[], bool], deadline_s: float = 20) -> None:
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def audited(home: Home) -> list[dict[str, object]]:
    return [json.loads(line) for line in home.path("audit.jsonl").read_text().splitlines()]


def test_keys_are_added_rotated_and_revoked_while_the_collector_runs(home: Home) -> None:
    operate(home, "add", "shop")
    first = api_key_of(home, "shop")
    with sending(home) as send:
        until(lambda: send(first) == ACCEPTED)
        operate(home, "rotate", "shop", "--overlap", "1h")
        second = api_key_of(home, "shop")
        until(lambda: send(second) == ACCEPTED)
        assert send(first) == ACCEPTED
        operate(home, "rotate", "shop", "--overlap", "0s")
        until(lambda: send(second) == "UNAUTHENTICATED")
        assert send(first) == ACCEPTED
        operate(home, "revoke", "shop")
        until(lambda: send(first) == "UNAUTHENTICATED")
        assert send(api_key_of(home, "shop")) == "UNAUTHENTICATED"
        assert send(api_key_of(home, "web")) == ACCEPTED
    actions = [line["action"] for line in audited(home) if line.get("caller") == "shop" and "uid" in line]
    assert actions == ["access.add", "access.rotate", "access.rotate", "access.revoke"]
    until(lambda: any(line["action"] == "refused" and line["method"] == "Collect" for line in audited(home)))
    for path in (path for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".key"):
        content = path.read_bytes()
        assert not any(key.encode() in content for key in (first, second)), path.name


def test_a_key_takes_events_of_its_channels_only(home: Home) -> None:
    operate(home, "add", "desk", "--channel", "chat", "--channel", "voice")
    key = api_key_of(home, "desk")
    with sending(home) as send:
        until(lambda: send(key, an_event(channel=event_pb2.CHANNEL_CHAT)) == ACCEPTED)
        assert send(key, an_event(channel=event_pb2.CHANNEL_VOICE)) == ACCEPTED
        assert send(key, an_event(channel=event_pb2.CHANNEL_WEB)) == "REFUSED_INVALID"
        assert send(api_key_of(home, "web"), an_event(channel=event_pb2.CHANNEL_WEB)) == ACCEPTED


def test_a_quota_holds_over_all_workers(home: Home) -> None:
    operate(home, "add", "small")
    key = api_key_of(home, "small")
    told: list[str] = []

    def is_known() -> bool:
        told.append(send(key, an_event(), an_event()))
        return told[-1] != "UNAUTHENTICATED"

    for _ in range(13):
        # A connection each, so that both workers are met; each of them learns of the key in its own time.
        with sending(home) as send:
            until(is_known)
    assert [verdict for verdict in told if verdict != "UNAUTHENTICATED"] == [ACCEPTED] * 10 + ["QUOTA_EXCEEDED"] * 3
