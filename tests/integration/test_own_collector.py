"""Commands of an installation reach its own collector over TLS, with a certificate where it asks for one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.clients.connection import ClientTls, TlsInvalid
from services.clients.own_collector import address_of, tls_of
from services.collector.status import JournalState
from services.collector.status_command import look
from services.demo.servers import free_port
from services.edge.bootstrap import collector_tls
from services.edge.readiness import CollectorHealth
from services.settings import Home


def write(folder: Path, name: str, leaf: trustme.LeafCert) -> None:
    (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (folder / f"{name}.key").write_bytes(leaf.private_key_pem.bytes())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A server's certificate, one that its authority of clients signed, and one that nobody asked for."""
    servers, clients = trustme.CA(), trustme.CA()
    write(tmp_path, "server", servers.issue_cert("collector.example.com"))
    write(tmp_path, "local", clients.issue_cert("local.example.com"))
    write(tmp_path, "other", trustme.CA().issue_cert("collector.example.com"))
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    servers.cert_pem.write_to_path(tmp_path / "servers.pem")
    return tmp_path


def a_home(folder: Path, port: int, collector: str, edge: str = "") -> Home:
    tls = 'tls_cert = "server.pem"\ntls_key = "server.key"\n'
    text = f'[collector]\naddress = "0.0.0.0:{port}"\n{tls}{collector}\n[edge]\n{edge}\n'
    (folder / "mangrove.toml").write_text(text)
    return Home(folder)


@contextmanager
def asking_for_certificates(folder: Path) -> Iterator[int]:
    """A health service behind mTLS; yields its port."""
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    for name in ("", "mangrove.collector.v1.CollectorService"):
        servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    pair = ((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (folder / "clients.pem").read_bytes(), True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(None)


MUTUAL = 'tls_client_ca = "clients.pem"\n'
LOCAL = 'local_cert = "local.pem"\nlocal_key = "local.key"\n'


def no_journals(_home: Home) -> list[JournalState]:
    return []


@pytest.mark.parametrize(
    ("collector", "edge"),
    [
        (MUTUAL + LOCAL, ""),
        (MUTUAL, 'collector_cert = "local.pem"\ncollector_key = "local.key"'),
        (MUTUAL + LOCAL, 'collector_ca = "servers.pem"'),
    ],
)
async def test_the_edge_shows_the_local_certificate_or_its_own(files: Path, collector: str, edge: str) -> None:
    with asking_for_certificates(files) as port:
        home = a_home(files, port, collector, edge)
        async with CollectorHealth(address_of(home), collector_tls(home)) as asked:
            assert await asked.is_ready()


async def test_no_other_certificate_than_the_collectors_own_is_trusted(files: Path) -> None:
    with asking_for_certificates(files) as port:
        home = a_home(files, port, MUTUAL + LOCAL)
        (files / "server.pem").write_bytes((files / "other.pem").read_bytes())
        async with CollectorHealth(address_of(home), tls_of(home)) as asked:
            assert not await asked.is_ready()


def test_status_shows_the_local_certificate_and_says_that_one_is_asked_for(files: Path) -> None:
    with asking_for_certificates(files) as port:
        assert look(a_home(files, port, MUTUAL + LOCAL), no_journals).health == "SERVING"
        found = look(a_home(files, port, MUTUAL), no_journals)
    assert found.health == "NO_ANSWER"
    assert "local_cert" in found.advice[0]
    assert look(a_home(files, free_port(), MUTUAL + LOCAL), no_journals).health == "NOT_RUNNING"


def test_a_collector_elsewhere_is_reached_as_the_edge_alone_says(files: Path) -> None:
    home = a_home(files, 1, MUTUAL + LOCAL, 'collector = "collector.example.com:50051"')
    assert collector_tls(home) is None
    home = a_home(files, 1, MUTUAL, 'collector = "c.example.com:1"\ncollector_ca = "servers.pem"')
    assert collector_tls(home) == ClientTls(files / "servers.pem")


def test_files_that_are_none_are_told(files: Path) -> None:
    (files / "server.pem").write_text("nothing")
    with pytest.raises(TlsInvalid, match="tls_cert"):
        tls_of(a_home(files, 1, MUTUAL))
    home = a_home(files, 1, LOCAL)
    write(files, "server", trustme.CA().issue_cert("collector.example.com"))
    (files / "local.key").unlink()
    with pytest.raises(TlsInvalid):
        look(home, no_journals)
