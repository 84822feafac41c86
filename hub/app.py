"""The hub as one ASGI application: `/v1` for agents, `/portal/v1` for portals, `/healthz` for its operator.

Rule: everything under `/v1` answers application/jose, problems included.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from agent import __version__
from hub import outcomes
from hub.clock import Clock
from hub.hub import Hub, open_hub
from hub.intake import receive
from hub.limits import BODY_MAX, HASH_MAX, Rate
from hub.portal import ROUTER

JOSE = "application/jose"
PORTAL_BODY_MAX = 64 * 1024
SWEEP_S = 600


def make_app(folder: Path, clock: Clock, rate: Rate | None = None) -> FastAPI:
    """Open the hub in `folder` and return its application; `app.state.hub` is the open hub.

    Raises Misconfigured when there is no hub in `folder`.
    """
    hub = open_hub(folder, clock, rate)
    app = FastAPI(
        title="Créneau hub",
        version=__version__,
        description="The hub protocol, version 1: docs/protocol.md. Requests and answers under /v1 are compact JWS.",
        lifespan=_lifespan,
        docs_url=None,  # its page loads scripts from strangers
        redoc_url=None,
    )
    app.state.hub = hub
    app.include_router(ROUTER)
    app.add_api_route("/healthz", healthz, methods=["GET"], tags=["operator"])
    app.add_api_route(
        "/v1/{verb}", speak, methods=["POST"], tags=["agent"], openapi_extra=_OPENAPI, response_class=Response
    )
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_middleware(PortalBodyLimit)
    return app


_COMPACT = {"content": {JOSE: {"schema": {"type": "string", "description": "compact JWS"}}}}
_OPENAPI: dict[str, Any] = {
    "requestBody": {"required": True, **_COMPACT},
    "responses": {
        "200": {"description": "The answer", **_COMPACT},
        "default": {"description": "A signed problem; the member `problem` decides, the status mirrors it", **_COMPACT},
    },
}


async def speak(verb: str, request: Request) -> Response:
    """Answer one verb of an agent: enrol, offer, orders, outcomes, beat, rotate."""
    hub: Hub = request.app.state.hub
    peer = request.client.host if request.client else ""
    raw, sha256 = await _body(request)
    done = await receive(hub, verb, raw, peer, sha256)
    return Response(done.jws, done.status, media_type=JOSE)


async def _body(request: Request) -> tuple[bytes | None, str]:
    """Return the body, None once it is larger than the limit, and its hash: only an answer bound to it is believed.

    Beyond the limit nothing is kept, and beyond HASH_MAX nothing is read: no agent sends so much.
    """
    raw, seen, digest = bytearray(), 0, hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
        seen += len(chunk)
        if seen > HASH_MAX:
            break
        raw = raw + chunk if seen <= BODY_MAX else bytearray()
    return (None if seen > BODY_MAX else bytes(raw)), digest.hexdigest()


async def healthz(request: Request) -> dict[str, str]:
    """Say that the hub answers and its store can be read."""
    hub: Hub = request.app.state.hub
    await run_in_threadpool(hub.store.setting, "log")
    return {"status": "ok"}


class PortalBodyLimit:
    """Refuse a portal's body by its announced length, before a byte of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 411 without a length and 413 above the limit."""
        if scope["type"] == "http" and scope["method"] == "PUT":
            length = dict(scope["headers"]).get(b"content-length", b"")
            if not length.isdigit() or int(length) > PORTAL_BODY_MAX:
                status = 413 if length.isdigit() else 411
                await JSONResponse({"detail": "too-large" if length else "no-length"}, status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _unfit(_request: Request, error: Exception) -> JSONResponse:
    """Name the places of the faults and none of the values: they may be a patient's."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    where = sorted({".".join(str(step) for step in fault["loc"]) for fault in faults})
    return JSONResponse({"detail": "schema", "where": where}, 422)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Sweep while the hub runs; at the end let waiting calls go and close the store."""
    hub: Hub = app.state.hub
    sweeping = asyncio.create_task(_sweep(hub))
    yield
    hub.room.close()
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping
    hub.close()


async def _sweep(hub: Hub) -> None:
    while True:
        await run_in_threadpool(outcomes.sweep, hub.store, hub.clock.now())
        await asyncio.sleep(SWEEP_S)
