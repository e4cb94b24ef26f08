"""What this server offers, for people and programs that ask its root (PS3.18 Section 8.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from napari_dicomdb import __version__
from napari_dicomdb.network.serving.frames import MEDIA_TYPES, OCTETS
from napari_dicomdb.network.serving.rendering import PICTURE_TYPES
from napari_dicomdb.network.serving.resources import base_url, service_of
from napari_dicomdb.network.transcoding import TARGETS

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["describe"]


def describe(request: Request) -> JSONResponse:
    """Answer with a document of what there is."""
    service = service_of(request)
    base = base_url(request)
    study, instance = "/studies/{study}", "/studies/{study}/series/{series}/instances/{instance}"
    levels = [study, f"{study}/series/{{series}}", instance]
    services = {
        "QIDO-RS": {
            "paths": [
                *("/studies", "/series", "/instances", f"{study}/series", f"{study}/instances"),
                f"{levels[1]}/instances",
            ],
            "mediaTypes": ["application/dicom+json"],
            "parameters": ["limit", "offset", "fuzzymatching", "includefield", "{attribute}"],
            "mostResults": service.settings.most_results,
        },
        "WADO-RS": {
            "paths": [
                *levels,
                *(f"{level}/metadata" for level in levels),
                *(f"{level}/rendered" for level in levels),
                *(f"{level}/thumbnail" for level in levels),
                f"{instance}/frames/{{frames}}",
                f"{instance}/frames/{{frames}}/rendered",
                f"{instance}/frames/{{frames}}/thumbnail",
                f"{instance}/bulkdata/{{tags}}",
            ],
            "transferSyntaxes": ["as stored", *TARGETS],
            "frames": sorted({OCTETS, *MEDIA_TYPES.values()}),
            "rendered": list(PICTURE_TYPES),
        },
        "WADO-URI": {"paths": ["/wado"]},
    }
    if service.takes_objects:
        services["STOW-RS"] = {
            "paths": ["/studies", study],
            "mediaTypes": ['multipart/related; type="application/dicom"'],
            "largestRequest": service.settings.largest_request,
            "largestObject": service.settings.largest_object,
        }
    return JSONResponse(
        {"server": f"napari-dicomdb {__version__}", "base": base, "services": services}
    )
