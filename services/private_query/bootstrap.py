"""Wires the private query service; nothing else chooses adapters, but for the ledger's (`ledgers.py`)."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from privacy.ledger.port import Ledger
from privacy.receipts import Signer
from services import metrics
from services.access import Authenticator
from services.audit import AuditLog
from services.grpc_server import RunningServer, ServerOptions, keep_serving, start_server
from services.installation import RECEIPTS
from services.keys import key_provider
from services.private_query.catalogue import load_catalogue
from services.private_query.engine import DeltaEngine
from services.private_query.ledgers import open_ledger
from services.private_query.ports import ExactEngine, Ports
from services.private_query.published import Published
from services.private_query.receipts import receipted
from services.private_query.servicer import SERVICE, PrivateQueryServicer, add_to_server
from services.settings import Home, QuerySettings


@dataclass(frozen=True, slots=True)
class QueryService:
    """The wired service, not yet listening. Whoever built it closes it."""

    options: ServerOptions
    authenticator: Authenticator
    servicer: PrivateQueryServicer
    engine: ExactEngine
    ledger: Ledger
    audit: AuditLog
    metrics_port: int

    async def start(self) -> RunningServer:
        """Listen; the returned server knows its port."""
        return await start_server(
            self.options, self.authenticator, lambda server: add_to_server(self.servicer, server), [SERVICE], self.audit
        )

    def close(self) -> None:
        """Let go of the ledger and of the engine, and flush the audit, after the server has drained."""
        self.audit.flush()
        self.ledger.close()
        self.engine.close()


def build(
    home: Home, *, access_secret: bytes, truncation_secret: bytes, receipt_secret: bytes, address: str = ""
) -> QueryService:
    """Wire the service of a home folder.

    Args:
        home: The installation.
        access_secret: What API keys were hashed under, 32 bytes.
        truncation_secret: What orders rows and groups before they are cut, 32 bytes.
        receipt_secret: The private key that signs receipts, 32 bytes.
        address: Where to listen instead of where the settings say, host:port.

    Raises:
        CatalogueInvalid: if the catalogue is missing or breaks a rule.
        LedgerUnavailable: if the ledger cannot be opened, or another process holds it.
    """
    settings = home.settings.query
    catalogue = load_catalogue(home.path(settings.catalogue))
    authenticator = Authenticator(home.path(home.settings.access), access_secret, "partner")
    options = ServerOptions(
        address=address or settings.address,
        tls_cert=_file(home, settings.tls_cert),
        tls_key=_file(home, settings.tls_key),
        tls_client_ca=_file(home, settings.tls_client_ca),
        reflection=settings.reflection,
        drain_s=settings.drain_s,
    )
    audit = AuditLog(home.path(home.settings.audit))
    ledger = open_ledger(home)
    engine = _engine(settings, home.lake_root)
    signer = Signer(receipt_secret)
    ports = Ports(catalogue, engine, ledger, truncation_secret, receipted(signer))
    servicer = PrivateQueryServicer(ports, Published(home, signer))
    return QueryService(options, authenticator, servicer, engine, ledger, audit, settings.metrics_port)


def from_home(home: Home, address: str = "") -> QueryService:
    """Wire the service with the secrets of the home folder's key file.

    Raises:
        KeysUnavailable: if the key file is missing or may be read by others.
        CatalogueInvalid, LedgerUnavailable: as in `build`.
    """
    keys = key_provider(home)
    return build(
        home,
        access_secret=keys.secret("access"),
        truncation_secret=keys.secret("truncation"),
        receipt_secret=keys.secret(RECEIPTS),
        address=address,
    )


async def serve(service: QueryService) -> None:
    """Serve until SIGTERM or SIGINT, drain, and close the ledger."""
    endpoint = None
    try:
        if service.metrics_port:
            endpoint = metrics.serve(f"{service.options.address.rpartition(':')[0]}:{service.metrics_port}", None)
        running = await keep_serving(service.start, asyncio.Event())
        await running.drain()
    finally:
        if endpoint is not None:
            endpoint.close()
        service.close()


def _engine(settings: QuerySettings, lake_root: str) -> ExactEngine:
    if settings.engine == "embedded":
        return DeltaEngine(lake_root)
    # Spark takes seconds to import and starts a JVM: only who asks for it waits.
    from services.private_query.spark_engine import SparkEngine
    from spark_jobs.session import spark_session

    return SparkEngine(spark_session("mangrove-query", settings.spark_master), lake_root)


def _file(home: Home, name: str) -> Path | None:
    return home.path(name) if name else None
