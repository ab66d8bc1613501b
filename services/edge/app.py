"""The edge as an ASGI application: its routes, and what holds for all of them."""

import ipaddress
from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.edge.errors import EdgeError, Unexpected, answer
from services.edge.ports import Readiness

log = structlog.get_logger()

REQUESTS = Counter("mangrove_edge_requests", "Finished HTTP requests.", ["route", "status"])

_DAY_S = 86_400
_NEVER_ANSWERED = 499


class Drain:
    """Whether the edge is about to stop; it says so to whom asks if it is ready."""

    def __init__(self) -> None:
        self.has_begun = False

    def begin(self) -> None:
        """From now on the edge is not ready."""
        self.has_begun = True


def build_app(routes: Sequence[BaseRoute], readiness: Readiness, drain: Drain) -> Starlette:
    """Return the application: the routes given, health, metrics, cross-origin calls, errors in one form.

    Args:
        routes: The routes that take events.
        readiness: Whether events can be handed over.
        drain: Whether the edge is about to stop.
    """

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        is_ready = not drain.has_begun and await readiness.is_ready()
        return JSONResponse({"status": "ok" if is_ready else "unavailable"}, 200 if is_ready else 503)

    app = Starlette(
        routes=[
            *routes,
            *(Route(path, alive) for path in ("/healthz", "/v1/health")),
            Route("/readyz", ready),
            Route("/metrics", _metrics),
        ],
        middleware=[
            # A write key is no cookie: pages of any origin may send, as they do to Segment.
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["Retry-After"],
                max_age=_DAY_S,
            ),
            Middleware(_Guard),
        ],
        exception_handlers={HTTPException: _no_such_route},
    )
    app.router.redirect_slashes = False
    return app


class _Guard:
    """Turns every error into a JSON answer without its cause, and counts the answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = _NEVER_ANSWERED

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except EdgeError as error:
            await answer(error)(scope, receive, noting)
        except ClientDisconnect:
            pass
        except Exception as error:
            log.error("request_failed", route=_route(scope), error_type=type(error).__name__)
            if status != _NEVER_ANSWERED:  # an answer broke off in the middle: the server closes the connection
                raise
            await answer(Unexpected())(scope, receive, noting)
        finally:
            REQUESTS.labels(_route(scope), status).inc()


def _route(scope: Scope) -> str:
    """Return the path of the route that was found, one of a few; what was asked for may hold anything."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "none"


def _no_such_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = error.headers if isinstance(error, HTTPException) else None
    reason, sentence = (
        ("METHOD_NOT_ALLOWED", "This path does not take that method. Send a POST.")
        if status == 405
        else ("NOT_FOUND", "There is nothing at this path. See docs/edge.md for the routes.")
    )
    return JSONResponse({"success": False, "code": reason, "message": sentence}, status, headers)


async def _metrics(request: Request) -> Response:
    """Give Prometheus its metrics, on this machine only: behind a proxy everybody seems to be here."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    if forwarded or not _is_loopback(request.client):
        raise HTTPException(404)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _is_loopback(client: Any) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        return False
