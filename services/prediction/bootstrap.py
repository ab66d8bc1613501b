"""Wires the prediction service; nothing else chooses what it works with."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ml.online import Champions, champions_at
from services import metrics, tracing
from services.access import Authenticator
from services.audit import AuditLog
from services.collector.bootstrap import event_masker_at
from services.grpc_room import Limits
from services.grpc_server import RunningServer, ServerOptions, keep_serving, start_server
from services.keys import key_provider
from services.prediction.metrics import ModelMetrics
from services.prediction.ports import MODELS, Predicting
from services.prediction.servicer import SERVICE, PredictionServicer, add_to_server
from services.prediction.trial import prepared, warmed
from services.prediction.workers import Workers
from services.settings import Home


@dataclass(frozen=True, slots=True)
class PredictionService:
    """The wired service, not yet listening. Whoever built it closes it."""

    options: ServerOptions
    authenticator: Authenticator
    servicer: PredictionServicer
    champions: Champions
    workers: Workers
    audit: AuditLog
    reload_s: float
    metrics_port: int

    async def start(self) -> RunningServer:
        """Listen; the returned server knows its port."""
        return await start_server(
            self.options, self.authenticator, lambda server: add_to_server(self.servicer, server), [SERVICE], self.audit
        )

    def close(self) -> None:
        """Let go of the threads, and flush the audit, after the server has drained."""
        self.workers.close()
        self.audit.flush()


def from_home(home: Home, address: str = "") -> PredictionService:
    """Wire the service of a home folder, with the champions of its registry loaded.

    Args:
        home: The installation.
        address: Where to listen instead of where the settings say, host:port.

    Raises:
        KeysUnavailable: if the key file is missing or may be read by others.
        PolicyInvalid: if the masking policy is of no use.
        AccessFileInvalid: if it is not known who may call.
        MaskingFailed: if a detector fails on a made-up conversation.
    """
    settings = home.settings.prediction
    champions = champions_at(home.path(home.settings.mlflow), MODELS, prepared)
    by = Predicting(champions, warmed(event_masker_at(home).texts))
    workers = Workers(settings.threads, settings.max_waiting)
    champions.refresh()
    return PredictionService(
        options=_options(home, address),
        authenticator=Authenticator(home.path(home.settings.access), key_provider(home).secret("access"), "source"),
        servicer=PredictionServicer(by, workers),
        champions=champions,
        workers=workers,
        audit=AuditLog(home.path(home.settings.audit)),
        reload_s=settings.reload_s,
        metrics_port=settings.metrics_port,
    )


async def serve(service: PredictionService) -> None:
    """Serve until SIGTERM or SIGINT, and drain; champions are followed meanwhile."""
    with ExitStack() as ending:
        ending.callback(service.close)
        if service.metrics_port:
            host = service.options.address.rpartition(":")[0]
            models = ModelMetrics(service.champions)
            ending.callback(metrics.serve(f"{host}:{service.metrics_port}", None, [models]).close)
        ending.enter_context(service.champions.followed(service.reload_s))
        running = await keep_serving(service.start, asyncio.Event())
        await running.drain()


def serve_at(home: Home, address: str = "") -> None:
    """Serve a home folder's predictions until SIGTERM or SIGINT; see `from_home`."""
    tracing.configure(home.settings.tracing, "mangrove-prediction", "0")
    asyncio.run(serve(from_home(home, address)))
    tracing.close()


def _options(home: Home, address: str) -> ServerOptions:
    settings = home.settings.prediction

    def file(name: str) -> Path | None:
        return home.path(name) if name else None

    return ServerOptions(
        address=address or settings.address,
        limits=Limits(max_message_bytes=settings.max_request_bytes, max_held_bytes=settings.max_held_bytes),
        tls_cert=file(settings.tls_cert),
        tls_key=file(settings.tls_key),
        tls_client_ca=file(settings.tls_client_ca),
        reflection=settings.reflection,
        drain_s=settings.drain_s,
    )
