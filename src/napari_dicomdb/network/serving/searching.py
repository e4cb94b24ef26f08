"""QIDO-RS: studies, series and instances that match, from the index (PS3.18 Section 10.6)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from napari_dicomdb.database.key_search import LEVELS, KeySearch, level_of, vr_of
from napari_dicomdb.dicom.keywords import TAG_OF
from napari_dicomdb.network.serving.accept import wants_json
from napari_dicomdb.network.serving.json_values import json_of
from napari_dicomdb.network.serving.resources import base_url, service_of, uids_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from napari_dicomdb.network.serving.json_values import Json

__all__ = ["search_instances", "search_series", "search_studies"]

_MOST_KEYS = 64
# Lists of values and "" for no value are always understood, asked for or not.
_FLAGS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_OTHERS = frozenset({"limit", "offset", "includefield", "accept", "charset", *_FLAGS})
# PS3.18 Tables 10.6.3-3 to 10.6.3-5, and what viewers list.
_STUDY = (
    *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "StudyDescription"),
    *("ReferringPhysicianName", "TimezoneOffsetFromUTC", "PatientName", "PatientID"),
    *("PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID"),
    *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "IssuerOfPatientID"),
)
_SERIES = (
    *("Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "SeriesInstanceUID"),
    *("SeriesNumber", "NumberOfSeriesRelatedInstances", "SeriesDate", "SeriesTime"),
    *("BodyPartExamined", "ProtocolName", "Laterality"),
)
_INSTANCE = (
    *("SOPClassUID", "TimezoneOffsetFromUTC", "SOPInstanceUID", "InstanceNumber", "Rows"),
    *("Columns", "BitsAllocated", "NumberOfFrames", "AvailableTransferSyntaxUID"),
)
_DEFAULTS = {"study": _STUDY, "series": _SERIES, "instance": _INSTANCE}
_PARENTS = {
    "study": (),
    "series": ("StudyInstanceUID",),
    "instance": ("StudyInstanceUID", "SeriesInstanceUID"),
}
_KEYWORDS = {f"{tag:08X}": keyword for keyword, tag in TAG_OF.items()} | {
    "00080061": "ModalitiesInStudy",
    "00080062": "SOPClassesInStudy",
    "00201206": "NumberOfStudyRelatedSeries",
    "00201208": "NumberOfStudyRelatedInstances",
    "00201209": "NumberOfSeriesRelatedInstances",
    "00083002": "AvailableTransferSyntaxUID",
}


def search_studies(request: Request) -> Response:
    """Answer a search for studies."""
    return _search(request, "study")


def search_series(request: Request) -> Response:
    """Answer a search for series, of all studies or one."""
    return _search(request, "series")


def search_instances(request: Request) -> Response:
    """Answer a search for instances, of everything, a study or a series."""
    return _search(request, "instance")


def _search(request: Request, level: str) -> Response:
    media_type = wants_json(request)
    service = service_of(request)
    parameters = request.query_params.multi_items()
    most = service.settings.most_results
    study, series, _ = uids_of(request)
    search = KeySearch(
        level,
        _keys(parameters),
        study_uid=study,
        series_uid=series,
        fuzzy=_flag(parameters, "fuzzymatching"),
        limit=min(most, _number(parameters, "limit", most)),
        offset=_number(parameters, "offset", 0),
    )
    for name in _FLAGS[1:]:
        _flag(parameters, name)
    returned = _returned(parameters, search)
    found = service.database.search_keys(search)
    headers = {}
    if found.remaining:
        headers["Warning"] = (
            f'299 {base_url(request)} "There are {found.remaining} additional results that can '
            'be requested"'
        )
    if not found.values:
        return Response(status_code=204, headers=headers)
    content = [_told(request, level, values, returned) for values in found.values]
    return Response(json.dumps(content), media_type=media_type, headers=headers)


def _keys(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for name, value in parameters:
        if name in _OTHERS:
            continue
        keyword = _keyword(name)
        if keyword is None or not vr_of(keyword):
            raise HTTPException(400, f"{_plain(name)} is no attribute that is searched here")
        if keyword in keys and keys[keyword] != value:
            raise HTTPException(400, f"{keyword} is asked for twice")
        keys[keyword] = value
        if len(keys) > _MOST_KEYS:
            raise HTTPException(400, "too many keys")
    return keys


def _keyword(name: str) -> str | None:
    """Return the keyword of "PatientID", "00100020"; None when the index has no such one."""
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return _KEYWORDS.get(name.upper())
    return name if vr_of(name) else None


def _plain(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9.]{1,80}", name) else "what was asked for"


def _flag(parameters: Iterable[tuple[str, str]], name: str) -> bool:
    text = next((value for key, value in parameters if key == name), "false").lower()
    if text not in ("true", "false"):
        raise HTTPException(400, f"{name} is true or false")
    return text == "true"


def _number(parameters: Iterable[tuple[str, str]], name: str, default: int) -> int:
    text = next((value for key, value in parameters if key == name), "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,12}", text):
        raise HTTPException(400, f"{name} is a number")
    return int(text)


def _returned(parameters: Iterable[tuple[str, str]], search: KeySearch) -> frozenset[str] | None:
    """Return the keywords that answers have; None: all."""
    asked = [
        part
        for name, value in parameters
        if name == "includefield"
        for part in value.split(",")
        if part
    ]
    if "all" in asked:
        return None
    wanted = {*_DEFAULTS[search.level], *_PARENTS[search.level], *search.keys}
    # Of everything, an answer also tells what it belongs to (PS3.18 Section 10.6.3.3).
    if search.level != "study" and not search.study_uid:
        wanted |= {*_STUDY, *(_SERIES if search.level == "instance" else ())}
    elif search.level == "instance" and not search.series_uid:
        wanted |= set(_SERIES)
    for part in asked:
        # What the index does not keep is left out; PS3.18 Section 8.3.4.3 allows it.
        if not re.fullmatch(r"[A-Za-z0-9.]{1,200}", part):
            raise HTTPException(400, "includefield names attributes by keyword or tag")
        wanted.add(_keyword(part) or part)
    return frozenset(wanted)


def _told(
    request: Request, level: str, values: Mapping[str, Any], returned: frozenset[str] | None
) -> Json:
    chosen = {
        keyword: value
        for keyword, value in values.items()
        if (returned is None or keyword in returned)
        and (not vr_of(keyword) or LEVELS.index(level_of(keyword)) <= LEVELS.index(level))
    }
    if returned is not None:
        for keyword in _DEFAULTS[level]:  # required ones without a value are there, empty
            chosen.setdefault(keyword, "")
    else:
        chosen = {k: v for k, v in values.items() if "." not in k}
    url = f"{base_url(request)}/studies/{values['StudyInstanceUID']}"
    if level != "study":
        url += f"/series/{values['SeriesInstanceUID']}"
    if level == "instance":
        url += f"/instances/{values['SOPInstanceUID']}"
    charset = {"SpecificCharacterSet": "ISO_IR 192"}  # JSON is UTF-8 (PS3.18 Section F.2)
    return json_of({**chosen, **charset, "InstanceAvailability": "ONLINE", "RetrieveURL": url})
