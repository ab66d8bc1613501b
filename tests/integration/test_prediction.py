"""The prediction service as sources meet it: a real process behind a real socket, with MLflow's registry."""

import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mangrove.prediction.v1 import prediction_pb2, prediction_pb2_grpc
from ml.registry import Registry
from ml.satisfaction.levels import level_of
from services.clients.prediction import PredictionClient, PredictionRefused, ended, paid, said, transferred, viewed
from services.clients.refusals import Refusal, refusal_of
from services.installation import administration_of, api_key_of
from services.keys import key_provider
from services.prediction.ports import NEXT_ACTIONS
from services.prediction.servicer import SERVICE
from services.settings import Home
from tests.servers import new_home, serving
from tests.unit.prediction import talks
from tests.unit.prediction.registered import registered

MARK = "nobody-must-see-this"
DEADLINE_S = 60.0
BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
EVENTS = [
    said("talk-7", "customer", f"Where is my parcel? {MARK}", at=BEGAN, turn=1),
    said("talk-7", "bot", "Let me look.", at=BEGAN + timedelta(seconds=4), turn=2),
    said("talk-7", "customer", "This is useless.", at=BEGAN + timedelta(seconds=31), turn=3),
]


class Unloadable:
    """A model that cannot be unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return int, ("no number",)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def a_home(folder: Path, **settings: object) -> Home:
    """An installation whose prediction service looks for champions all the time."""
    home = new_home(folder)
    path = home.folder / "mangrove.toml"
    own = {"reload_s": 0.1, **settings, "address": f'"127.0.0.1:{free_port()}"'}
    head = path.read_text().partition("[prediction]")[0]
    path.write_text(head + "[prediction]\n" + "".join(f"{name} = {value}\n" for name, value in own.items()))
    return Home(home.folder)


@contextmanager
def predicting(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    with serving(home, "prediction", "serve", address=home.settings.prediction.address) as process:
        yield process


def client_of(home: Home, api_key: str = "") -> PredictionClient:
    return PredictionClient(home.settings.prediction.address, api_key or api_key_of(home, "web"), timeout_s=30)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refused(home: Home, request: prediction_pb2.PredictRequest, api_key: str = "") -> Refusal:
    metadata = (("authorization", f"Bearer {api_key or api_key_of(home, 'web')}"),)
    with grpc.insecure_channel(home.settings.prediction.address) as channel:
        with pytest.raises(grpc.RpcError) as error:
            prediction_pb2_grpc.PredictionServiceStub(channel).Predict(request, metadata=metadata, timeout=30)
        assert MARK not in str(error.value)
        return refusal_of(error.value)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = a_home(tmp_path_factory.mktemp("home"), metrics_port=free_port())
    for name, model in {**talks.models(), "satisfaction": talks.satisfaction_model()}.items():
        registered(home.path("mlflow"), name, model)
    with predicting(home):
        yield home


def test_a_source_learns_what_comes_next(home: Home) -> None:
    with client_of(home) as client:
        told = client.predict("talk-7", EVENTS)
    assert list(told.by_action) == list(NEXT_ACTIONS)
    handover = told["handover"]
    assert 0 < handover.probability < 1
    assert handover.seconds is not None and handover.seconds[0] <= handover.seconds[1] <= handover.seconds[2]
    assert (told.as_of, told.turn, told.without_model) == (BEGAN + timedelta(seconds=31), 2, ())
    seems = told.satisfaction
    assert seems is not None and (seems.level, seems.model_version) == (level_of(seems.score), 1)
    assert -1 <= seems.slope <= 1


def test_what_a_customer_did_before_may_be_told(home: Home) -> None:
    earlier = BEGAN - timedelta(hours=2)
    before = [
        viewed(at=earlier),
        paid("failed", at=earlier),
        said("talk-6", "customer", "It does not work!", at=earlier),
        transferred("talk-6", "agent", at=earlier + timedelta(minutes=1)),
        ended("talk-6", "escalated", at=earlier + timedelta(minutes=9)),
    ]
    with client_of(home) as client:
        assert client.predict("talk-7", [*EVENTS, *before]).turn == 2
        with pytest.raises(PredictionRefused) as over:
            client.predict("talk-6", before)
    assert over.value.reason == "CONVERSATION_OVER"


def test_champions_change_and_come_back_while_requests_run_and_none_fails(home: Home) -> None:
    registry = Registry(home.path("mlflow"), "handover")
    first = registry.champion_version()
    assert first is not None
    second = registered(home.path("mlflow"), "handover", talks.models(seed=2)["handover"])
    registry.promote(first)
    seen: list[int] = []
    stop = threading.Event()

    def ask() -> int:
        calls = 0
        with client_of(home) as client:
            while not stop.is_set():
                seen.append(client.predict("talk-7", EVENTS)["handover"].model_version)
                calls += 1
        return calls

    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(ask) for _ in range(3)]
        try:
            for version in (first, second, first):
                if version == first and registry.champion_version() == second:
                    registry.roll_back()
                else:
                    registry.promote(version)
                until(lambda v=version: bool(seen) and seen[-1] == v)
        finally:
            stop.set()
        assert all(one.result() > 0 for one in asking)
    changes = [one for one, before in zip(seen[1:], seen, strict=False) if one != before]
    assert set(seen) == {first, second}
    assert changes[-1] == first


def test_a_champion_that_cannot_be_loaded_is_told_and_the_old_one_answers(home: Home) -> None:
    registry = Registry(home.path("mlflow"), "resolution")
    old = registry.champion_version()
    broken = registered(home.path("mlflow"), "resolution", Unloadable())
    with client_of(home) as client:
        until(lambda: client.models()["resolution"].failed_version == broken)
        assert client.models()["resolution"].version == old
        assert client.predict("talk-7", EVENTS)["resolution"].model_version == old
        url = f"http://127.0.0.1:{home.settings.prediction.metrics_port}/metrics"
        metrics = urllib.request.urlopen(url, timeout=10).read().decode()
        assert f'mangrove_prediction_model_failed_version{{model="resolution"}} {broken}.0' in metrics
        registry.roll_back()
        until(lambda: client.models()["resolution"].failed_version is None)


@pytest.mark.parametrize("api_key", ["wrong", " ", "partner"])
def test_only_sources_may_ask(home: Home, api_key: str) -> None:
    key = api_key_of(home, "analytics") if api_key == "partner" else api_key
    told = refused(home, prediction_pb2.PredictRequest(conversation_id="talk-7", events=EVENTS), key)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_a_key_for_another_channel_is_not_enough(home: Home) -> None:
    administration = administration_of(home, key_provider(home).secret("access"))
    administration.add("phones", "source", channels=["voice"])
    request = prediction_pb2.PredictRequest(conversation_id="talk-7", events=EVENTS)
    until(lambda: refused(home, request, api_key_of(home, "phones")).reason == "PERMISSION_DENIED")


def test_bad_requests_are_told_what_breaks_a_rule(home: Home) -> None:
    request = prediction_pb2.PredictRequest(conversation_id=MARK, events=EVENTS)
    told = refused(home, request)
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PREDICTION_INVALID")
    assert told.violations[0][:2] == ("conversation_id", "UNKNOWN")
    many = [prediction_pb2.CustomerEvent(conversation_id=MARK * 9)] * 1999
    assert len(refused(home, prediction_pb2.PredictRequest(conversation_id="a", events=many)).violations) == 10


def test_ten_megabytes_are_refused_and_the_next_request_is_answered(home: Home) -> None:
    large = said("talk-7", "customer", MARK * 500_000, at=BEGAN)
    told = refused(home, prediction_pb2.PredictRequest(conversation_id="talk-7", events=[large]))
    assert told.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    with client_of(home) as client:
        assert client.predict("talk-7", EVENTS).turn == 2


def test_the_largest_request_is_answered(home: Home) -> None:
    events = [said("talk-7", "customer", f"{n} " + "x" * 1500, at=BEGAN, turn=n) for n in range(1, 2001)]
    with client_of(home) as client:
        assert client.predict("talk-7", events).turn == 2000


def test_nothing_of_a_request_is_written_or_counted(home: Home) -> None:
    with client_of(home) as client:
        client.predict("talk-7", EVENTS)
    url = f"http://127.0.0.1:{home.settings.prediction.metrics_port}/metrics"
    assert MARK.encode() not in urllib.request.urlopen(url, timeout=10).read()
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert any(path.name == "prediction.log" for path in files)
    assert [path for path in files if MARK.encode() in path.read_bytes()] == []


def test_health_is_open_and_the_schema_is_not_served(home: Home) -> None:
    with grpc.insecure_channel(home.settings.prediction.address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=30)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        reflect = channel.unary_unary("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError) as error:
            reflect(b"", timeout=30)
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.slow
def test_without_a_champion_it_says_so_and_finds_the_first_by_itself_and_drains(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", threads=1, max_waiting=0)
    request = prediction_pb2.PredictRequest(conversation_id="talk-7", events=EVENTS)
    with predicting(home) as process:
        told = refused(home, request)
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_CHAMPION")
        assert "mangrove ml train" in told.sentence
        registered(home.path("mlflow"), "abandonment", talks.models()["abandonment"])
        with client_of(home) as client:
            until(lambda: client.models()["abandonment"].version == 1)
            answered = client.predict("talk-7", EVENTS)
            assert list(answered.by_action) == ["abandonment"]
            assert answered.without_model == ("handover", "escalation", "resolution")
            assert answered.satisfaction is None and client.models()["satisfaction"].version is None
            busy = turned_away(home)
        assert (busy.code, busy.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "PREDICTION_BUSY")
        assert busy.retry_after_s == 0.2
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


def turned_away(home: Home) -> Refusal:
    """Ask with many at once until one is turned away."""
    request = prediction_pb2.PredictRequest(conversation_id="talk-7", events=EVENTS)
    metadata = (("authorization", f"Bearer {api_key_of(home, 'web')}"),)
    deadline = time.monotonic() + DEADLINE_S
    with grpc.insecure_channel(home.settings.prediction.address) as channel:
        predict = prediction_pb2_grpc.PredictionServiceStub(channel).Predict
        while time.monotonic() < deadline:
            calls = [predict.future(request, metadata=metadata, timeout=30) for _ in range(16)]
            failed = [error for error in (call.exception() for call in calls) if error is not None]
            if failed:
                return refusal_of(failed[0])
    raise AssertionError("nobody was turned away")
