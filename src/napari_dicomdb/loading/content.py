"""The readable content of what a loadable consists of, image or not."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import LoadError

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.content import ContentTree

__all__ = ["CONTENT", "document_of", "read_content"]

CONTENT = "content"
"""Kind of a loadable that has no image: `Loadable.content` opens it."""

# catch_warnings is global to the process: one thread at a time.
_reading = Lock()
_DEFERRED = 1 << 20  # bytes; larger values stay on disk until they are asked for


def read_content(record: InstanceRecord) -> ContentTree:
    """Read one object and return what it says as a tree; its pixels are not read.

    Raises
    ------
    LoadError
        If the file is gone, cannot be read, or is another object by now.
    """
    from pydicom import dcmread

    from napari_dicomdb.dicom.content import content_tree
    from napari_dicomdb.dicom.header import scan_file
    from napari_dicomdb.errors import HeaderError, NotDicomError

    try:
        # First our scanner: it is bounded and tells hostile files apart.
        header = scan_file(record.path)
        dataset = dcmread(record.path, stop_before_pixels=True, force=True, defer_size=_DEFERRED)
        tree = content_tree(dataset)
    except OSError as error:
        raise LoadError(
            f"{record.path}: {error.strerror or error}", reason="file-missing"
        ) from error
    except (NotDicomError, HeaderError) as error:
        raise LoadError(str(error), reason=error.reason) from error
    except unreadable() as error:
        raise LoadError(
            f"{record.path}: its content cannot be read: {error}", reason="bad-header"
        ) from error
    found = header.values.get("SOPInstanceUID")
    if found != record.uid:
        raise LoadError(
            f"{record.path}: another object lies there now ({found}): import it again",
            reason="other-object",
        )
    return tree


def document_of(record: InstanceRecord) -> tuple[bytes, str]:
    """Return the encapsulated document (PDF, STL, CDA...) and its file name ending.

    Raises
    ------
    LoadError
        If there is none, or the file cannot be read.
    """
    from pydicom import dcmread

    try:
        dataset = dcmread(record.path, force=True)
    except unreadable(OSError) as error:
        raise LoadError(f"{record.path}: {error}", reason="unreadable") from error
    document = dataset.get("EncapsulatedDocument")
    if not isinstance(document, bytes):
        raise LoadError(f"{record.path}: no document is encapsulated in it", reason="no-document")
    # Padded to even length, PS3.5 Section 6.2; the length attribute says how long it is.
    length = dataset.get("EncapsulatedDocumentLength")
    if isinstance(length, int) and 0 < length <= len(document):
        document = document[:length]
    kind = str(dataset.get("MIMETypeOfEncapsulatedDocument") or "").lower()
    return document, _ENDINGS.get(kind, ".bin")


_ENDINGS = {
    "application/pdf": ".pdf",
    "model/stl": ".stl",
    "model/obj": ".obj",
    "model/mtl": ".mtl",
    "text/xml": ".xml",
    "application/xml": ".xml",
}
