"""Ledger, receipts and access as partners and officers meet them: real services behind real sockets."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from typer.testing import CliRunner

from mangrove.query.v1 import query_pb2
from privacy.receipts import ReceiptInvalid
from services.clients.answers import Answer
from services.clients.connection import ClientTls
from services.clients.query import QueryClient
from services.clients.questions import QueryRefused
from services.clients.receipts import check_receipt
from services.commands import app
from services.demo.servers import free_port
from services.installation import administration_of
from services.keys import key_provider
from services.private_query.bootstrap import from_home
from services.settings import Home
from tests.postgres import new_ledger
from tests.servers import serving
from tests.unit.private_query.homes import TestHome, make_home

CLIENTS = 16


@dataclass(frozen=True)
class Pair:
    """Two services on one home, and so on one ledger in PostgreSQL."""

    home: TestHome
    addresses: tuple[str, str]

    def client(self, n: int, partner: str = "ada") -> QueryClient:
        return QueryClient(self.addresses[n % 2], self.home.keys[partner])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    settings = '[query]\nledger = "env:TEST_LEDGER"\n'
    made = make_home(tmp_path_factory.mktemp("home"), people=50, dataset_rho_nano=100_000_000, settings=settings)
    addresses = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
    os.environ["TEST_LEDGER"] = new_ledger()
    try:
        with ExitStack() as stack:
            for address in addresses:
                stack.enter_context(serving(Home(made.folder), "query", "serve", "--address", address, address=address))
            yield Pair(made, addresses)
    finally:
        del os.environ["TEST_LEDGER"]


def ask(client: QueryClient, **changes: Any) -> Answer:
    asked: dict[str, Any] = {"from_day": "2026-01-01", "until_day": "2026-01-31", "rho": 0.001} | changes
    return client.ask("conversations", ["count"], **asked)


def output(pair: Pair, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(pair.home.folder)])
    assert done.exit_code == 0, done.output
    return done.output


def test_same_question_to_two_services_at_once_is_paid_once(pair: Pair) -> None:
    together = threading.Barrier(CLIENTS)

    def one(n: int) -> Answer:
        with pair.client(n) as client:
            client.datasets()
            together.wait()
            return ask(client, group_by=["week"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(one, range(CLIENTS)))
    assert len({answer.raw for answer in answers}) == 1
    assert sum(not answer.reused for answer in answers) == 1
    with pair.client(0) as client:
        assert client.budget("conversations").spent == pytest.approx(0.001)


def test_every_answer_carries_a_receipt_that_is_checked_offline(pair: Pair, tmp_path: Path) -> None:
    key = output(pair, "receipt", "key")
    with pair.client(1) as client:
        answer = ask(client, group_by=["channel"])
    receipt = check_receipt(answer.raw, key)
    told = answer.guarantee
    assert (receipt.partner, receipt.dataset, receipt.table_version) == ("ada", "conversations", told.table_version)
    assert (receipt.rho_nano, receipt.epsilon, receipt.delta) == (1_000_000, told.epsilon, told.delta)
    assert receipt.noise == (("count", told.noise[0].scale),)
    assert receipt.interval_level == 0.95
    entries = {entry["entry"]: entry for entry in map(json.loads, output(pair, "budget", "history").splitlines())}
    charge = entries[receipt.ledger_entry]
    assert (charge["kind"], charge["hash"], charge["at"]) == ("charge", receipt.ledger_hash, receipt.at)
    assert charge["question"] == receipt.question
    assert "fits" in output(pair, "budget", "verify", "--known", receipt.ledger_hash)
    (tmp_path / "answer.bin").write_bytes(answer.raw)
    (tmp_path / "key.pem").write_text(key)
    files = (str(tmp_path / "answer.bin"), "--key", str(tmp_path / "key.pem"))
    done = CliRunner().invoke(app, ["receipt", "verify", *files])
    assert json.loads(done.output)["answer_sha256"] == receipt.answer_sha256
    (tmp_path / "answer.bin").write_bytes(changed(answer))
    refused = CliRunner().invoke(app, ["receipt", "verify", *files])
    assert isinstance(refused.exception, ReceiptInvalid)


def changed(answer: Answer) -> bytes:
    response = query_pb2.RunQueryResponse.FromString(answer.raw)
    response.rows[0].estimates[0].value += 1
    return response.SerializeToString(deterministic=True)


def test_numbers_and_guarantee_cannot_be_changed_under_a_receipt(pair: Pair) -> None:
    key = output(pair, "receipt", "key")
    with pair.client(0) as client:
        answer = ask(client, group_by=["day"])
    with pytest.raises(ReceiptInvalid, match="another answer"):
        check_receipt(changed(answer), key)
    better = query_pb2.RunQueryResponse.FromString(answer.raw)
    better.guarantee.epsilon /= 2
    with pytest.raises(ReceiptInvalid, match="another answer"):
        check_receipt(better.SerializeToString(), key)
    better.ClearField("receipt")
    with pytest.raises(ReceiptInvalid, match="no receipt"):
        check_receipt(better.SerializeToString(), key)
    with pytest.raises(ReceiptInvalid, match="no answer"):
        check_receipt(b"\xff" * 20, key)


def test_size_of_an_answer_with_its_receipt_depends_on_the_question_alone(pair: Pair) -> None:
    with pair.client(0) as client:
        one = ask(client, where={"turns": (0, 50)})
        two = ask(client, where={"turns": (60, 90)})
    assert abs(len(one.raw) - len(two.raw)) <= 1  # the number of the ledger's entry may have a digit more


def test_budget_over_all_holds_over_both_services(pair: Pair) -> None:
    def one(n: int) -> str:
        with pair.client(n, "bob" if n % 3 else "ada") as client:
            try:
                ask(client, rho=0.005, where={"turns": (0, n)})
            except QueryRefused as refusal:
                return refusal.reason
        return "OK"

    with ThreadPoolExecutor(CLIENTS) as pool:
        ends = list(pool.map(one, range(40)))
    assert set(ends) == {"OK", "BUDGET_EXCEEDED"}
    spent = 0.0
    for name in pair.home.keys:
        with pair.client(0, name) as client:
            spent += client.budget("conversations").spent
    assert 0.095 < spent <= 0.1
    assert "fits" in output(pair, "budget", "verify")


def test_grant_counts_in_running_services_at_once(pair: Pair) -> None:
    output(pair, "budget", "grant", "conversations", "0.05", "--why", "asked by the board")
    with pair.client(1) as client:
        assert len(ask(client, rho=0.02).frame) == 1


def test_private_key_is_in_no_file_but_the_key_file(pair: Pair) -> None:
    secret = key_provider(Home(pair.home.folder)).secret("receipts")
    shapes = (secret, secret.hex().encode(), repr(secret)[2:-1].encode())
    for path in pair.home.folder.rglob("*"):
        if path.is_file() and path.name != "keys.json":
            content = path.read_bytes()
            assert not any(shape in content for shape in shapes)
    assert (pair.home.folder / "keys.json").stat().st_mode & 0o077 == 0


async def test_partners_show_certificates_and_keys_that_belong_together(tmp_path: Path) -> None:
    """mTLS: a connection without a certificate of the authority, or a key beside another's, opens nothing."""
    server_ca, partner_ca = trustme.CA(), trustme.CA()
    leaf = server_ca.issue_cert("localhost")
    (tmp_path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (tmp_path / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    server_ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    partner_ca.cert_pem.write_to_path(tmp_path / "partners.pem")
    settings = f'[query]\ntls_cert = "{tmp_path}/cert.pem"\ntls_key = "{tmp_path}/key.pem"\n'
    settings += f'tls_client_ca = "{tmp_path}/partners.pem"\n'
    made = make_home(tmp_path / "home", people=5, settings=settings)
    home = Home(made.folder)
    secret = key_provider(home).secret("access")
    administration_of(home, secret).add("eve", "partner", certificates=["eve.example.com"])
    key_of_eve = (made.folder / "credentials" / "eve.key").read_text().strip()

    def tls(name: str) -> ClientTls:
        own = partner_ca.issue_cert(name)
        own.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        own.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        return ClientTls(tmp_path / "ca.pem", tmp_path / f"{name}.pem", tmp_path / f"{name}.key")

    def datasets(key: str, how: ClientTls) -> list[str] | str:
        with QueryClient(f"localhost:{server.port}", key, how) as client:
            try:
                return list(client.datasets())
            except QueryRefused as refusal:
                return refusal.reason

    service = from_home(home, "localhost:0")
    server = await service.start()
    try:
        own, others, none = tls("eve.example.com"), tls("bob.example.com"), ClientTls(tmp_path / "ca.pem")
        assert await asyncio.to_thread(datasets, key_of_eve, own) == []
        assert await asyncio.to_thread(datasets, made.keys["ada"], others) == ["conversations"]
        assert await asyncio.to_thread(datasets, key_of_eve, others) == "UNAUTHENTICATED"
        assert await asyncio.to_thread(datasets, made.keys["ada"], none) == "TRANSPORT"
    finally:
        await server.drain()
        service.close()
    refused = [json.loads(line) for line in (made.folder / "audit.jsonl").read_text().splitlines()]
    assert {(line["action"], line.get("reason", ""), line["caller"]) for line in refused} == {
        ("access.add", "", "eve"),
        ("refused", "CERTIFICATE_OTHER", "eve"),
    }
