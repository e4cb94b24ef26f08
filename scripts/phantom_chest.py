"""A chest drawn in LPS space: its CT, its segmentation, and contours and a dose for it.

Used by ``phantom_hospital.py``; nothing to run. No patient, no third party's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import phantom_kinds
import pydicom
from phantom_kinds import Grid, Writer, ds_of, item
from pydicom.uid import generate_uid

from napari_dicomdb.viewer.phantom import CENTRE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
STRUCTURES_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
DOSE_CLASS = "1.2.840.10008.5.1.4.1.1.481.2"
HEART, LESION, REACH = (14.0, -34.0, -40.0), (-62.0, 12.0, 18.0), 17.0  # mm from the middle


def chest(grid: Grid) -> NDArray[np.float32]:
    """Return Hounsfield units of a chest, (slice, row, column)."""
    x, y, z = (grid.points[..., k] - CENTRE[k] for k in range(3))
    hu = np.full(x.shape, -1000.0, np.float32)

    def paint(
        value: float, middle: Sequence[float], half: Sequence[float], power: float = 2
    ) -> Any:
        inside = sum(
            np.abs((a - m) / h) ** power for a, m, h in zip((x, y, z), middle, half, strict=True)
        )
        hu[inside < 1] = value
        return inside < 1

    endless = 1e4
    paint(-95, (0, 0, 0), (178, 118, endless), 2.3)
    paint(52, (0, 0, 0), (166, 105, endless), 2.3)
    around = np.abs(((x / 150) ** 2 + (y / 92) ** 2) ** 0.5 - 1)
    slanted = np.mod(z + 0.22 * y + 0.1 * np.abs(x), 27)
    hu[(around < 0.035) & (slanted < 10) & (y < 80)] = 520
    for side in (-1, 1):
        lung = paint(-860, (side * 76, 2, 4), (60, 78, 118), 2.4)
        random = np.random.default_rng(4 + side)
        tilts = random.uniform(-1, 1, (26, 2))
        for a, b in tilts:  # vessels run out from the hilum
            t = np.abs(x) - 30
            off = np.hypot(y - 4 - a * t * 0.75, z - 6 - b * t * 1.1)
            hu[lung & (t > 0) & (t < 84) & (off < np.maximum(3.6 - 0.034 * t, 1.2))] = 35
    paint(58, (-60, 8, -118), (92, 84, 62))  # the dome of the liver
    paint(48, (78, 24, -122), (58, 58, 46))
    paint(45, (0, -8, 30), (34, 46, 90), 2.5)  # what lies between the lungs
    paint(155, HEART, (52, 42, 50))
    paint(210, (HEART[0] + 14, HEART[1] - 2, HEART[2] - 4), (24, 19, 30))
    paint(215, (20, 48, 0), (12, 12, endless))  # aorta, going down
    paint(215, (6, -10, 30), (15, 15, 46))
    paint(-1000, (0, 12, 86), (8, 8, 66))
    paint(330, (0, 76, 0), (19, 16, endless), 2.6)
    paint(20, (0, 96, 0), (8, 7, endless))
    paint(300, (0, 112, 0), (5, 14, endless))
    paint(430, (0, -97, 20), (17, 5, 74), 3)  # sternum
    paint(45, LESION, (REACH, REACH, REACH))
    hu += np.random.default_rng(7).normal(0, 13, hu.shape).astype(np.float32)
    for axis in (1, 2):
        hu = (np.roll(hu, 1, axis) + 2 * hu + np.roll(hu, -1, axis)) / 4
    return hu


def chest_grid(count: int = 48, matrix: int = 224, step: float = 5.0) -> Grid:
    """Return axial slices about the chest."""
    return Grid(count, matrix, view=380.0, step=step)


def write_chest(
    folder: Path, *, number: int = 2, description: str = "Chest", window: str = "lung", **more: Any
) -> None:
    """Write the chest as classic CT."""
    grid = chest_grid(**more)
    centre, width = {"lung": ("-500", "1500"), "soft": ("50", "400")}[window]
    writer = Writer(folder, number, description, SOPClassUID=CT_CLASS, Modality="CT")
    for k, plane in enumerate(np.rint(chest(grid)).astype(np.int16)):
        writer.write(
            plane,
            ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
            FrameOfReferenceUID=phantom_kinds.FRAME,
            PositionReferenceIndicator="",
            PatientPosition="HFS",
            ImagePositionPatient=ds_of(grid.positions[k]),
            ImageOrientationPatient=ds_of(grid.orientation),
            PixelSpacing=ds_of([grid.spacing] * 2),
            SliceThickness=ds_of([grid.step])[0],
            SliceLocation=ds_of([grid.positions[k][2]])[0],
            RescaleIntercept="0",
            RescaleSlope="1",
            RescaleType="HU",
            WindowCenter=centre,
            WindowWidth=width,
            KVP="120",
            XRayTubeCurrent=int(130 + 45 * np.sin(k / 6) ** 2),
            ConvolutionKernel="B60f" if window == "lung" else "B30f",
            BodyPartExamined="CHEST",
        )


def balls(grid: Grid) -> dict[str, tuple[tuple[int, int, int], NDArray[np.bool_]]]:
    """Return colour and mask of what is contoured in the chest."""
    from_heart = np.sqrt(
        sum(
            ((grid.points[..., k] - CENTRE[k] - HEART[k]) / half) ** 2
            for k, half in enumerate((52, 42, 50))
        )
    )
    from_lesion = np.linalg.norm(grid.points - (np.array(CENTRE) + LESION), axis=-1)
    return {
        "Lesion": ((240, 160, 40), from_lesion < REACH),
        "Heart": ((60, 190, 240), from_heart < 1),
    }


def write_segmentation(folder: Path, images: Path) -> None:
    """Write the lesion and the heart as a segmentation of the CT in `images`."""
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    folder.mkdir(parents=True, exist_ok=True)
    sources = [pydicom.dcmread(path) for path in sorted(images.glob("*.dcm"))]
    parts = balls(chest_grid(len(sources), sources[0].Rows))
    tissue = CodedConcept("85756007", "SCT", "Tissue")
    described = [
        hd.seg.SegmentDescription(
            segment_number=k,
            segment_label=name,
            segmented_property_category=tissue,
            segmented_property_type=tissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
            display_color=hd.color.CIELabColor.from_rgb(*colour),
        )
        for k, (name, (colour, _)) in enumerate(parts.items(), 1)
    ]
    hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.stack([mask for _, mask in parts.values()], -1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=301,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="napari-dicomdb",
        manufacturer_model_name="Analytic phantom",
        software_versions="1",
        device_serial_number="0",
        series_description="Segmentation",
    ).save_as(folder / "segmentation.dcm")


def _beside(source: pydicom.Dataset, sop_class: str, modality: str, **changes: Any) -> Any:
    """Return an object of the study of an image."""
    ds = pydicom.Dataset()
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber",
        "StudyID", "FrameOfReferenceUID", "ReferringPhysicianName", "InstitutionName",
    ):  # fmt: skip
        if keyword in source:
            ds[keyword] = source[keyword]
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.Modality, ds.SeriesInstanceUID, ds.InstanceNumber = modality, generate_uid(), 1
    ds.Manufacturer = "napari-dicomdb"
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def write_plan(folder: Path, images: Path) -> None:
    """Write the contours of lesion and heart, and a dose about the lesion."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [pydicom.dcmread(path) for path in sorted(images.glob("*.dcm"))]
    shapes = {
        "Lesion": ((240, 90, 60), LESION, (REACH, REACH, REACH)),
        "PTV": ((250, 210, 60), LESION, (REACH + 8,) * 3),
        "Heart": ((80, 200, 250), HEART, (52, 42, 50)),
    }
    ds = _beside(
        sources[0], STRUCTURES_CLASS, "RTSTRUCT", SeriesNumber=310,
        SeriesDescription="Contours", StructureSetLabel="Plan", StructureSetDate="20250204",
        StructureSetTime="101500", StructureSetROISequence=[], ROIContourSequence=[],
    )  # fmt: skip
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    for number, (name, (colour, middle, half)) in enumerate(shapes.items(), 1):
        contours = []
        for source in sources:
            place = float(source.ImagePositionPatient[2])
            share = 1 - ((place - CENTRE[2] - middle[2]) / half[2]) ** 2
            if share <= 0:
                continue
            x = CENTRE[0] + middle[0] + half[0] * np.sqrt(share) * np.cos(angles)
            y = CENTRE[1] + middle[1] + half[1] * np.sqrt(share) * np.sin(angles)
            points = np.stack([x, y, np.full_like(x, place)], -1)
            contours.append(
                item(
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(points),
                    ContourData=[f"{value:.2f}" for value in points.ravel()],
                    ContourImageSequence=[
                        item(
                            ReferencedSOPClassUID=source.SOPClassUID,
                            ReferencedSOPInstanceUID=source.SOPInstanceUID,
                        )
                    ],
                )
            )
        ds.StructureSetROISequence.append(
            item(
                ROINumber=number,
                ROIName=name,
                ReferencedFrameOfReferenceUID=source.FrameOfReferenceUID,
                ROIGenerationAlgorithm="MANUAL",
            )
        )
        ds.ROIContourSequence.append(
            item(
                ReferencedROINumber=number,
                ROIDisplayColor=list(colour),
                ContourSequence=contours,
            )
        )
    ds.save_as(folder / "contours.dcm", enforce_file_format=True)
    grid = Grid(40, 90, view=270.0, step=4.0)
    from_lesion = (grid.points - (np.array(CENTRE) + LESION)) / (60, 42, 46)
    far = np.linalg.norm(from_lesion, axis=-1)
    gray = 62.0 / (1 + np.exp((far - 0.75) / 0.13)) + 9 * np.exp(-(far**2) / 3)
    dose = _beside(
        sources[0], DOSE_CLASS, "RTDOSE", SeriesNumber=311, SeriesDescription="Dose",
        Rows=90, Columns=90, NumberOfFrames=40,
        ImagePositionPatient=ds_of(grid.positions[0]),
        ImageOrientationPatient=ds_of(grid.orientation), PixelSpacing=ds_of([grid.spacing] * 2),
        GridFrameOffsetVector=ds_of(np.arange(40) * 4.0), DoseGridScaling="0.001",
        DoseUnits="GY", DoseType="PHYSICAL", DoseSummationType="PLAN", SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsAllocated=32, BitsStored=32, HighBit=31,
        PixelRepresentation=0, PixelData=(gray * 1000).round().astype("<u4").tobytes(),
    )  # fmt: skip
    dose.save_as(folder / "dose.dcm", enforce_file_format=True)
