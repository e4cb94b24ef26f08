"""Write phantom series as classic DICOM: headers, positions, pixels, and faults on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from napari_dicomdb.dicom.plane import affine_from_plane, slice_normal
from napari_dicomdb.viewer.phantom import CENTRE, Contrast, PhantomSeries, paint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
_CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
_DATE = "20240229"


def _turned(about_x: float, about_y: float) -> tuple[float, ...]:
    """Axial orientation, turned about the patient's left axis, then about the posterior."""
    a, b = np.radians([about_x, about_y])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turned = ry @ rx
    return (*turned[:, 0].tolist(), *turned[:, 1].tolist())


@dataclass(frozen=True, slots=True)
class Plan:
    """How a series is acquired: field of view in mm, middle relative to `CENTRE`."""

    number: int
    description: str
    modality: str
    contrast: Contrast
    orientation: tuple[float, ...]
    slices: int
    matrix: int
    field_of_view: float
    step: float
    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    along_table: bool = False  # the step is along z, whatever the gantry does
    fault: str = ""


_CT = Plan(2, "Phantom head CT 2.5 mm", "CT", "ct", _AXIAL, 60, 256, 256.0, 2.5, (0, 0, -2))

PLANS: dict[str, Plan] = {
    "axial-ct": _CT,
    "oblique-mr": Plan(
        3, "Phantom T1 oblique", "MR", "mr", _turned(20, 10), 40, 192, 230.0, 4.0, (3, -4, -6)
    ),
    "sagittal-mr": Plan(4, "Phantom T1 sagittal", "MR", "mr", _SAGITTAL, 44, 192, 240.0, 3.6),
    "coronal-mr": Plan(5, "Phantom T1 coronal", "MR", "mr", _CORONAL, 50, 192, 240.0, 4.0),
    "tilted-ct": Plan(
        6,
        "Phantom head CT, gantry 15 degrees",
        "CT",
        "ct",
        _turned(15, 0),
        40,
        192,
        250.0,
        4.0,
        (0, 0, -4),
        along_table=True,
    ),
    "missing-slice": replace(
        _CT, number=7, description="Phantom CT, slices missing", fault="missing"
    ),
    "duplicate-slice": replace(
        _CT, number=8, description="Phantom CT, slice twice", fault="duplicate"
    ),
    "uneven-spacing": replace(_CT, number=9, description="Phantom CT, uneven", fault="uneven"),
    "localizer": replace(
        _CT, number=10, description="Phantom CT with localizer", fault="localizer"
    ),
    "projection": Plan(
        11, "Phantom skull AP", "CR", "ct", _CORONAL, 1, 256, 256.0, 1.0, fault="projection"
    ),
}


def write(
    folder: str | Path,
    series: Sequence[str],
    *,
    seed: int,
    matrix: int | None,
    slices: int | None,
) -> list[PhantomSeries]:
    """Write the study; see `phantom.write_phantom_study`."""
    unknown = [name for name in series if name not in PLANS]
    if unknown:
        raise ValueError(f"no phantom series {', '.join(unknown)}; there are {', '.join(PLANS)}")
    if slices is not None and slices < 4:
        raise ValueError(f"a phantom series needs at least 4 slices, not {slices}")
    written = []
    for name in series:
        plan = PLANS[name]
        if matrix is not None:
            plan = replace(plan, matrix=matrix)
        if slices is not None and plan.slices > 1:
            plan = replace(plan, slices=slices, step=plan.step * plan.slices / slices)
        target = Path(folder) / f"{plan.number:02d}-{name}"
        target.mkdir(parents=True, exist_ok=True)
        written.append(_Writer(name, plan, seed, target).write())
    return written


def sample(
    affine: NDArray[np.float64], k: float, shape: tuple[int, int, int], contrast: Contrast
) -> NDArray[np.float32]:
    """Values at the pixel centres of slice `k` (which may lie between slices)."""
    r, c = np.arange(shape[1])[:, None], np.arange(shape[2])
    start = affine[:3, 3] + k * affine[:3, 0]
    x, y, z = (start[i] + r * affine[i, 1] + c * affine[i, 2] for i in range(3))
    return paint(x.ravel(), y.ravel(), z.ravel(), contrast).reshape(shape[1:])


def grid_of(plan: Plan) -> NDArray[np.float64]:
    """Affine of the series: its middle voxel is in the middle of the plan."""
    spacing = plan.field_of_view / plan.matrix
    step = slice_normal(plan.orientation) * plan.step
    if plan.along_table:
        step = np.array([0.0, 0.0, plan.step])
    affine = affine_from_plane((0, 0, 0), plan.orientation, (spacing, spacing), step)
    half = np.array([plan.slices - 1, plan.matrix - 1, plan.matrix - 1]) / 2
    affine[:3, 3] = np.add(CENTRE, plan.middle) - affine[:3, :3] @ half
    return affine


class _Writer:
    """Writes the files of one series."""

    def __init__(self, name: str, plan: Plan, seed: int, folder: Path) -> None:
        self.name, self.plan, self.folder = name, plan, folder
        self._seed = seed
        self.affine = grid_of(plan)
        self.shape = (plan.slices, plan.matrix, plan.matrix)
        self.header = self._series_header()

    def uid(self, *words: object) -> str:
        """Make the UID that these words always give."""
        sources = ["napari-dicomdb phantom", str(self._seed), *map(str, words)]
        return str(generate_uid(entropy_srcs=sources))

    def write(self) -> PhantomSeries:
        if self.plan.fault == "projection":
            uids, positions = [self._write_projection()], [np.full(3, np.nan)]
        else:
            uids, positions = [], []
            for number, k in enumerate(self._slice_numbers(), start=1):
                uids.append(self._write_slice(number, k))
                positions.append(self._position(k))
            if self.plan.fault == "localizer":
                uid, position = self._write_localizer(len(uids) + 1)
                uids.append(uid)
                positions.append(position)
        return PhantomSeries(
            name=self.name,
            modality=self.plan.modality,
            contrast=self.plan.contrast,
            study_uid=self.header.StudyInstanceUID,
            series_uid=self.header.SeriesInstanceUID,
            frame_of_reference_uid=self.header.get("FrameOfReferenceUID", ""),
            paths=tuple(self._path(number) for number in range(1, len(uids) + 1)),
            instance_uids=tuple(uids),
            affine=self.affine,
            shape=self.shape,
            positions=np.array(positions),
        )

    def _path(self, number: int) -> Path:
        return self.folder / f"IM{number:04d}.dcm"

    def _position(self, k: float) -> NDArray[np.float64]:
        position: NDArray[np.float64] = self.affine[:3, 3] + k * self.affine[:3, 0]
        return position

    def _slice_numbers(self) -> list[float]:
        """Where the slices are, in steps; faults are made here."""
        numbers = np.arange(self.plan.slices, dtype=np.float64)
        third = self.plan.slices // 3
        if self.plan.fault == "missing":
            numbers = np.delete(numbers, third)
        elif self.plan.fault == "duplicate":
            numbers = np.insert(numbers, third, third)
        elif self.plan.fault == "uneven":
            numbers[1:-1] += 0.3 * np.sin(np.arange(1, len(numbers) - 1) * 2.1)
        result: list[float] = numbers.tolist()
        return result

    def _write_slice(self, number: int, k: float) -> str:
        self.header.ImagePositionPatient = _ds(self._position(k))
        self.header.SliceLocation = _ds(
            [float(slice_normal(self.plan.orientation) @ self._position(k))]
        )[0]
        return self._write_image(number, sample(self.affine, k, self.shape, self.plan.contrast))

    def _write_localizer(self, number: int) -> tuple[str, NDArray[np.float64]]:
        """Add a sagittal scout to the series, as some scanners do."""
        plan = replace(self.plan, orientation=_SAGITTAL, slices=1)
        affine = grid_of(plan)
        self.header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        del self.header.RescaleType  # Hounsfield units are for axial images (PS3.3 C.8.2.1.1.2)
        self.header.ImageOrientationPatient = _ds(plan.orientation)
        self.header.ImagePositionPatient = _ds(affine[:3, 3])
        self.header.SliceLocation = _ds([-affine[0, 3]])[0]
        return self._write_image(number, sample(affine, 0, self.shape, "ct")), affine[:3, 3]

    def _write_projection(self) -> str:
        """Sum the head up from front to back, as rays do."""
        affine = self.affine.copy()
        affine[:3, 0] = [0, 4, 0]
        depth = np.mean(
            [sample(affine, k, self.shape, "ct") + 1000.0 for k in range(-30, 31)], axis=0
        )
        return self._write_image(1, np.minimum(depth * 3.0, 4095.0))

    def _write_image(self, number: int, values: NDArray[Any]) -> str:
        ds = self.header
        uid = UID(self.uid(self.name, number))
        ds.SOPInstanceUID = uid
        ds.file_meta.MediaStorageSOPInstanceUID = uid
        ds.InstanceNumber = number
        stored = np.rint(values - float(ds.get("RescaleIntercept", 0)))
        ds.PixelData = stored.astype("<i2" if ds.PixelRepresentation else "<u2").tobytes()
        ds.save_as(self._path(number), enforce_file_format=True)
        return uid

    def _series_header(self) -> Dataset:
        """Everything that is the same in all images of the series."""
        plan, ds = self.plan, Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = _DATE
        ds.StudyTime = "101500"
        ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = f"1020{plan.number:02d}"
        ds.InstanceCreationDate, ds.InstanceCreationTime = _DATE, ds.SeriesTime
        ds.AccessionNumber = "PHANTOM-1"
        ds.Modality = plan.modality
        ds.Manufacturer = "napari-dicomdb"
        ds.InstitutionName = "Synthetic data, no patient"
        ds.ReferringPhysicianName = ""
        ds.StudyDescription = "Synthetic head phantom"
        ds.SeriesDescription = plan.description
        ds.ManufacturerModelName = "Analytic phantom"
        ds.DeviceSerialNumber = "0"
        ds.SoftwareVersions = "1"
        ds.PatientName = "Phantom^Ada"
        ds.PatientID = "PHANTOM-ADA"
        ds.PatientBirthDate = "18151210"
        ds.PatientSex = "F"
        ds.BodyPartExamined = "HEAD"
        ds.StudyInstanceUID = self.uid("study")
        ds.SeriesInstanceUID = self.uid("series", self.name)
        ds.StudyID = "1"
        ds.SeriesNumber = plan.number
        ds.AcquisitionNumber = 1
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.Rows = ds.Columns = plan.matrix
        ds.BitsAllocated = 16
        if plan.modality == "CR":
            self._describe_cr(ds)
        else:
            self._describe_plane(ds)
            (self._describe_ct if plan.modality == "CT" else self._describe_mr)(ds)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = ds.SOPClassUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta = meta
        return ds

    def _describe_plane(self, ds: Dataset) -> None:
        spacing = self.plan.field_of_view / self.plan.matrix
        ds.FrameOfReferenceUID = self.uid("frame of reference")
        ds.PositionReferenceIndicator = ""
        ds.PatientPosition = "HFS"
        ds.ImageOrientationPatient = _ds(self.plan.orientation)
        ds.PixelSpacing = _ds([spacing, spacing])
        across = slice_normal(self.plan.orientation) @ self.affine[:3, 0]
        ds.SliceThickness = _ds([float(across)])[0]

    def _describe_ct(self, ds: Dataset) -> None:
        ds.SOPClassUID = CTImageStorage
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 15, 1
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
        ds.WindowCenter, ds.WindowWidth = ["40", "300"], ["120", "1800"]
        ds.WindowCenterWidthExplanation = ["BRAIN", "BONE"]
        ds.KVP = "120"
        ds.DataCollectionDiameter = "500"
        ds.ReconstructionDiameter = _ds([self.plan.field_of_view])[0]
        ds.GantryDetectorTilt = "15" if self.plan.along_table else "0"
        ds.RotationDirection = "CW"
        ds.ExposureTime = 1000
        ds.XRayTubeCurrent = 200
        ds.ConvolutionKernel = "STANDARD"

    def _describe_mr(self, ds: Dataset) -> None:
        ds.SOPClassUID = MRImageStorage
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0
        ds.WindowCenter, ds.WindowWidth = "400", "800"
        ds.SpacingBetweenSlices = _ds([self.plan.step])[0]
        ds.ScanningSequence = "SE"
        ds.SequenceVariant = "NONE"
        ds.ScanOptions = ""
        ds.MRAcquisitionType = "2D"
        ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength = "500", "12", "1"
        ds.MagneticFieldStrength = "1.5"
        ds.FlipAngle = "90"

    def _describe_cr(self, ds: Dataset) -> None:
        spacing = self.plan.field_of_view / self.plan.matrix
        ds.SOPClassUID = ComputedRadiographyImageStorage
        ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0
        ds.WindowCenter, ds.WindowWidth = "2048", "4096"
        ds.ImagerPixelSpacing = _ds([spacing, spacing])
        ds.BodyPartExamined = "SKULL"
        ds.ViewPosition = "AP"
        ds.PatientOrientation = ["L", "F"]
        ds.KVP = "70"


def _ds(values: Any) -> list[str]:
    """Numbers as Decimal Strings, as exact as 16 characters allow."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]
