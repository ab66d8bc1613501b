"""The private query service as partners meet it: a real process behind a real socket."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from mangrove.query.v1 import query_pb2, query_pb2_grpc
from privacy.ledger.sqlite import read_spending
from services.clients.query import Answer, QueryClient
from services.clients.questions import QueryRefused
from services.clients.refusals import Refusal, refusal_of
from tests.unit.private_query.homes import TestHome, make_home

MARK = "nobody-must-see-this"
START_S = 60.0
CLIENTS = 32
LIMIT_NANO = 40_000_000
COST_NANO = 1_000_000


@dataclass
class Server:
    """A server process on a port of its own."""

    home: TestHome
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        run = "from services.private_query.commands import app; app()"
        command = [
            sys.executable,
            "-c",
            run,
            "serve",
            "--home",
            str(self.home.folder),
            "--address",
            self.address,
        ]
        log = (self.home.folder / "server.log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        with grpc.insecure_channel(self.address) as channel:
            grpc.channel_ready_future(channel).result(timeout=START_S)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_S)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(START_S)

    def client(self, partner: str = "ada") -> QueryClient:
        return QueryClient(self.address, self.home.keys[partner])

    def spent(self, holder: str = "all") -> int:
        spending = read_spending(self.home.folder / "ledger" / "ledger.sqlite")
        return spending.get(("conversations", holder), 0)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(make_home(tmp_path_factory.mktemp("home")), free_port())
    yield running
    running.kill()


def ask(client: QueryClient, **changes: Any) -> Answer:
    asked: dict[str, Any] = {"from_day": "2026-01-01", "until_day": "2026-01-31", "rho": 0.001} | changes
    return client.ask(asked.pop("dataset", "conversations"), asked.pop("measures", ["count"]), **asked)


def refused(server: Server, request: query_pb2.RunQueryRequest, api_key: str = "") -> Refusal:
    metadata = (("authorization", f"Bearer {api_key or server.home.keys['ada']}"),)
    with grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError) as error:
            query_pb2_grpc.PrivateQueryServiceStub(channel).RunQuery(request, metadata=metadata, timeout=30)
        assert MARK not in str(error.value)
        return refusal_of(error.value)


def a_question(**changes: Any) -> query_pb2.Question:
    fields: dict[str, Any] = {
        "dataset": "conversations",
        "measures": [query_pb2.Measure(kind=query_pb2.MEASURE_KIND_COUNT)],
        "window": query_pb2.TimeWindow(from_day="2026-01-01", until_day="2026-01-31"),
        "rho_nano": 1_000_000,
    }
    if "target_error" in changes:
        del fields["rho_nano"]
    return query_pb2.Question(**{k: v for k, v in (fields | changes).items() if v is not None})


def test_partner_gets_a_frame_a_guarantee_and_a_picture(server: Server) -> None:
    with server.client() as client:
        answer = ask(
            client,
            measures=["count", ("mean", "wait_s")],
            group_by=["channel", "handed_over"],
            where={"language": ["zh", "en"], "turns": (1, 100)},
            rho=0.02,
        )
    columns = ["channel", "handed_over", "count", "count_low", "count_high", "mean_wait_s"]
    assert list(answer.frame.columns)[:6] == columns
    assert len(answer.frame) == 7 * 2
    assert (answer.frame["count_low"] <= answer.frame["count"]).all()
    assert answer.guarantee.privacy_unit == "person"
    assert answer.guarantee.rho == 0.02
    assert {trace.name for trace in answer.plot().data} == {"true", "false"}
    assert len(answer.plot("mean_wait_s").data[0].x) == 7


def test_partner_gets_every_measure_with_its_interval(server: Server) -> None:
    with server.client() as client:
        shape = ask(client, measures=[("histogram", "satisfaction"), ("quantiles", "wait_s", [0.5, 0.9])], rho=0.02)
        spread = ask(client, measures=[("variance", "turns"), ("ratio", "outcome", "resolved")], rho=0.02)
    assert shape.measures == (*(f"histogram_satisfaction_from_{n}" for n in range(1, 6)), "p50_wait_s", "p90_wait_s")
    assert spread.measures == ("variance_turns", "ratio_outcome")
    for answer in (shape, spread):
        for name in answer.measures:
            assert (answer.frame[f"{name}_low"] <= answer.frame[name]).all()
            assert (answer.frame[name] <= answer.frame[f"{name}_high"]).all()
    assert list(shape.plot().data[0].x) == [1, 2, 3, 4, 5]
    assert spread.guarantee.noise[0].square_scale > spread.guarantee.noise[0].scale


def test_partner_is_told_what_the_bounds_dropped_and_what_all_answers_can_tell(server: Server) -> None:
    with server.client() as client:
        answer = ask(client, dropped_share=True, max_rows_per_group=1, rho=0.03)
        assert ask(client, max_rows_per_group=1, rho=0.03).dropped_share is None
        described = client.describe("conversations")
    assert answer.dropped_share is not None
    assert 0 <= answer.dropped_share.low <= answer.dropped_share.value <= answer.dropped_share.high <= 1
    told = answer.guarantee
    assert (told.max_rows_per_group, described.max_rows_per_group) == (1, 3)
    assert told.person.epsilon > told.epsilon and told.person_day.rho == 4 * told.person.rho
    assert told.finding is None


def test_prices_fall_with_the_error_that_is_allowed(server: Server) -> None:
    window = {"from_day": "2026-01-01", "until_day": "2026-01-31"}
    with server.client() as client:
        prices = client.prices("conversations", ["count"], [20, 50, 100], group_by=["channel"], **window)
        after = client.preview("conversations", ["count"], target_error=20, group_by=["channel"], **window)
        budget = client.budget("conversations")
    assert list(prices.columns) == ["target_error", "rho", "epsilon", "questions_left"]
    assert prices["rho"].is_monotonic_decreasing and prices["questions_left"].is_monotonic_increasing
    assert after.epsilon_after >= max(after.epsilon, budget.spent_epsilon)
    assert budget.renewed_on == "" and budget.delta == 1e-6


def test_partner_sees_what_it_may_ask_about(server: Server) -> None:
    with server.client("ada") as ada, server.client("bob") as bob:
        assert list(ada.datasets()) == ["conversations"]
        assert list(bob.datasets()) == ["conversations", "journeys"]
        described = {column.name: column for column in ada.describe("conversations").columns}
    assert described["channel"].public_values[0] == "web"
    assert (described["wait_s"].low, described["wait_s"].high) == (0, 3600)
    assert described["week"].type == "calendar"


def test_dataset_of_another_partner_and_one_that_does_not_exist_look_the_same(server: Server) -> None:
    told = {refused(server, query_pb2.RunQueryRequest(question=a_question(dataset=d))) for d in ("journeys", MARK, "")}
    assert len(told) == 1
    (one,) = told
    assert (one.code, one.reason) == (grpc.StatusCode.NOT_FOUND, "DATASET_UNKNOWN")
    with server.client("ada") as ada:
        for call in (ada.describe, ada.budget):
            with pytest.raises(QueryRefused) as refusal:
                call("journeys")
            assert (refusal.value.reason, refusal.value.sentence) == (one.reason, one.sentence)


@pytest.mark.parametrize("api_key", ["wrong", "mgs_wrong", " "])
def test_wrong_key_is_refused(server: Server, api_key: str) -> None:
    told = refused(server, query_pb2.RunQueryRequest(question=a_question()), api_key)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def one_filter(**condition: Any) -> list[query_pb2.Filter]:
    return [query_pb2.Filter(**condition)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measures": []}, "question.measures"),
        ({"measures": [query_pb2.Measure()]}, "question.measures[0].kind"),
        (
            {"measures": [query_pb2.Measure(kind=query_pb2.MEASURE_KIND_SUM, column=MARK)]},
            "question.measures[0].column",
        ),
        ({"group_by": [MARK]}, "question.group_by[0]"),
        ({"group_by": ["person_id"]}, "question.group_by[0]"),
        ({"filters": one_filter(column=MARK, equals=True)}, "question.filters[0].column"),
        ({"filters": one_filter(column="channel", equals=True)}, "question.filters[0].condition"),
        ({"filters": one_filter(column="turns", equals=False)}, "question.filters[0].condition"),
        (
            {"filters": one_filter(column="channel", one_of=query_pb2.ValueSet(values=[MARK]))},
            "question.filters[0].one_of",
        ),
        ({"window": None}, "question.window.from_day"),
        ({"window": query_pb2.TimeWindow(from_day=MARK, until_day=MARK)}, "question.window.from_day"),
        ({"window": query_pb2.TimeWindow(from_day="2026-01-01", until_day="2026-01-01")}, "question.window"),
        ({"window": query_pb2.TimeWindow(from_day="2026-01-01", until_day="2027-02-06")}, "question.window"),
        ({"target_error": float("nan")}, "question.target_error"),
        ({"target_error": float("inf")}, "question.target_error"),
        ({"target_error": -1.0}, "question.target_error"),
        ({"rho_nano": 0}, "question.rho_nano"),
        ({"rho_nano": 2**64 - 1}, "question.rho_nano"),
        (
            {
                "group_by": ["day", "week", "channel"],
                "window": query_pb2.TimeWindow(from_day="2025-01-01", until_day="2026-02-01"),
            },
            "question.group_by",
        ),
    ],
)
def test_bad_question_is_told_which_field_breaks_a_rule(server: Server, changes: dict[str, Any], field: str) -> None:
    told = refused(server, query_pb2.RunQueryRequest(question=a_question(**changes)))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "QUESTION_INVALID")
    assert field in [violation[0] for violation in told.violations]
    assert MARK not in str(told)


def test_question_without_a_price_is_refused(server: Server) -> None:
    told = refused(server, query_pb2.RunQueryRequest(question=a_question(rho_nano=None)))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PRICE_MISSING")
    assert told.violations[0][0] == "question.price"


def test_question_that_is_unset_is_refused(server: Server) -> None:
    told = refused(server, query_pb2.RunQueryRequest())
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "DATASET_UNKNOWN")


def test_dataset_whose_mart_is_missing_is_unavailable(server: Server) -> None:
    request = query_pb2.RunQueryRequest(question=a_question(dataset="journeys"))
    told = refused(server, request, server.home.keys["bob"])
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "DATASET_UNAVAILABLE")
    assert told.retry_after_s == 10


def test_question_beyond_the_budget_is_told_what_would_fit(server: Server) -> None:
    told = refused(server, query_pb2.RunQueryRequest(question=a_question(rho_nano=900_000_000)))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_EXCEEDED")
    assert "costs rho 0.9," in told.sentence
    assert "Widen the target error to ±" in told.sentence


def test_same_question_gives_the_same_bytes_and_costs_once(server: Server) -> None:
    with server.client() as client:
        before = client.budget("conversations").spent
        first, again = ask(client, group_by=["week"]), ask(client, group_by=["week"])
        after = client.budget("conversations")
    assert first.raw == again.raw
    assert (first.reused, again.reused) == (False, True)
    assert after.spent - before == pytest.approx(0.001)
    assert after.spent + after.left == pytest.approx(after.limit)


def test_same_question_asked_by_many_at_once_gives_the_same_bytes_and_costs_once(server: Server) -> None:
    spent = server.spent("partner:bob")
    together = threading.Barrier(CLIENTS)

    def one(_: int) -> Answer:
        with server.client("bob") as client:
            client.datasets()
            together.wait()
            return ask(client, group_by=["day"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(one, range(CLIENTS)))
    assert len({answer.raw for answer in answers}) == 1
    assert sum(not answer.reused for answer in answers) == 1
    assert server.spent("partner:bob") - spent == COST_NANO


def test_preview_costs_nothing(server: Server) -> None:
    with server.client() as client:
        before = client.budget("conversations").spent
        preview = client.preview(
            "conversations", ["persons"], from_day="2026-01-01", until_day="2026-01-31", target_error=30
        )
        assert client.budget("conversations").spent == before
    assert preview.noise[0].half_width <= 30
    assert preview.affordable


def test_client_that_reaches_nobody_gets_a_typed_error() -> None:
    with QueryClient(f"127.0.0.1:{free_port()}", "key") as client, pytest.raises(QueryRefused) as refusal:
        client.datasets()
    assert refusal.value.reason == "TRANSPORT"


@dataclass
class Crowd:
    """32 clients who ask different questions until the budget is used up, over a crash of the server."""

    server: Server
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    restarted: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: int = 0

    def ask_until_refused(self, number: int) -> str:
        deadline = time.monotonic() + 60
        with self.server.client("ada" if number % 2 else "bob") as client:
            turn = 0
            while time.monotonic() < deadline:
                turn += 1
                try:
                    ask(client, rho=COST_NANO / 1e9, where={"turns": (number, 50 + turn)})
                except QueryRefused as refusal:
                    if refusal.reason == "BUDGET_EXCEEDED":
                        return refusal.reason
                    self.restarted.wait(START_S)
                    continue
                with self.lock:
                    self.answers += 1
                self.answered.release()
        return "DEADLINE"


def test_budget_is_never_overspent_by_32_clients_and_a_kill(tmp_path: Path) -> None:
    """Two partners may spend 40 together and 30 alone, in questions of 1; kill -9 after five answers."""
    home = make_home(tmp_path, people=50, partner_rho_nano=30_000_000, dataset_rho_nano=LIMIT_NANO)
    server = Server(home, free_port())
    crowd = Crowd(server)
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            ends = [pool.submit(crowd.ask_until_refused, n) for n in range(CLIENTS)]
            for _ in range(5):
                assert crowd.answered.acquire(timeout=START_S)
            server.kill()
            with crowd.lock:
                given_before_the_kill = crowd.answers
            assert server.spent() >= given_before_the_kill * COST_NANO
            server.start()
            crowd.restarted.set()
            assert {end.result(timeout=90) for end in ends} == {"BUDGET_EXCEEDED"}
        assert server.spent() == LIMIT_NANO
        assert all(server.spent(f"partner:{name}") <= 30_000_000 for name in home.keys)
        assert crowd.answers * COST_NANO <= LIMIT_NANO
        assert server.stop() == 0
    finally:
        server.process.kill()


def test_reservation_cut_off_by_a_crash_is_shown_as_spent(tmp_path: Path) -> None:
    """A crash between reserve and commit, made with the ledger alone, seen through the service afterwards."""
    script = (
        "import os, signal, sys; from datetime import date; from pathlib import Path;"
        "from privacy.ledger.port import Charge, Limits; from privacy.ledger.sqlite import SqliteLedger;"
        "ledger = SqliteLedger(Path(sys.argv[1]));"
        "days = (date(2026, 1, 1), date(2026, 1, 2));"
        "charge = Charge('ada', 'conversations', 0, b'q' * 32, 7_000_000, *days);"
        "ledger.reserve(charge, Limits(10**9, 10**9, 10**9)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    home = make_home(tmp_path, people=5)
    ledger = home.folder / "ledger" / "ledger.sqlite"
    died = subprocess.run([sys.executable, "-c", script, str(ledger)], check=False, timeout=START_S)
    assert died.returncode == -signal.SIGKILL
    server = Server(home, free_port())
    try:
        with server.client() as client:
            assert client.budget("conversations").spent == pytest.approx(0.007)
    finally:
        server.kill()
