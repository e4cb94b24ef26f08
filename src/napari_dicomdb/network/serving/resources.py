"""What a URL names: the instances of a study or series, one instance, its frames."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from napari_dicomdb.errors import DatabaseBusyError, DicomDbError
from napari_dicomdb.network.serving.settings import is_loopback

if TYPE_CHECKING:
    from starlette.requests import Request

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.receiving import Inbox
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.serving.settings import ServerSettings

__all__ = [
    "PREFIX",
    "Service",
    "base_url",
    "current",
    "find_instances",
    "frame_numbers",
    "instance_url",
    "instances_below",
    "one_instance",
    "service_of",
    "uids_of",
]

PREFIX = "/dicom-web"
_UID = re.compile(r"[0-9A-Za-z._\-]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9.\-_]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_MOST_FRAMES = 10_000
_log = logging.getLogger(__name__)


@dataclass
class Service:
    """What all requests share.

    Parameters
    ----------
    database : Database
    settings : ServerSettings
    """

    database: Database
    settings: ServerSettings
    _inbox: Inbox | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def takes_objects(self) -> bool:
        """Whether there is STOW-RS."""
        return not (self.settings.read_only or self.database.read_only)

    def inbox(self) -> Inbox:
        """Return where objects arrive, made with the first of them."""
        from napari_dicomdb.database.receiving import Inbox

        with self._lock:
            if self._inbox is None:
                self._inbox = Inbox(self.database)
            return self._inbox

    def close(self) -> None:
        """Index what has arrived."""
        with self._lock:
            inbox, self._inbox = self._inbox, None
        if inbox is not None:
            inbox.close()


def service_of(request: Request) -> Service:
    """Return what the request is served from."""
    service: Service = request.app.state.service
    return service


def _uid(request: Request, name: str) -> str:
    uid = str(request.path_params.get(name, ""))
    if uid and not _UID.fullmatch(uid):
        raise HTTPException(400, f"the {name} UID in the address cannot be one")
    return uid


def uids_of(request: Request) -> tuple[str, str, str]:
    """Return the UIDs of study, series and instance that the path names; "" when it does not.

    Raises
    ------
    HTTPException
        400: one of them cannot be a UID.
    """
    return _uid(request, "study"), _uid(request, "series"), _uid(request, "instance")


def instances_below(request: Request) -> list[InstanceRecord]:
    """Return the instances of what the path names, in order.

    Raises
    ------
    HTTPException
        404: the database has no such study, series or instance, or not one in the other.
    """
    study, series, instance = uids_of(request)
    found = find_instances(service_of(request), study, series, instance)
    if not found:
        raise HTTPException(404, "the database has no such study, series or instance")
    return found


def find_instances(
    service: Service, study: str, series: str = "", instance: str = ""
) -> list[InstanceRecord]:
    """Return the instances of a study, a series of it or one of that; empty when none is."""
    database = service.database
    try:
        if instance:
            records = database.instances(uid=instance)
            if records and series in ("", records[0].series_uid):
                owner = database.find_series(records[0].series_uid)
                return records if owner.study_uid == study else []
            return []
        if series:
            owner = database.find_series(series)
            return database.instances(owner) if owner.study_uid == study else []
        return [i for one in database.series(study=study) for i in database.instances(one)]
    except DicomDbError as error:
        if error.reason != "not-found":
            raise
        return []


def one_instance(request: Request) -> InstanceRecord:
    """Return the one instance that the path names, as its file is now."""
    return current(service_of(request), instances_below(request)[0])


def current(service: Service, record: InstanceRecord) -> InstanceRecord:
    """Return a record as its file is now.

    Raises
    ------
    HTTPException
        410: the file is gone, or is another object by now.
    """
    try:
        return service.database.refresh_instance(record)
    except DatabaseBusyError:
        return record
    except DicomDbError as error:
        _log.warning("instance %s is not served: %s", record.uid, error.reason)
        raise HTTPException(410, "the file of this instance is gone or has changed") from error


def frame_numbers(request: Request, record: InstanceRecord) -> list[int]:
    """Return the frames that the path names, from 0.

    Raises
    ------
    HTTPException
        400: that is no list of numbers; 404: there is no such frame, or no image.
    """
    text = str(request.path_params["frames"])
    if not re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", text):
        raise HTTPException(400, "frames are to be named as 1 or 1,2,5")
    numbers = [int(part) - 1 for part in text.split(",")]
    if len(numbers) > _MOST_FRAMES:
        raise HTTPException(413, "too many frames at once")
    if not record.pixel_keyword:
        raise HTTPException(404, "this instance has no pixels")
    if max(numbers) >= max(1, record.frame_count):
        raise HTTPException(404, f"this instance has {max(1, record.frame_count)} frames")
    return numbers


def base_url(request: Request) -> str:
    """Return the address by which the client has called the service, without a slash.

    Raises
    ------
    HTTPException
        400: the Host header cannot be one.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise HTTPException(400, "the Host header cannot be one")
    port = (request.scope.get("server") or ("", None))[1]
    usual = {"http": 80, "https": 443}[request.url.scheme]
    # Some clients leave the port out; of a server behind a proxy that is right.
    if is_loopback(host) and port not in (None, usual):
        host = f"{host}:{port}"
    return f"{request.url.scheme}://{host}{PREFIX}"


def instance_url(request: Request, study: str, record: InstanceRecord | Any) -> str:
    """Return the address of an instance."""
    return f"{base_url(request)}/studies/{study}/series/{record.series_uid}/instances/{record.uid}"
