"""What was measured of epsilon, published by an officer and seen by partners of a running service."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from mangrove.query.v1 import query_pb2, query_pb2_grpc
from privacy.receipts import ReceiptInvalid, Signer
from services.audit import AuditUnavailable
from services.clients.query import QueryClient
from services.clients.questions import QueryRefused
from services.commands import app
from services.demo.servers import free_port
from services.keys import key_provider
from services.private_query.code import code_version
from services.private_query.published import MeasurementUnreadable, Published
from services.settings import Home
from tests.measurements import a_measurement
from tests.servers import serving
from tests.unit.private_query.homes import TestHome, make_home


@dataclass(frozen=True)
class Service:
    made: TestHome
    address: str

    @property
    def home(self) -> Home:
        return Home(self.made.folder)

    @property
    def signer(self) -> Signer:
        return Signer(key_provider(self.home).secret("receipts"))

    @property
    def file(self) -> Path:
        return self.made.folder / "measured-epsilon.json"

    def publish(self, **changes: object) -> None:
        Published(self.home, self.signer).publish(a_measurement(**changes))

    def client(self) -> QueryClient:
        return QueryClient(self.address, self.made.keys["ada"])

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = make_home(tmp_path_factory.mktemp("home"), people=5)
    address = f"127.0.0.1:{free_port()}"
    with serving(Home(made.folder), "query", "serve", "--address", address, address=address):
        yield Service(made, address)


@pytest.fixture
def service(running: Service) -> Service:
    running.file.unlink(missing_ok=True)
    return running


def test_partners_see_what_was_published_beside_the_claim_without_a_restart(service: Service) -> None:
    with service.client() as client:
        assert client.audit() is None
        service.publish(code=code_version())
        seen = client.audit()
        assert seen is not None and seen.is_of_running_code
        assert seen.check(service.signer.public_key) == a_measurement(code=code_version())
        service.publish(code="0.0.9+0000000000000000", trials=70_000)
        later = client.audit()
    assert later is not None and not later.is_of_running_code and later.measured.trials == 70_000
    assert "5.222 at delta 1e-06 is claimed" in service.run("audit", "show", "--home", str(service.made.folder))
    with pytest.raises(ReceiptInvalid):
        later.check(Signer(b"x" * 32).public_key)


def test_only_the_owner_reads_the_file_and_the_audit_names_what_was_published(service: Service) -> None:
    service.publish()
    assert service.file.stat().st_mode & 0o777 == 0o600
    last = json.loads((service.made.folder / "audit.jsonl").read_text().splitlines()[-1])
    assert (last["action"], last["trials"]) == ("audit.publish", 35_000)


@pytest.mark.parametrize("better", [True, False], ids=["a better figure", "no JSON"])
def test_a_file_that_was_changed_is_told_and_not_served(service: Service, better: bool) -> None:
    service.publish()
    text = service.file.read_text()
    service.file.write_text(text.replace("4.709", "1.709") if better else text[:40])
    with service.client() as client, pytest.raises(QueryRefused) as refusal:
        client.audit()
    assert refusal.value.reason == MeasurementUnreadable.reason


def test_a_measurement_of_another_installation_is_not_served(service: Service, tmp_path: Path) -> None:
    other = make_home(tmp_path, people=1)
    Published(Home(other.folder), Signer(b"y" * 32)).publish(a_measurement())
    service.file.write_text((tmp_path / "measured-epsilon.json").read_text())
    with service.client() as client, pytest.raises(QueryRefused) as refusal:
        client.audit()
    assert refusal.value.reason == "MEASUREMENT_UNREADABLE"


def test_nothing_is_published_when_the_audit_cannot_be_written(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", people=1, settings='audit = "nowhere/audit.jsonl"\n')
    published = Published(Home(made.folder), Signer(b"y" * 32))
    with pytest.raises(AuditUnavailable):
        published.publish(a_measurement())
    assert published.last() is None


def test_who_has_no_key_sees_nothing(service: Service) -> None:
    service.publish()
    with grpc.insecure_channel(service.address) as channel, pytest.raises(grpc.RpcError) as refused:
        query_pb2_grpc.PrivateQueryServiceStub(channel).GetAudit(query_pb2.GetAuditRequest(), timeout=30)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_code_of_an_installation_has_a_version_and_a_hash() -> None:
    version, _, digest = code_version().partition("+")
    assert version and len(digest) == 16 and int(digest, 16) >= 0
