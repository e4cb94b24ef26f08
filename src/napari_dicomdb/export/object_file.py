"""One new object as a file: file meta information, checked values, all of it on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.file_meta import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.staging import cannot_write

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

__all__ = ["write_object"]


def write_object(
    dataset: Dataset, path: Path, transfer_syntax_uid: str = "1.2.840.10008.1.2.1"
) -> Path:
    """Write a data set as a file of its own and see that it reaches the disk.

    Parameters
    ----------
    dataset : Dataset
    path : path-like
        Must not exist.
    transfer_syntax_uid : str
        Of what `dataset` holds (pixels are compressed already).

    Raises
    ------
    ExportError
        "bad-value": a value does not fit its attribute; else what the disk says.
    """
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    dataset.file_meta = meta
    try:
        with open(path, "xb") as file, quiet():
            dcmwrite(file, dataset, enforce_file_format=True)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno is None:  # pydicom's, of a number that cannot be packed
            raise _misfit(error) from error
        raise cannot_write(path, error) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise _misfit(error) from error
    return path


def _misfit(error: Exception) -> ExportError:
    # Not the message: it may hold the value, which may be a name.
    text = f"a value does not fit its attribute ({type(error).__name__})"
    return ExportError(text, reason="bad-value")
