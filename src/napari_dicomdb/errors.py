"""Every error this package raises on purpose, each also the builtin it resembles."""

from __future__ import annotations

from pathlib import PurePath

__all__ = [
    "Cancelled",
    "ClusterError",
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseVersionError",
    "DicomDbError",
    "ExportError",
    "GeometryError",
    "HeaderError",
    "LoadError",
    "MissingDecoderError",
    "MissingLibraryError",
    "NetworkError",
    "NodeError",
    "NotDicomError",
    "NotFoundError",
    "PixelError",
    "QueryError",
    "place_of",
]


class DicomDbError(Exception):
    """Base of all errors raised on purpose; the message is written for a user.

    Parameters
    ----------
    message : str
        What went wrong, with the file, the attribute and the remedy.
    reason : str, optional
        Machine-readable reason code, kebab-case, as used in reports.
    """

    default_reason = "error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason

    def __str__(self) -> str:
        # KeyError would show the repr of the message.
        return str(self.args[0]) if self.args else ""


class NotDicomError(DicomDbError, ValueError):
    """The file holds no DICOM object."""

    default_reason = "not-dicom"


class HeaderError(DicomDbError, ValueError):
    """The file is DICOM, but its header cannot be used."""

    default_reason = "bad-header"


class GeometryError(DicomDbError, ValueError):
    """Positions and orientations do not make the geometry that was asked for."""

    default_reason = "bad-geometry"


class PixelError(DicomDbError, ValueError):
    """The pixel data cannot be decoded or contradict their description."""

    default_reason = "bad-pixels"


class MissingDecoderError(PixelError):
    """No installed plug-in decodes this transfer syntax; the message names one."""

    default_reason = "missing-decoder"


class LoadError(DicomDbError, RuntimeError):
    """A loadable could not be loaded."""

    default_reason = "load-failed"


class DatabaseError(DicomDbError, OSError):
    """The database directory or its index cannot be used."""

    default_reason = "database"


class DatabaseBusyError(DatabaseError):
    """Another process writes; the message says which."""

    default_reason = "database-busy"


class DatabaseVersionError(DatabaseError):
    """The index was made by a newer version of this package."""

    default_reason = "database-version"


class ClusterError(DicomDbError, OSError):
    """The cluster that should do the work cannot be reached, or has no usable worker."""

    default_reason = "cluster"


class ExportError(DicomDbError, OSError):
    """Something could not be written where it should go; the target is as it was."""

    default_reason = "not-written"


class NotFoundError(DicomDbError, KeyError):
    """No patient, study, series or instance has this UID."""

    default_reason = "not-found"


class MissingLibraryError(DicomDbError, ImportError):
    """An optional library is needed; the message says how to install it."""

    default_reason = "missing-library"


class NetworkError(DicomDbError, ConnectionError):
    """Another computer cannot be reached, or does not do what was asked of it."""

    default_reason = "network"


class NodeError(DicomDbError, ValueError):
    """What is said of a node (name, address, AE titles ...) cannot be used."""

    default_reason = "bad-node"


class QueryError(DicomDbError, ValueError):
    """A query cannot be asked as it is; the message says which key is wrong and why."""

    default_reason = "bad-query"


class Cancelled(DicomDbError):
    """Raised by a progress callback to stop the work; what is done stays done."""

    default_reason = "cancelled"


def place_of(error: BaseException | None) -> str:
    """Return which error it is and where it was raised; not what it says."""
    if error is None:
        return ""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = PurePath(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file} line {trace.tb_lineno}"
