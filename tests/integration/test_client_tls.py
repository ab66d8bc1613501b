"""The clients' TLS, with and without a certificate of their own."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from services.clients.collector import CollectorBusy, CollectorClient
from services.clients.connection import ClientTls, TlsInvalid
from tests.fakes.collector_server import FakeCollector
from tests.integration.sending import events_of


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def pem(folder: Path, authority: trustme.CA, name: str) -> ClientTls:
    """Files of a certificate for `name`, and of its authority."""
    certificate = authority.issue_cert(name)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return ClientTls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


@pytest.fixture
def guarded(authority: trustme.CA) -> Iterator[FakeCollector]:
    """A collector that asks clients for a certificate."""
    certificate = authority.issue_cert("localhost")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    fake = FakeCollector()
    fake.credentials = grpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), require_client_auth=True)
    with fake:
        yield fake


def test_a_client_with_a_certificate_reaches_a_collector_that_asks_for_one(
    guarded: FakeCollector, authority: trustme.CA, tmp_path: Path
) -> None:
    tls = pem(tmp_path, authority, "client")
    with CollectorClient(f"localhost:{guarded.port}", "key", tls=tls) as client:
        client.send_all(events_of(3))
    assert client.tally.accepted == 3


@pytest.mark.parametrize("flaw", ["none of its own", "of another authority", "server of another authority"])
def test_a_client_whose_certificate_does_not_fit_sends_nothing(
    guarded: FakeCollector, authority: trustme.CA, tmp_path: Path, flaw: str
) -> None:
    fits, foreign = pem(tmp_path, authority, "client"), tmp_path / "foreign"
    foreign.mkdir()
    other = pem(foreign, trustme.CA(), "client")
    tls = {
        "none of its own": ClientTls(fits.ca),
        "of another authority": ClientTls(fits.ca, other.cert, other.key),
        "server of another authority": ClientTls(other.ca, fits.cert, fits.key),
    }[flaw]
    client = CollectorClient(f"localhost:{guarded.port}", "key", tls=tls, give_up_after_s=0.3)
    with pytest.raises(CollectorBusy, match="TLS"):
        client.send_all(events_of(1))
    client.close()
    assert guarded.batches == []


def test_tls_files_that_are_of_no_use_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TlsInvalid, match="cannot be read"):
        CollectorClient("localhost:1", "key", tls=ClientTls(tmp_path / "none.pem"))
    with pytest.raises(TlsInvalid, match="both cert and key"):
        CollectorClient("localhost:1", "key", tls=ClientTls(cert=tmp_path / "cert.pem"))
