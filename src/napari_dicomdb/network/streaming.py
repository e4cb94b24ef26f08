"""Open a series of a DICOMweb node without importing it: headers now, frames when looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.database import Database
from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE
from napari_dicomdb.dicom.file_meta import encode_file_meta
from napari_dicomdb.dicom.streamed import StreamedPath, WholeFile
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import DicomDbError, LoadError, NetworkError, PixelError
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.dicomweb.fetching import fetch_instances
from napari_dicomdb.network.dicomweb.file_sink import FileSink
from napari_dicomdb.network.dicomweb.frames import fetch_bulk, fetch_metadata, find_series
from napari_dicomdb.network.dicomweb.json_model import encode_item, text_of
from napari_dicomdb.network.frame_stream import FrameStream, InstanceFrames
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.network.node import Node

__all__ = ["open_remote_series"]

_THREADS = 6
_LARGEST_VALUE = 4 << 20
_MOST_VALUES = 64  # of one instance
_SOP_CLASS, _SOP_INSTANCE, _ROWS, _COLUMNS = "00080016", "00080018", "00280010", "00280011"
_PHOTOMETRIC, _PALETTE = "00280004", "00281101"
_BITS_ALLOCATED, _SYNTAX = "00280100", "00083002"
# Parametric maps and RT doses may have pixels that are no integers; WADO-RS has no word for it.
_FLOAT_PIXELS = ("7FE00008", "7FE00009")
_FLOAT_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.30"})
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_log = logging.getLogger(__name__)

Item = Mapping[str, Any]


def open_remote_series(
    node: Node,
    study_uid: str,
    series_uid: str,
    *,
    progress: Progress = no_progress,
) -> list[Loadable]:
    """Return the ways to open a series of a DICOMweb node, best first, without importing it.

    Headers are fetched now; frames when they are looked at, and those next to them ahead
    of that. Geometry, values and findings are those of the imported series. What has no
    frames of integers (reports, segmentations of one bit, parametric maps) is fetched
    whole.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    study_uid : str
        StudyInstanceUID; "" asks the node for it.
    series_uid : str
        SeriesInstanceUID.
    progress : Progress
        May raise `Cancelled`.

    Returns
    -------
    list of Loadable
        A frame that the node does not give is shown empty, told in the findings of the
        array, and asked for again when it is looked at again.

    Raises
    ------
    NetworkError
        If the node cannot be reached, has no such series, or gives no metadata.
    LoadError
        If nothing of it can be opened (reason "no-loader").
    NodeError
        If the node's password cannot be had from the keyring.
    MissingLibraryError
        If httpx is not installed.
    """
    from napari_dicomdb import loading

    name = f"Asking {node.name}"
    done = 0

    def waiting() -> None:
        progress(done, None, name)

    with DicomWebClient(node, waiting=waiting) as client:
        study = study_uid or find_series(client, series_uid)
        items, url = fetch_metadata(client, study, series_uid)
        if not items:
            raise NetworkError(f"{node.name} has no series {series_uid}", reason="not-found")
        stream = FrameStream(node, study, series_uid)
        try:
            made = _Headers(client, stream, (study, series_uid), url)
            for done, item in enumerate(items):
                progress(done, len(items), f"Reading headers of {node.name}")
                made.take(item)
            records = _indexed(made, progress)
        except BaseException:
            stream.close()
            raise
    stream.set_order(_in_order(records))
    loadables = loading.examine(records)
    if not loadables:
        why = f": {made.refused[0][1]}" if made.refused else ""
        raise LoadError(f"nothing of this series can be opened{why}", reason="no-loader")
    return loadables


class _Headers:
    """Makes a file of each instance's header, or fetches the whole one."""

    def __init__(
        self, client: DicomWebClient, stream: FrameStream, uids: tuple[str, str], url: str
    ) -> None:
        self._client, self._stream, self._url = client, stream, url
        self._study, self._series = uids
        self.streamed: dict[str, str] = {}  # transfer syntax by UID of what is streamed
        self.refused: list[tuple[str, str]] = []
        self.has_pixels = False  # the metadata say so; not all servers do
        self._count = 0

    @property
    def stream(self) -> FrameStream:
        return self._stream

    def take(self, item: Item) -> None:
        uid = text_of(item, _SOP_INSTANCE)
        if not uid:
            self.refused.append(("", "the server's metadata lack the SOPInstanceUID"))
            return
        try:
            if _has_plain_frames(item):
                self._write(item, uid)
            else:
                self._fetch_whole(uid)
        except DicomDbError as error:
            if error.reason == "cancelled" or error.reason in ("closed", "timeout", "refused"):
                raise
            self.refused.append((uid, str(error)))

    def _write(self, item: Item, uid: str) -> None:
        self._count += 1
        self.has_pixels = self.has_pixels or any(_is_pixels(tag) for tag in item)
        without = {tag: element for tag, element in item.items() if not _is_pixels(tag)}
        wants_csa = "MOSAIC" in text_of(item, "00080008").upper()
        values = self._bulk_values(without, wants_csa)
        problems: list[tuple[str, str]] = []
        data_set = encode_item(without, bulk=lambda _, uri: values.get(uri), problems=problems)
        for reason, text in problems:
            _log.info("metadata of %s: %s: %s", uid, reason, text)
        head = encode_file_meta(text_of(item, _SOP_CLASS), uid, EXPLICIT_LITTLE)
        path = self._stream.folder / f"header-{self._count:08d}.dcm"
        path.write_bytes(head + data_set)
        self.streamed[uid] = text_of(item, _SYNTAX) or EXPLICIT_LITTLE

    def _bulk_values(self, item: Item, wants_csa: bool) -> dict[str, bytes]:
        """Fetch the bulk data that images are made with: tables, overlays, mosaics' headers."""
        uris = list(islice(dict.fromkeys(_wanted_uris(item, wants_csa)), _MOST_VALUES))
        if not uris:
            return {}

        def get(uri: str) -> bytes | None:
            try:
                return fetch_bulk(self._client, uri, self._url, largest=_LARGEST_VALUE)
            except NetworkError as error:
                _log.info("bulk data not to be had: %s", error.reason)
                return None

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="dicomdb-bulk") as pool:
            found = dict(zip(uris, pool.map(get, uris), strict=True))
        return {uri: value for uri, value in found.items() if value is not None}

    def _fetch_whole(self, uid: str) -> None:
        sinks: list[FileSink] = []

        def store(sop_class: str, instance: str, syntax: str) -> FileSink:
            sinks.append(FileSink(self._stream.folder, (sop_class, instance, syntax)))
            return sinks[-1]

        report = fetch_instances(
            self._stream.node, self._study, self._series, uid, store=store, client=self._client
        )
        if report.failed:
            self.refused.append((uid, report.failed[0][2]))


def _is_pixels(tag: str) -> bool:
    try:
        return int(tag, 16) in _PIXELS
    except ValueError:
        return False


def _has_plain_frames(item: Item) -> bool:
    """Whether WADO-RS can give frames of it: of whole bytes and of integers."""
    sizes = [text_of(item, tag) for tag in (_ROWS, _COLUMNS)]
    if text_of(item, _PHOTOMETRIC) == "PALETTE COLOR" and not text_of(item, _PALETTE):
        return False  # servers lose it when its VR contradicts the values
    return (
        all(size.isdigit() and int(size) > 0 for size in sizes)
        and text_of(item, _BITS_ALLOCATED) in ("8", "16", "32")
        and not any(tag in item for tag in _FLOAT_PIXELS)
        and text_of(item, _SOP_CLASS) not in _FLOAT_CLASSES
        and text_of(item, _SYNTAX) not in VIDEO_SYNTAXES
    )


def _wanted_uris(item: Item, wants_csa: bool, deep: int = 0) -> Iterator[str]:
    """Give the BulkDataURIs of what lies in group 0028 and in overlays, and CSA headers."""
    for tag, element in item.items():
        if not isinstance(element, dict):
            continue
        group = tag[:4].upper()
        wanted = group == "0028" or (group.startswith("60") and tag[4:] == "3000")
        if wanted or (wants_csa and group == "0029"):
            uri = element.get("BulkDataURI")
            if isinstance(uri, str) and uri:
                yield uri
        given = element.get("Value")
        if element.get("vr") == "SQ" and isinstance(given, list) and deep < 8:
            for inner in given:
                if isinstance(inner, dict):
                    yield from _wanted_uris(inner, wants_csa, deep + 1)


def _indexed(made: _Headers, progress: Progress) -> list[InstanceRecord]:
    """Index the headers in memory; return records whose pixels are fetched."""
    with Database.in_memory() as database:
        report = database.import_paths([made.stream.folder], workers=0, progress=progress)
        records = database.instances()
    made.refused += [(str(path), text) for path, _, text in report.rejected]
    if not made.has_pixels:
        _probe(records, made)
    return [_remote(record, made) for record in records]


def _probe(records: list[InstanceRecord], made: _Headers) -> None:
    """Fetch one frame to see whether these are images at all."""
    first = next((record for record in records if record.uid in made.streamed), None)
    if first is None:
        return
    made.stream.set_order([(first.uid, 0)])
    try:
        made.stream.fetch(first.uid, 0)
    except PixelError:
        made.streamed.clear()


def _remote(record: InstanceRecord, made: _Headers) -> InstanceRecord:
    source = InstanceFrames(made.stream, record.uid)
    path: Path = StreamedPath.of(record.path, source)
    syntax = made.streamed.get(record.uid)
    if syntax is None:
        if not record.pixel_keyword:  # a report, a plan: all of it is in its file
            return replace(record, path=path)
        from napari_dicomdb.dicom.pixels import PixelDescription

        description = PixelDescription.from_record(record)
        made.stream.use_whole_file(record.uid, WholeFile(record.path, description))
        return replace(record, path=path, pixel_offset=None, pixel_length=None)
    return replace(
        record,
        path=path,
        transfer_syntax_uid=syntax,
        pixel_keyword="PixelData",
        pixel_offset=None,
        pixel_length=None,
    )


def _in_order(records: list[InstanceRecord]) -> list[tuple[str, int]]:
    """Return the frames in the order in which they are likely to be looked at."""
    key: Callable[[InstanceRecord], Any] = _by_number
    first = next((r for r in records if r.orientation is not None), None)
    if first is not None and all(r.position is not None for r in records):
        normal = np.cross(np.array(first.orientation)[:3], np.array(first.orientation)[3:])
        key = lambda record: (float(np.dot(normal, record.position or ())), _by_number(record))  # noqa: E731
    return [
        (record.uid, frame)
        for record in sorted(records, key=key)
        for frame in range(max(record.frame_count, 1))
    ]


def _by_number(record: InstanceRecord) -> tuple[int, str]:
    return record.number or 0, record.uid
