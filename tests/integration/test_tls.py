"""TLS and mTLS over real sockets: who gets in, who does not, and what renewed files change without a restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.access import Authenticator
from services.access.administration import Administration
from services.audit import AuditLog
from services.grpc_server import ServerOptions, start_server

SECRET = b"s" * 32
CALL_S = 10.0


@dataclass
class Files:
    """A server's files, written by the authorities of this test."""

    folder: Path

    def __post_init__(self) -> None:
        self.ca, self.client_ca = trustme.CA(), trustme.CA()
        self.write(self.ca.issue_cert("localhost"))
        self.client_ca.cert_pem.write_to_path(self.folder / "client_ca.pem")
        self.access_file = self.folder / "access.toml"
        self.access_file.touch()

    def write(self, leaf: trustme.LeafCert) -> None:
        (self.folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        (self.folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())

    def client(self, leaf: trustme.LeafCert | None = None, ca: trustme.CA | None = None) -> grpc.ChannelCredentials:
        """What a client shows and trusts; by default no certificate and the server's authority."""
        root = (ca or self.ca).cert_pem.bytes()
        if leaf is None:
            return grpc.ssl_channel_credentials(root)
        return grpc.ssl_channel_credentials(root, leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def serving(files: Files, *, mutual: bool = False, guarded: bool = False) -> AsyncIterator[int]:
    """A server with nothing but health checks; `guarded` asks for an API key beside them."""
    options = ServerOptions(
        "127.0.0.1:0",
        tls_cert=files.folder / "cert.pem",
        tls_key=files.folder / "key.pem",
        tls_client_ca=files.folder / "client_ca.pem" if mutual else None,
    )
    authenticator = Authenticator(files.access_file, SECRET, "source")
    services = [health.SERVICE_NAME] if guarded else []
    running = await start_server(options, authenticator, lambda _: None, services)
    try:
        yield running.port
    finally:
        await running.server.stop(None)


async def answered(port: int, credentials: grpc.ChannelCredentials | None, api_key: str = "") -> grpc.StatusCode:
    """How one health check over a new connection ends."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", "localhost")]
    address = f"127.0.0.1:{port}"
    channel = (
        grpc.aio.insecure_channel(address, options)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options)
    )
    async with channel:
        stub = health_pb2_grpc.HealthStub(channel)
        metadata = [("authorization", f"Bearer {api_key}")]
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def until(holds: Callable[[], Awaitable[bool]], deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not await holds():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.05)


async def test_only_a_client_that_speaks_tls_and_trusts_the_authority_gets_in(files: Files) -> None:
    async with serving(files) as port:
        assert await answered(port, files.client()) is grpc.StatusCode.OK
        assert await answered(port, None) is grpc.StatusCode.UNAVAILABLE
        assert await answered(port, files.client(ca=trustme.CA())) is grpc.StatusCode.UNAVAILABLE


async def test_with_mutual_tls_a_client_needs_a_certificate_of_the_right_authority(files: Files) -> None:
    good, foreign = files.client_ca.issue_cert("shop.example.com"), trustme.CA().issue_cert("shop.example.com")
    async with serving(files, mutual=True) as port:
        assert await answered(port, files.client(good)) is grpc.StatusCode.OK
        assert await answered(port, files.client()) is grpc.StatusCode.UNAVAILABLE
        assert await answered(port, files.client(foreign)) is grpc.StatusCode.UNAVAILABLE
        assert await answered(port, None) is grpc.StatusCode.UNAVAILABLE


async def test_a_key_that_is_bound_to_a_certificate_is_no_good_beside_another(files: Files) -> None:
    Administration(files.access_file, files.folder, SECRET, AuditLog(files.folder / "audit.jsonl")).add(
        "shop", "source", certificates=["shop.example.com"]
    )
    api_key = (files.folder / "shop.key").read_text().strip()
    issue = files.client_ca.issue_cert
    async with serving(files, mutual=True, guarded=True) as port:
        assert await answered(port, files.client(issue("shop.example.com")), api_key) is grpc.StatusCode.OK
        assert await answered(port, files.client(issue("shop.example.com")), "other") is grpc.StatusCode.UNAUTHENTICATED
        for leaf in (issue("app.example.com"), issue("app.example.com", common_name="shop.example.com")):
            assert await answered(port, files.client(leaf), api_key) is grpc.StatusCode.UNAUTHENTICATED
        named = issue(common_name="shop.example.com")
        assert await answered(port, files.client(named), api_key) is grpc.StatusCode.OK
    async with serving(files, guarded=True) as port:
        for leaf in (None, issue("shop.example.com")):
            assert await answered(port, files.client(leaf), api_key) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_renewed_certificate_is_used_without_a_restart(files: Files) -> None:
    other = trustme.CA()
    async with serving(files) as port:
        assert await answered(port, files.client(ca=other)) is grpc.StatusCode.UNAVAILABLE
        assert await answered(port, files.client()) is grpc.StatusCode.OK
        files.write(other.issue_cert("localhost"))

        async def renewed() -> bool:
            return await answered(port, files.client(ca=other)) is grpc.StatusCode.OK

        await until(renewed)
        assert await answered(port, files.client()) is grpc.StatusCode.UNAVAILABLE


async def test_another_authority_of_clients_counts_without_a_restart(files: Files) -> None:
    other = trustme.CA()
    before, after = files.client_ca.issue_cert("shop.example.com"), other.issue_cert("shop.example.com")
    async with serving(files, mutual=True) as port:
        assert await answered(port, files.client(after)) is grpc.StatusCode.UNAVAILABLE
        other.cert_pem.write_to_path(files.folder / "client_ca.pem")

        async def taken() -> bool:
            return await answered(port, files.client(after)) is grpc.StatusCode.OK

        await until(taken)
        assert await answered(port, files.client(before)) is grpc.StatusCode.UNAVAILABLE
