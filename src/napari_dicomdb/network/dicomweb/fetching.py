"""Retrieve by WADO-RS (PS3.18 Section 10.4), streamed into arrivals, whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from napari_dicomdb.errors import DicomDbError, HeaderError, NetworkError
from napari_dicomdb.network.dicomweb.client import PAUSES, DicomWebClient
from napari_dicomdb.network.dicomweb.json_model import items_of, text_of
from napari_dicomdb.network.dicomweb.multipart import boundary_of, read_parts
from napari_dicomdb.network.dicomweb.part10 import identity, split_file
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import httpx

    from napari_dicomdb.network.node import Node

__all__ = ["DICOM_PARTS", "FetchReport", "Sink", "Store", "fetch_instances", "instance_uids"]

DICOM_PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""Whole files, in the transfer syntax that the server keeps them in."""

_ACCEPT = f"{DICOM_PARTS}, application/dicom; transfer-syntax=*;q=0.9"
_PAGE = 1000
_MOST_INSTANCES = 1_000_000
# What is over when the rest is asked for anew.
_BROKEN = frozenset({"closed", "timeout", "busy", "truncated"})
# Reasons to stop: the next instance would fare no better.
_HOPELESS = frozenset({"disk-full", "not-writable", "closed", "cancelled"})
_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes one data set; `database.receiving.Arrival` is one."""

    expected: dict[str, str]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the data set."""

    def commit(self) -> Path:
        """Keep it; return where it lies."""

    def discard(self) -> None:
        """Leave nothing of it, unless it is committed."""


Store = Callable[[str, str, str], Sink]
"""Opens a sink for SOP class, SOP instance and transfer syntax UID: `Inbox.open`."""


@dataclass(slots=True)
class FetchReport:
    """What became of a retrieve.

    Attributes
    ----------
    received : list of str
        SOPInstanceUIDs that are kept.
    failed : list of (uid, reason, text)
        uid is "" where it is not known.
    size : int
        Bytes of data sets.
    """

    received: list[str] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    size: int = 0


def fetch_instances(
    node: Node,
    study_uid: str,
    series_uid: str = "",
    instance_uid: str = "",
    *,
    store: Store,
    skip: Collection[str] = (),
    arrived: Callable[[str, Path], None] | None = None,
    waiting: Waiting = no_waiting,
    pauses: Sequence[float] = PAUSES,
    client: DicomWebClient | None = None,
) -> FetchReport:
    """Retrieve a study, a series or an instance, in the transfer syntaxes of the server.

    One request brings all. Where that breaks, the rest is listed and asked for one by
    one, so that nothing comes twice.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    study_uid, series_uid, instance_uid : str
        What is wanted; "" below the level.
    store : callable
        Takes what comes, see `Store`.
    skip : collection of str
        SOPInstanceUIDs that are here already. The server is asked for the others only.
    arrived : callable, optional
        Called with SOPInstanceUID and path of each instance that is kept.
    waiting : callable
        Called a few times a second; may raise `Cancelled`. What has arrived stays.
    pauses : sequence of float
        Seconds before each further attempt.
    client : DicomWebClient, optional
        To be used; by default one is made and closed.

    Returns
    -------
    FetchReport

    Raises
    ------
    NetworkError
        If the server cannot be reached, or gives nothing at all.
    DatabaseError
        If our disk is full (reason "disk-full"); what has arrived stays.
    NodeError
        If the node's password cannot be had from the keyring.
    """
    if client is None:
        with DicomWebClient(node, waiting=waiting, pauses=pauses) as made:
            fetch = _Fetch(made, (study_uid, series_uid, instance_uid), store, arrived)
            return fetch.run(skip, pauses)
    fetch = _Fetch(client, (study_uid, series_uid, instance_uid), store, arrived)
    return fetch.run(skip, pauses)


def instance_uids(
    client: DicomWebClient, study_uid: str, series_uid: str = ""
) -> list[tuple[str, str]]:
    """Return (SeriesInstanceUID, SOPInstanceUID) of all instances of a study or series.

    Raises
    ------
    NetworkError
        If the server does not tell.
    """
    path = f"{_path(study_uid, series_uid)}/instances"
    found: dict[str, str] = {}
    while len(found) < _MOST_INSTANCES:
        params = [("limit", str(_PAGE)), ("offset", str(len(found)))]
        answer = client.get(path, params=params)
        items = items_of(answer.json()) if answer.content.strip() else []
        fresh = {
            text_of(item, "00080018"): text_of(item, "0020000E") or series_uid for item in items
        }
        fresh.pop("", None)
        if not fresh.keys() - found.keys():
            break
        found |= fresh
    return [(series, uid) for uid, series in found.items()]


class _Fetch:
    def __init__(
        self,
        client: DicomWebClient,
        uids: tuple[str, str, str],
        store: Store,
        arrived: Callable[[str, Path], None] | None,
    ) -> None:
        self._client, self._store = client, store
        self._uids, self._arrived = uids, arrived
        self._report = FetchReport()
        self._done: set[str] = set()

    def run(self, skip: Collection[str], pauses: Sequence[float]) -> FetchReport:
        study, series, instance = self._uids
        self._done = set(skip)
        if instance:
            if instance not in self._done:
                self._singly([(series, instance)], pauses)
            return self._report
        if skip:
            return self._rest(study, series, pauses, at_once=True)
        try:
            self._request(_path(study, series), {})
        except NetworkError as error:
            if error.reason not in _BROKEN:
                raise
            _log.info("WADO-RS of %s broke: %s", self._client.node.name, error.reason)
            self._again(error, pauses)
        return self._report

    def _again(self, error: NetworkError, pauses: Sequence[float]) -> None:
        """Go on after a break: at once, as something may have come."""
        if not pauses:
            self._report.failed.append(("", error.reason, str(error)))
            return
        self._client.rest(pauses[0])
        try:
            self._rest(self._uids[0], self._uids[1], pauses, at_once=False)
        except NetworkError as second:
            if not self._report.received:
                raise
            self._report.failed.append(("", second.reason, str(second)))

    def _rest(
        self, study: str, series: str, pauses: Sequence[float], *, at_once: bool
    ) -> FetchReport:
        listed = instance_uids(self._client, study, series)
        if at_once and self._done.isdisjoint(uid for _, uid in listed):
            self._request(_path(study, series), {})  # all of it after all
            return self._report
        self._singly([(s, uid) for s, uid in listed if uid not in self._done], pauses)
        return self._report

    def _singly(self, wanted: list[tuple[str, str]], pauses: Sequence[float]) -> None:
        for series, uid in wanted:
            path = _path(self._uids[0], series, uid)
            for pause in (*pauses, None):
                try:
                    before = len(self._report.failed)
                    self._request(path, {"SOPInstanceUID": uid})
                    if uid not in self._done and len(self._report.failed) == before:
                        text = "the server answered without it"
                        self._report.failed.append((uid, "not-sent", text))
                except NetworkError as error:
                    if error.reason in _BROKEN and pause is not None:
                        self._client.rest(pause)
                        continue
                    if len(wanted) == 1 and not self._report.received:
                        raise
                    self._report.failed.append((uid, error.reason, str(error)))
                break

    def _request(self, path: str, expected: dict[str, str]) -> None:
        """Ask once; keep what comes. A retry begins only where nothing has come yet."""
        count = len(self._done)

        def once() -> None:
            with self._client.stream("GET", path, accept=_ACCEPT) as answer:
                self._take(answer, expected)

        try:
            once()
        except NetworkError as error:
            if error.reason != "busy" or len(self._done) > count:
                raise
            self._client.retried(once)

    def _take(self, answer: httpx.Response, expected: dict[str, str]) -> None:
        kind = answer.headers.get("content-type", "")
        media = kind.partition(";")[0].strip().lower()
        pieces = self._client.parts(answer)
        if answer.status_code == 204:
            return
        if media == "multipart/related":
            for part in read_parts(pieces, boundary_of(kind)):
                if part.content_type.partition(";")[0].strip().lower() in _DICOM:
                    self._keep(iter(part), expected)
                else:
                    text = "a part of the server's answer is no DICOM file"
                    self._report.failed.append(("", "not-dicom", text))
        elif media in _DICOM:
            self._keep(pieces, expected)
        else:
            raise NetworkError(
                f"the server sends {media or 'something'} instead of DICOM files: the URL is "
                "not that of a DICOMweb service, or a login page is in the way",
                reason="not-dicomweb",
            )

    def _keep(self, pieces: Iterator[bytes], expected: dict[str, str]) -> None:
        """Take one file; what is wrong with it is reported, unless nothing else can work."""
        uid = ""
        try:
            meta, rest = split_file(pieces)
            sop_class, uid = identity(meta, rest)
            if expected.get("SOPInstanceUID", uid) != uid:
                raise HeaderError("the server sent another object", reason="uid-mismatch")
            if uid in self._done:
                return
            sink = self._store(sop_class, uid, meta["TransferSyntaxUID"])
            size = len(rest)
            try:
                study, series, _ = self._uids
                asked = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
                sink.expected = {key: value for key, value in asked.items() if value}
                sink.write(rest)
                for piece in pieces:
                    sink.write(piece)
                    size += len(piece)
                path = sink.commit()
            except BaseException:
                sink.discard()
                raise
        except DicomDbError as error:
            if isinstance(error, NetworkError) or error.reason in _HOPELESS:
                raise
            self._report.failed.append((uid, error.reason, str(error)))
            for _ in pieces:  # the rest of it, so that the next one can be read
                continue
            return
        self._done.add(uid)
        self._report.received.append(uid)
        self._report.size += size
        if self._arrived is not None:
            self._arrived(uid, path)


_DICOM = frozenset({"application/dicom", "application/octet-stream", ""})


def _path(study: str, series: str = "", instance: str = "") -> str:
    parts = ["studies", quote(study, safe="")]
    if series:
        parts += ["series", quote(series, safe="")]
    if instance:
        parts += ["instances", quote(instance, safe="")]
    return "/".join(parts)
