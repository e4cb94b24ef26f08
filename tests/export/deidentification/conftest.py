"""Images that may show names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

US = "1.2.840.10008.5.1.4.1.1.6.1"


def write_ultrasound(path: Path, database: Any = None, **values: Any) -> Path:
    """Write an ultrasound image without a word on burned-in text; import it."""
    dataset, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = US
    meta.MediaStorageSOPInstanceUID = "1.2.3.6.1"
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = US, "1.2.3.6.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.6", "1.2.3.6.0"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.Modality = "US"
    dataset.StudyDate, dataset.StudyTime = "20200202", "101112"
    dataset.Rows, dataset.Columns = 20, 30
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.full((20, 30), 200, "u1").tobytes()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    if database is not None:
        database.import_paths([path], workers=0)
    return path
