"""DICOM series made on the spot, and records of files without a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from napari_dicomdb.database.records import InstanceRecord
from napari_dicomdb.database.rows import INSTANCE_COLUMNS, instance_row
from napari_dicomdb.dicom.header import scan_file

Records = Callable[[Iterable[Path]], list[InstanceRecord]]
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
NM_CLASS = "1.2.840.10008.5.1.4.1.1.20"
ENHANCED_MR_CLASS = "1.2.840.10008.5.1.4.1.1.4.1"


def record_of(path: Path, **changes: Any) -> InstanceRecord:
    header = scan_file(path)
    stat = path.stat()
    values = {k: v for k, v in header.values.items() if k != "SOPInstanceUID"}
    row = dict(zip(INSTANCE_COLUMNS, instance_row(header, ""), strict=True))

    def joined(*names: str) -> Any:
        numbers = tuple(row.pop(name) for name in names)
        return None if None in numbers else numbers

    row.pop("overrides")
    fields = {
        "key": 0,
        "series_key": 0,
        "series_uid": str(header.values.get("SeriesInstanceUID", "")),
        "path": path,
        "file_size": stat.st_size,
        "file_mtime_ns": stat.st_mtime_ns,
        "storage": "linked",
        "position": joined("position_x", "position_y", "position_z"),
        "orientation": joined("row_x", "row_y", "row_z", "column_x", "column_y", "column_z"),
        "pixel_spacing": joined("spacing_rows", "spacing_columns"),
        "defaults_json": json.dumps(values),
        "frames_json": header.frames.to_bytes() if header.frames is not None else None,
        **row,
        **changes,
    }
    return InstanceRecord(**fields)


@pytest.fixture(scope="session")
def records() -> Records:
    """Records of files, in the order of their names."""
    return lambda paths: [record_of(path) for path in sorted(paths)]


class SeriesMaker:
    """Writes the slices of one series."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study, self.series, self.frame = (generate_uid() for _ in range(3))
        self.paths: list[Path] = []

    def header(self, **attributes: Any) -> Dataset:
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID, ds.SOPInstanceUID = CT_CLASS, generate_uid()
        ds.Modality, ds.PatientID, ds.PatientName = "CT", "p1", "Doe^Jane"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study, self.series
        ds.FrameOfReferenceUID = self.frame
        ds.SeriesNumber, ds.SeriesDescription = 4, "Thorax"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.InstanceNumber = len(self.paths) + 1
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = [0.5, 0.75]
        for keyword, value in attributes.items():
            if value is None:
                ds.pop(keyword, None)
            else:
                setattr(ds, keyword, value)
        return ds

    def write(self, ds: Dataset, pixels: np.ndarray | None, name: str = "") -> Path:
        if pixels is not None:
            frames = pixels.shape[0] if int(ds.get("NumberOfFrames", 0) or 0) else 0
            rows = pixels.shape[1:] if frames else pixels.shape
            ds.Rows, ds.Columns = rows[0], rows[1]
            ds.SamplesPerPixel = 3 if len(rows) == 3 else 1
            if "PhotometricInterpretation" not in ds:
                ds.PhotometricInterpretation = "RGB" if len(rows) == 3 else "MONOCHROME2"
            if len(rows) == 3:
                ds.PlanarConfiguration = 0
            bits = 8 * pixels.dtype.itemsize
            ds.BitsAllocated = bits
            ds.BitsStored = ds.get("BitsStored") or bits
            ds.HighBit = ds.BitsStored - 1
            ds.PixelRepresentation = int(pixels.dtype.kind == "i")
            ds.PixelData = pixels.tobytes()
            if len(ds.PixelData) % 2:
                ds.PixelData += b"\0"
            ds["PixelData"].VR = "OB" if bits == 8 else "OW"
        path = self.folder / (name or f"{len(self.paths):04d}.dcm")
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
        self.paths.append(path)
        return path

    def slice(
        self, position: Sequence[float], pixels: np.ndarray | None = None, **attributes: Any
    ) -> Path:
        if pixels is None:
            pixels = np.full((6, 5), len(self.paths), dtype=np.int16)
        ds = self.header(ImagePositionPatient=list(position), **attributes)
        return self.write(ds, pixels)

    def axial(self, heights: Iterable[float], **attributes: Any) -> list[Path]:
        return [self.slice((-10, -20, z), **attributes) for z in heights]

    def enhanced(
        self, positions: Sequence[Sequence[float]], pixels: np.ndarray, **columns: Sequence[Any]
    ) -> Path:
        """An enhanced MR; `columns`: functional group values by "Sequence.Keyword"."""
        ds = self.header(
            SOPClassUID=ENHANCED_MR_CLASS,
            Modality="MR",
            ImageOrientationPatient=None,
            PixelSpacing=None,
            NumberOfFrames=len(pixels),
        )
        shared = Dataset()
        shared.PlaneOrientationSequence = [Dataset()]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PixelMeasuresSequence = [Dataset()]
        shared.PixelMeasuresSequence[0].PixelSpacing = [0.5, 0.75]
        ds.SharedFunctionalGroupsSequence = [shared]
        frames = []
        for k, position in enumerate(positions):
            item = Dataset()
            item.PlanePositionSequence = [Dataset()]
            item.PlanePositionSequence[0].ImagePositionPatient = list(position)
            for name, values in columns.items():
                sequence, keyword = name.split("__")
                if sequence not in item:
                    setattr(item, sequence, [Dataset()])
                setattr(item[sequence].value[0], keyword, values[k])
            frames.append(item)
        ds.PerFrameFunctionalGroupsSequence = frames
        return self.write(ds, pixels)


@pytest.fixture
def series(tmp_path: Path) -> SeriesMaker:
    """Make an empty series in a folder of its own."""
    folder = tmp_path / "series"
    folder.mkdir()
    return SeriesMaker(folder)


@pytest.fixture
def another_series(tmp_path: Path) -> Callable[[], SeriesMaker]:
    """Make further series."""
    made = iter(range(1000))

    def make() -> SeriesMaker:
        folder = tmp_path / f"series-{next(made)}"
        folder.mkdir()
        return SeriesMaker(folder)

    return make


NM_VECTORS = {
    "EnergyWindowVector": 0x00540010,
    "DetectorVector": 0x00540020,
    "PhaseVector": 0x00540030,
    "RotationVector": 0x00540050,
    "RRIntervalVector": 0x00540060,
    "TimeSlotVector": 0x00540070,
    "SliceVector": 0x00540080,
    "AngularViewVector": 0x00540090,
    "TimeSliceVector": 0x00540100,
}


@pytest.fixture(scope="session")
def item() -> Callable[..., Dataset]:
    """Make an item of a sequence of attributes."""

    def make(**attributes: Any) -> Dataset:
        ds = Dataset()
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        return ds

    return make


@pytest.fixture
def acquisition(series: SeriesMaker, records: Records) -> Callable[..., InstanceRecord]:
    """Write NM objects; vectors are pointed at in the order in which they are given.

    All pixels of a frame hold its number, from 0.
    """

    def make(vectors: dict[str, list[int]], **attributes: Any) -> InstanceRecord:
        count = len(next(iter(vectors.values())))
        ds = series.header(
            SOPClassUID=NM_CLASS,
            Modality="NM",
            ImageOrientationPatient=None,
            NumberOfFrames=count,
            FrameIncrementPointer=[NM_VECTORS[keyword] for keyword in vectors],
            **vectors,
            **attributes,
        )
        pixels = np.arange(count, dtype=np.uint16)[:, None, None] * np.ones((1, 6, 5), np.uint16)
        series.write(ds, pixels)
        return records(series.paths)[-1]

    return make
