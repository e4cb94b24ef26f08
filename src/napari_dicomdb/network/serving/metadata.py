"""Metadata: whole data sets in the DICOM JSON model, large values as addresses."""

from __future__ import annotations

import json
import logging
import math
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import DicomDbError, HeaderError
from napari_dicomdb.network.serving.accept import wants_json
from napari_dicomdb.network.serving.resources import (
    current,
    instance_url,
    instances_below,
    service_of,
    uids_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.dataset import Dataset
    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.serving.json_values import Json

__all__ = ["INLINE", "data_set_of", "json_of_data_set", "retrieve_metadata"]

INLINE = 1024
"""Bytes of a binary value that is still written into the metadata."""

_DEFERRED = 64 * 1024
_DEEPEST = 64
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_CHARACTER_SET = 0x00080005
_log = logging.getLogger(__name__)


def retrieve_metadata(request: Request) -> Response:
    """Answer with the metadata of all instances of a study, series, or of one instance."""
    media_type = wants_json(request)
    service = service_of(request)
    records = instances_below(request)
    study, _, _ = uids_of(request)
    if len(records) == 1:
        record = current(service, records[0])
        url = instance_url(request, study, record)
        return Response(json.dumps([_metadata(record, url)]), media_type=media_type)
    urls = [instance_url(request, study, record) for record in records]
    if request.method == "HEAD":
        return Response(media_type=media_type)
    return StreamingResponse(_array(zip(records, urls, strict=True)), media_type=media_type)


def _array(wanted: Iterable[tuple[InstanceRecord, str]]) -> Iterator[bytes]:
    mark = "["
    for record, url in wanted:
        try:
            content = _metadata(record, url)
        except (DicomDbError, OSError) as error:
            _log.warning("no metadata of instance %s: %s", record.uid, type(error).__name__)
            raise
        yield (mark + json.dumps(content)).encode()
        mark = ",\n"
    yield b"]"


def data_set_of(record: InstanceRecord) -> Dataset:
    """Read the data set of an instance; large values stay in the file until they are used.

    Raises
    ------
    HeaderError
        If it cannot be read.
    OSError
        If the file cannot be read.
    """
    from pydicom import dcmread

    try:
        with quiet():
            return dcmread(record.path, force=True, defer_size=_DEFERRED)
    except unreadable() as error:
        raise HeaderError("the file cannot be read", reason="unreadable") from error


def _metadata(record: InstanceRecord, url: str) -> Json:
    dataset = data_set_of(record)
    with quiet():
        found = json_of_data_set(dataset, f"{url}/bulkdata")
    if f"{_CHARACTER_SET:08X}" in found:
        # JSON is UTF-8 (PS3.18 Section F.2).
        found[f"{_CHARACTER_SET:08X}"]["Value"] = ["ISO_IR 192"]
    return found


def json_of_data_set(dataset: Dataset, url: str, depth: int = 0) -> Json:
    """Return a data set in the DICOM JSON model.

    Parameters
    ----------
    dataset : pydicom.Dataset
    url : str
        Where its large values are: behind it, each has its tag and, within sequences, the
        number of the item, from 1.
    depth : int
        Of sequences around it.
    """
    found: Json = {}
    for tag in sorted(dataset.keys()):
        if tag.element == 0 or tag.group == 2:  # group lengths
            continue
        name = f"{tag:08X}"
        there = f"{url}/{name}"
        raw: Any = dataset.get_item(tag)
        if tag in _PIXELS or (getattr(raw, "is_raw", False) and raw.value is None and raw.length):
            found[name] = {"vr": _vr_of(dataset, tag, raw), "BulkDataURI": there}
            continue
        try:
            found[name] = _element(dataset, tag, there, depth)
        except unreadable(OSError):
            found[name] = {"vr": _vr_of(dataset, tag, raw)}
    return found


def _vr_of(dataset: Dataset, tag: Any, raw: Any) -> str:
    from pydicom.datadict import dictionary_VR

    vr = raw.VR
    if not vr or " or " in vr:
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            vr = "UN"
    if tag == 0x7FE00010 and vr in ("OB or OW", "UN"):
        return "OB" if dataset.get("BitsAllocated", 16) <= 8 else "OW"
    return str(vr).split(" or ")[-1]


def _element(dataset: Dataset, tag: Any, url: str, depth: int) -> Json:
    element = dataset[tag]
    if element.VR == "SQ":
        if depth >= _DEEPEST or not element.value:
            return {"vr": "SQ"}
        items = [
            json_of_data_set(item, f"{url}/{number}", depth + 1)
            for number, item in enumerate(element.value, 1)
        ]
        return {"vr": "SQ", "Value": items}
    if element.VR in _BINARY and isinstance(element.value, bytes) and len(element.value) > INLINE:
        return {"vr": element.VR, "BulkDataURI": url}
    told: Json = element.to_json_dict(None, 0)
    if element.VR in ("FD", "FL") and "Value" in told:
        # JSON has no infinity and no NaN.
        told["Value"] = [
            one if one is None or math.isfinite(one) else None for one in told["Value"]
        ]
    return told
