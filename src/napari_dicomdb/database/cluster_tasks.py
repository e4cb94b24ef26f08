"""What a worker of a cluster does for an import; the worker needs this package and no more."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import napari_dicomdb
from napari_dicomdb.database.rows import INSTANCE_COLUMNS
from napari_dicomdb.database.scanning import Refused, Scanned, scan_chunk
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, SCAN_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CANNOT_SEE", "OtherVersion", "fingerprint", "scan_chunks", "seen"]

CANNOT_SEE = "worker-cannot-see"
"""Reason code of a file that is there, but not where the worker looks for it."""


class OtherVersion(Exception):
    """The worker has another version of this package than whoever sent the task."""


def fingerprint() -> tuple[str, int, int]:
    """Return what two computers must agree on: version, and what the scan keeps."""
    # Of what is text alone: Python's own hash differs from process to process.
    kept = sum(map(len, (*KEPT_KEYWORDS, *INSTANCE_COLUMNS)))
    return napari_dicomdb.__version__, SCAN_VERSION, kept


def seen(places: Sequence[str]) -> list[bool]:
    """Tell which of these files and folders exist here."""
    return [os.path.exists(place) for place in places]


def scan_chunks(expected: tuple[str, int, int], task: bytes) -> bytes:
    """Scan several chunks of files.

    Parameters
    ----------
    expected : tuple
        `fingerprint` of whoever stores the result.
    task : bytes
        Pickled list of (paths, sizes), one pair for each chunk.

    Returns
    -------
    bytes
        Pickled list of pickled `Scanned`.

    Raises
    ------
    OtherVersion
        Before anything is read.
    """
    if fingerprint() != expected:
        raise OtherVersion(f"napari-dicomdb {napari_dicomdb.__version__}")
    chunks: list[tuple[list[str], list[int]]] = pickle.loads(task)
    return pickle.dumps([_scanned(paths, sizes) for paths, sizes in chunks])


def _scanned(paths: list[str], sizes: list[int]) -> bytes:
    data = scan_chunk(paths, sizes)
    strange = [i for i, path in enumerate(paths) if _other_size(path, sizes[i])]
    if not strange:
        return data
    # Under this path another file lies here than where the walk was.
    scanned: Scanned = pickle.loads(data)
    for index in strange:
        scanned.files[index] = Refused(CANNOT_SEE, "has another file under this path", False)
    return pickle.dumps(scanned, pickle.HIGHEST_PROTOCOL)


def _other_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size != size
    except OSError:
        return False  # the scan has said so
