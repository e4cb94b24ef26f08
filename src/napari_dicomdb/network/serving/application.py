"""Puts the services together: which address does what, and how errors are told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.serving.access import Access, Patience, SlowClient, logged_path
from napari_dicomdb.network.serving.bulk_data import retrieve_bulk_data
from napari_dicomdb.network.serving.capabilities import describe
from napari_dicomdb.network.serving.frames import retrieve_frames
from napari_dicomdb.network.serving.metadata import retrieve_metadata
from napari_dicomdb.network.serving.rendered import (
    retrieve_rendered,
    retrieve_rendered_frames,
    retrieve_thumbnail,
)
from napari_dicomdb.network.serving.resources import PREFIX, Service
from napari_dicomdb.network.serving.retrieval import retrieve_instances
from napari_dicomdb.network.serving.searching import (
    search_instances,
    search_series,
    search_studies,
)
from napari_dicomdb.network.serving.storing import store_instances
from napari_dicomdb.network.serving.wado_uri import retrieve_by_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["make_application"]

_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAMES = f"{_INSTANCE}/frames/{{frames}}"
# By the reason code of an error; otherwise 500.
_STATUSES = {
    "not-found": 404,
    "bad-key": 400,
    "unknown-key": 400,
    "too-slow": 503,
    "database-busy": 503,
    "closed": 503,
    "disk-full": 507,
    "too-large": 413,
    "bad-pixels": 406,
    "missing-decoder": 406,
    "missing-library": 406,
    "not-transcoded": 406,
    "truncated-pixels": 406,
    "truncated": 406,
    "no-pixels": 404,
    "video": 406,
}
_log = logging.getLogger(__name__)


def make_application(service: Service) -> ASGIApp:
    """Return the ASGI application that serves a database."""
    settings = service.settings
    get = {
        "/studies": search_studies,
        "/series": search_series,
        "/instances": search_instances,
        f"{_STUDY}/series": search_series,
        f"{_STUDY}/instances": search_instances,
        f"{_SERIES}/instances": search_instances,
        _STUDY: retrieve_instances,
        _SERIES: retrieve_instances,
        _INSTANCE: retrieve_instances,
        f"{_STUDY}/metadata": retrieve_metadata,
        f"{_SERIES}/metadata": retrieve_metadata,
        f"{_INSTANCE}/metadata": retrieve_metadata,
        f"{_STUDY}/rendered": retrieve_rendered,
        f"{_SERIES}/rendered": retrieve_rendered,
        f"{_INSTANCE}/rendered": retrieve_rendered,
        f"{_STUDY}/thumbnail": retrieve_thumbnail,
        f"{_SERIES}/thumbnail": retrieve_thumbnail,
        f"{_INSTANCE}/thumbnail": retrieve_thumbnail,
        f"{_INSTANCE}/bulkdata/{{path:path}}": retrieve_bulk_data,
        f"{_FRAMES}/rendered": retrieve_rendered_frames,
        f"{_FRAMES}/thumbnail": retrieve_thumbnail,
        _FRAMES: retrieve_frames,
        "": describe,
        "/": describe,
    }
    post = {"/studies", _STUDY} if service.takes_objects else set()
    routes: list[Route] = []
    for path, endpoint in get.items():
        allowed = (
            ["GET", "HEAD", "POST", "OPTIONS"] if path in post else ["GET", "HEAD", "OPTIONS"]
        )
        routes.append(Route(f"{PREFIX}{path}", _options(allowed), methods=["OPTIONS"]))
        if path in post:
            routes.append(Route(f"{PREFIX}{path}", store_instances, methods=["POST"]))
        routes.append(Route(f"{PREFIX}{path}", endpoint, methods=["GET"]))
    routes += [
        Route("/", describe, methods=["GET"]),
        Route("/", _options(["GET", "HEAD", "OPTIONS"]), methods=["OPTIONS"]),
        Route("/wado", retrieve_by_query, methods=["GET"]),
        Route(f"{PREFIX}/wado", retrieve_by_query, methods=["GET"]),
    ]
    application = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _tell_http,
            DicomDbError: _tell_error,
            OSError: _tell_os_error,
            SlowClient: _tell_slow,
        },
    )
    application.router.redirect_slashes = False
    application.state.service = service
    guarded: ASGIApp = Patience(Access(application, settings), settings.idle_seconds)
    if settings.origins:
        # A browser asks beforehand without the token: outside of the guard.
        guarded = CORSMiddleware(
            guarded,
            allow_origins=settings.origins,
            allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
            allow_headers=["Accept", "Authorization", "Content-Type", "Range"],
            expose_headers=["Content-Length", "Content-Range", "Content-Type", "Warning"],
            max_age=600,
        )
    return guarded


def _options(methods: list[str]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return Response(status_code=204, headers={"Allow": ", ".join(methods)})

    return answer


def _told(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers)


def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _told(error.status_code, error.detail, dict(error.headers or {}))


def _tell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DicomDbError)
    status = _STATUSES.get(error.reason, 500)
    _log.warning("%s: %s", logged_path(request.url.path), error.reason)
    if error.reason in ("bad-key", "unknown-key", "too-slow"):
        return _told(status, str(error))
    # Other messages name files: they are nobody's business but this computer's.
    return _told(status, f"it cannot be served ({error.reason})")


def _tell_slow(request: Request, error: Exception) -> Response:
    return _told(408, "nothing has come for too long", {"Connection": "close"})


def _tell_os_error(request: Request, error: Exception) -> Response:
    _log.warning("%s: %s", logged_path(request.url.path), type(error).__name__)
    return _told(500, "a file cannot be read")
