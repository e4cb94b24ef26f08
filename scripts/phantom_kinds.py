"""One small synthetic series of each kind of image that has no writer of its own.

    python scripts/phantom_kinds.py FOLDER

Anatomy is the phantom's head (``napari_dicomdb.viewer.phantom``); the vessels,
the uptake and the tissue are drawn here. No patient, no third party's data.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from napari_dicomdb.viewer.phantom import CENTRE, phantom_value, write_phantom_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
STUDY, FRAME = generate_uid(), generate_uid()
CLASSES = {
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "enhanced MR": "1.2.840.10008.5.1.4.1.1.4.1",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",
    "map": "1.2.840.10008.5.1.4.1.1.30",
}


def item(**attributes: Any) -> Dataset:
    """Return an item of a sequence."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def ds_of(values: Any) -> list[str]:
    """Return numbers as Decimal Strings."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]


class Grid:
    """Slices about the middle of the head, and what the phantom is there."""

    def __init__(
        self,
        count: int,
        matrix: int,
        *,
        orientation: Sequence[float] = AXIAL,
        view: float = 240.0,
        step: float = 4.0,
    ) -> None:
        self.count, self.matrix, self.step, self.spacing = count, matrix, step, view / matrix
        self.orientation = np.array(orientation)
        across, down = self.orientation[:3], self.orientation[3:]
        self.normal = np.cross(across, down)
        half = (matrix - 1) / 2 * self.spacing
        first = np.array(CENTRE) - half * (across + down) - (count - 1) / 2 * step * self.normal
        self.positions = first + np.arange(count)[:, None] * step * self.normal
        at = np.arange(matrix) * self.spacing
        self.points = (
            self.positions[:, None, None] + at[:, None, None] * down + at[None, :, None] * across
        )

    def sample(self, contrast: str) -> NDArray[np.float32]:
        """Return the head, (slice, row, column)."""
        return phantom_value(self.points, contrast)

    def ball(self, place: Sequence[float], radius: float) -> NDArray[np.float64]:
        """Return a soft ball at `place` (mm from the middle), 1 inside."""
        distance = np.linalg.norm(self.points - (np.array(CENTRE) + place), axis=-1)
        return 1 / (1 + np.exp((distance - radius) / 1.5))


class Writer:
    """Writes the objects of one series into a folder."""

    def __init__(self, folder: Path, number: int, description: str, **shared: Any) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.shared = {
            "SpecificCharacterSet": "ISO_IR 192",
            "StudyDate": "20240229",
            "StudyTime": "101500",
            "SeriesDate": "20240229",
            "PatientName": "Phantom^Ada",
            "PatientID": "PHANTOM-ADA",
            "PatientSex": "F",
            "StudyDescription": "Synthetic head phantom",
            "Manufacturer": "napari-dicomdb",
            "StudyInstanceUID": STUDY,
            "SeriesInstanceUID": generate_uid(),
            "SeriesNumber": number,
            "SeriesDescription": description,
            "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
            **shared,
        }

    def write(
        self, pixels: NDArray[Any], *, private: Dataset | None = None, **attributes: Any
    ) -> Dataset:
        """Write an object: (rows, columns), (frames, ...) with NumberOfFrames, last axis RGB."""
        ds = item(**{**self.shared, **attributes})
        ds.update(private or {})
        ds.SOPInstanceUID = generate_uid()
        ds.InstanceNumber = len(self.paths) + 1
        plane = pixels.shape[1:] if "NumberOfFrames" in ds else pixels.shape
        ds.Rows, ds.Columns = plane[:2]
        ds.SamplesPerPixel = 3 if len(plane) == 3 else 1
        ds.setdefault("PhotometricInterpretation", "RGB" if len(plane) == 3 else "MONOCHROME2")
        ds.BitsAllocated = 8 * pixels.dtype.itemsize
        if pixels.dtype.kind == "f":
            ds.FloatPixelData = pixels.tobytes()
        else:
            ds.BitsStored, ds.HighBit = ds.BitsAllocated, ds.BitsAllocated - 1
            ds.PixelRepresentation = int(pixels.dtype.kind == "i")
            if len(plane) == 3:
                ds.PlanarConfiguration = 0
            ds.add_new("PixelData", "OB" if ds.BitsAllocated == 8 else "OW", pixels.tobytes())
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        self.paths.append(self.folder / f"{len(self.paths) + 1:04d}.dcm")
        ds.save_as(self.paths[-1], enforce_file_format=True)
        return ds


def csa_header(elements: dict[str, Sequence[str]]) -> bytes:
    """Return a Siemens CSA2 header with these elements."""
    raw = b"SV10\4\3\2\1" + struct.pack("<LL", len(elements), 77)
    for name, values in elements.items():
        raw += struct.pack("<64sl4slll", name.encode(), len(values), b"FD", 4, 6, 77)
        for k in range(6):
            data = values[k].encode() + b"\0" if k < len(values) else b""
            raw += struct.pack("<llll", len(data), len(data), 77, len(data))
            raw += data + b"\0" * (-len(data) % 4)
    return raw


def write_mosaic(folder: Path, *, volumes: int = 30, count: int = 36, matrix: int = 64) -> None:
    """Write a functional MR: sheets of 6 x 6 tiles, 2 s apart; a spot lights up and fades."""
    grid = Grid(count, matrix, step=3.6)
    head, spot = grid.sample("mr"), grid.ball((-38, 42, 8), 12)
    across = int(np.ceil(np.sqrt(count)))
    corner = grid.positions[0] - grid.spacing * matrix * (across - 1) / 2 * (
        grid.orientation[:3] + grid.orientation[3:]
    )
    writer = Writer(folder, 30, "Phantom fMRI, mosaic", SOPClassUID=CLASSES["MR"], Modality="MR")
    for t in range(volumes):
        block = (t // 6) % 2
        images = np.zeros((across**2, matrix, matrix))
        images[:count] = head * (1 + 0.35 * block * spot)
        sheet = images.reshape(across, across, matrix, matrix).swapaxes(1, 2)
        ds = item()
        ds.private_block(0x19, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
        raw = csa_header(
            {
                "NumberOfImagesInMosaic": [str(count)],
                "SliceNormalVector": [f"{v:.8f}" for v in grid.normal],
            }
        )
        ds.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", raw)
        seconds = 2 * t
        writer.write(
            np.rint(sheet.reshape(across * matrix, across * matrix)).astype(np.uint16),
            private=ds,
            Manufacturer="SIEMENS",
            ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
            FrameOfReferenceUID=FRAME,
            ImagePositionPatient=ds_of(corner),
            ImageOrientationPatient=ds_of(grid.orientation),
            PixelSpacing=ds_of([grid.spacing] * 2),
            SliceThickness="3",
            SpacingBetweenSlices="3.6",
            EchoTime="30",
            RepetitionTime="2000",
            AcquisitionNumber=t + 1,
            AcquisitionDate="20240229",
            AcquisitionTime=f"10{20 + seconds // 60:02d}{seconds % 60:02d}.000000",
            WindowCenter="400",
            WindowWidth="800",
        )


def write_enhanced(folder: Path, *, count: int = 28, matrix: int = 144) -> None:
    """Write one enhanced MR object: coronal slices at four inversion times."""
    grid = Grid(count, matrix, orientation=CORONAL, step=6.0)
    head = grid.sample("mr")
    recovery = 1800 - 1.8 * head  # T1 in ms: what is bright in a T1 weighting recovers fast
    times = (150.0, 500.0, 900.0, 2500.0)
    frames, pixels = [], []
    for k in range(count):
        for n, ti in enumerate(times):
            inverted = np.abs(1 - 2 * np.exp(-ti / recovery[k])) * (head[k] > 20)
            pixels.append(np.rint(1000 * inverted).astype(np.uint16))
            frames.append(
                item(
                    FrameContentSequence=[
                        item(
                            StackID="1",
                            InStackPositionNumber=k + 1,
                            DimensionIndexValues=[1, k + 1, n + 1],
                        )
                    ],
                    PlanePositionSequence=[item(ImagePositionPatient=ds_of(grid.positions[k]))],
                    MRModifierSequence=[item(InversionRecovery="YES", InversionTimes=[ti])],
                )
            )
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=ds_of(grid.orientation))],
        PixelMeasuresSequence=[
            item(
                PixelSpacing=ds_of([grid.spacing] * 2),
                SliceThickness="5",
                SpacingBetweenSlices="6",
            )
        ],
        FrameVOILUTSequence=[item(WindowCenter="450", WindowWidth="1000")],
    )
    pointers = ((0x00209056, 0x00209111), (0x00209057, 0x00209111), (0x00189079, 0x00189115))
    Writer(
        folder, 31, "Phantom inversion recovery", SOPClassUID=CLASSES["enhanced MR"], Modality="MR"
    ).write(
        np.stack(pixels),
        NumberOfFrames=len(pixels),
        FrameOfReferenceUID=FRAME,
        DimensionIndexSequence=[
            item(DimensionIndexPointer=tag, FunctionalGroupPointer=group)
            for tag, group in pointers
        ],
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def write_pet(folder: Path, *, matrix: int = 128) -> None:
    """Write a PET: grey matter takes up most, one focus more; every slice has its own slope."""
    grid = Grid(47, matrix, step=3.27)
    head = grid.sample("mr")
    grey = np.exp(-(((head - 430) / 60) ** 2))
    white = np.exp(-(((head - 560) / 40) ** 2))
    uptake = (
        900 * (head > 60) + 13_000 * grey + 4_200 * white + 26_000 * grid.ball((27, -22, 2), 9)
    )
    for axis in (0, 1, 2, 1, 2):
        uptake = (np.roll(uptake, 1, axis) + 2 * uptake + np.roll(uptake, -1, axis)) / 4
    uptake *= np.random.default_rng(1).normal(1, 0.05, uptake.shape)
    writer = Writer(folder, 32, "Phantom FDG", SOPClassUID=CLASSES["PT"], Modality="PT")
    for k in range(grid.count):
        slope = max(float(uptake[k].max()), 1.0) / 32_767
        writer.write(
            np.rint(np.maximum(uptake[k], 0) / slope).astype(np.int16),
            FrameOfReferenceUID=FRAME,
            ImagePositionPatient=ds_of(grid.positions[k]),
            ImageOrientationPatient=ds_of(grid.orientation),
            PixelSpacing=ds_of([grid.spacing] * 2),
            SliceThickness="3.27",
            RescaleSlope=ds_of([slope])[0],
            RescaleIntercept="0",
            Units="BQML",
            CorrectedImage=["NORM", "DTIM", "ATTN", "SCAT", "DECY"],
            DecayCorrection="START",
            SeriesTime="102000",
            AcquisitionDate="20240229",
            AcquisitionTime="102000",
            PatientWeight="62",
            RadiopharmaceuticalInformationSequence=[
                item(
                    Radiopharmaceutical="FDG",
                    RadiopharmaceuticalStartTime="091500",
                    RadionuclideTotalDose="370000000",
                    RadionuclideHalfLife="6586.2",
                )
            ],
        )


def write_nuclear(folder: Path, *, matrix: int = 128) -> None:
    """Write planar dynamic NM, two energy windows: a tracer comes in and is taken up."""
    rows, columns = np.indices((matrix, matrix)) - (matrix - 1) / 2
    random = np.random.default_rng(2)

    def blob(row: float, column: float, tall: float, wide: float) -> NDArray[np.float64]:
        return np.exp(-(((rows - row) / tall) ** 2) - ((columns - column) / wide) ** 2)

    kidneys = blob(4, -22, 15, 8) + blob(6, 23, 14, 8)
    heart, bladder = blob(-44, 3, 12, 14), blob(52, 0, 8, 11)
    body = 0.12 * (np.abs(columns) < 46 + 4 * np.cos(rows / 20))
    pixels = []
    for share in (1.0, 0.35):
        for n in range(20):
            t = n / 19
            activity = body + 1.2 * heart * np.exp(-4 * t) + kidneys * (1.6 * t * np.exp(-1.4 * t))
            activity += bladder * max(0, t - 0.4) * 1.5
            pixels.append(random.poisson(60 * share * activity).astype(np.uint16))
    Writer(folder, 33, "Phantom renogram", SOPClassUID=CLASSES["NM"], Modality="NM").write(
        np.stack(pixels),
        ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"],
        NumberOfFrames=len(pixels),
        FrameIncrementPointer=[0x00540010, 0x00540100],
        EnergyWindowVector=[1] * 20 + [2] * 20,
        TimeSliceVector=[*range(1, 21)] * 2,
        NumberOfEnergyWindows=2,
        NumberOfTimeSlices=20,
        ActualFrameDuration=60_000,
        PixelSpacing=["3.9", "3.9"],
        EnergyWindowInformationSequence=[
            item(
                EnergyWindowName=name,
                EnergyWindowRangeSequence=[
                    item(EnergyWindowLowerLimit=low, EnergyWindowUpperLimit=high)
                ],
            )
            for name, low, high in (("Tc-99m", "126", "154"), ("scatter", "92", "125"))
        ],
    )


def vessels(matrix: int) -> NDArray[np.float64]:
    """Return where a tree of vessels is (depth) and when its blood arrives: (2, row, column)."""
    random = np.random.default_rng(7)
    depth, arrival = np.zeros((matrix, matrix)), np.full((matrix, matrix), 9.0)
    rows, columns = np.indices((matrix, matrix))
    branches = [
        (0.94 * matrix, side * matrix, -np.pi / 2, 0.013 * matrix, 0.0) for side in (0.43, 0.57)
    ]
    while branches:
        row, column, angle, width, time = branches.pop()
        for _ in range(int(random.integers(20, 34))):
            reach = int(3 * width + 2)
            top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
            part = (slice(top, int(row) + reach), slice(left, int(column) + reach))
            away = np.hypot(rows[part] - row, columns[part] - column)
            thick = np.sqrt(np.clip(1 - (away / width) ** 2, 0, 1)) * width
            arrival[part] = np.where(thick > 0, np.minimum(arrival[part], time), arrival[part])
            depth[part] = np.maximum(depth[part], thick)
            angle += random.normal(0, 0.07)
            row, column = (
                row + 0.004 * matrix * np.sin(angle),
                column + 0.004 * matrix * np.cos(angle),
            )
            time += 0.0047
        inside = np.hypot((row / matrix - 0.5) / 0.36, (column / matrix - 0.5) / 0.31) < 1
        if width > 0.0022 * matrix and (inside or abs(column / matrix - 0.5) < 0.1):
            turn = random.uniform(0.3, 0.7)
            branches += [
                (row, column, angle - turn, width * 0.82, time),
                (row, column, angle + random.uniform(0.3, 0.6), width * 0.74, time),
            ]
    return np.stack([depth, arrival])


def write_angiography(folder: Path, *, matrix: int = 512, frames: int = 16) -> None:
    """Write an XA run: contrast fills a tree of vessels before a faint skull."""
    depth, arrival = vessels(matrix)
    grid = Grid(1, matrix, orientation=CORONAL, view=220)
    skull = np.mean(
        [phantom_value(grid.points[0] + [0, y, 0], "ct") for y in range(-90, 91, 3)], 0
    )
    background = 185 - 0.075 * (skull + 1000)
    random, pixels = np.random.default_rng(3), []
    for n in range(frames):
        late = 1.35 * n / (frames - 1) - arrival
        filled = np.clip(late / 0.12, 0, 1) * np.exp(-np.clip(late - 0.6, 0, None) * 3)
        shown = background - 11 * depth * filled + random.normal(0, 0.6, depth.shape)
        pixels.append(np.clip(shown, 0, 255).astype(np.uint8))
    Writer(folder, 34, "Phantom angiography", SOPClassUID=CLASSES["XA"], Modality="XA").write(
        np.stack(pixels),
        ImageType=["ORIGINAL", "PRIMARY", "SINGLE PLANE"],
        NumberOfFrames=frames,
        FrameIncrementPointer=0x00181063,
        FrameTime="125",
        ImagerPixelSpacing=["0.58", "0.58"],
        EstimatedRadiographicMagnificationFactor="1.35",
        DistanceSourceToDetector="1180",
        DistanceSourceToPatient="874",
        PositionerPrimaryAngle="0",
        PositionerSecondaryAngle="0",
        PixelIntensityRelationship="LIN",
        ShutterShape="CIRCULAR",
        CenterOfCircularShutter=[matrix // 2, matrix // 2],
        RadiusOfCircularShutter=int(0.49 * matrix),
        WindowCenter="110",
        WindowWidth="200",
    )


def write_map(folder: Path, *, count: int = 30, matrix: int = 160) -> None:
    """Write a parametric map in float: the apparent diffusion coefficient of the head."""
    grid = Grid(count, matrix, step=5.0)
    head = grid.sample("mr")
    away = (grid.points - np.array(CENTRE) - (0, 2, 4)) / (60, 78, 64)
    inside = np.linalg.norm(away, axis=-1) < 1
    adc = np.interp(head, [150, 430, 560, 900], [3.0, 0.85, 0.7, 1.6])
    adc *= np.random.default_rng(4).normal(1, 0.04, adc.shape)
    adc = np.where(inside, 1e-3 * adc, 0).astype(np.float32)
    code = item(CodeValue="113041", CodingSchemeDesignator="DCM")
    code.CodeMeaning = "Apparent Diffusion Coefficient"
    name = item(CodeValue="246205007", CodingSchemeDesignator="SCT", CodeMeaning="Quantity")
    unit = item(CodeValue="mm2/s", CodingSchemeDesignator="UCUM", CodeMeaning="mm2/s")
    mapping = item(
        LUTLabel="ADC",
        LUTExplanation="Apparent Diffusion Coefficient",
        DoubleFloatRealWorldValueFirstValueMapped=0.0,
        DoubleFloatRealWorldValueLastValueMapped=0.01,
        RealWorldValueIntercept=0.0,
        RealWorldValueSlope=1.0,
        MeasurementUnitsCodeSequence=[unit],
        QuantityDefinitionSequence=[
            item(ValueType="CODE", ConceptNameCodeSequence=[name], ConceptCodeSequence=[code])
        ],
    )
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=ds_of(grid.orientation))],
        PixelMeasuresSequence=[
            item(
                PixelSpacing=ds_of([grid.spacing] * 2),
                SliceThickness="5",
                SpacingBetweenSlices="5",
            )
        ],
        RealWorldValueMappingSequence=[mapping],
        FrameVOILUTSequence=[
            item(WindowCenter="0.0013", WindowWidth="0.0026", VOILUTFunction="LINEAR_EXACT")
        ],
    )
    frames = [
        item(
            FrameContentSequence=[item(DimensionIndexValues=[k + 1])],
            PlanePositionSequence=[item(ImagePositionPatient=ds_of(grid.positions[k]))],
        )
        for k in range(count)
    ]
    Writer(folder, 36, "Phantom ADC map", SOPClassUID=CLASSES["map"], Modality="MR").write(
        adc,
        ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"],
        NumberOfFrames=count,
        FrameOfReferenceUID=FRAME,
        DimensionIndexSequence=[
            item(DimensionIndexPointer=0x00200032, FunctionalGroupPointer=0x00209113)
        ],
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def write_ultrasound(folder: Path, *, rows: int = 420, columns: int = 560) -> None:
    """Write a colour loop: a sector of a beating chamber with flow in it, and a bar of greys."""
    y, x = np.indices((rows, columns), dtype=float)
    top, middle, deep = 24, (columns - 60) / 2, rows - 40
    depth, angle = np.hypot(y - top, x - middle), np.arctan2(x - middle, y - top)
    sector = (depth > 22) & (depth < deep) & (np.abs(angle) < 0.66)
    random, frames = np.random.default_rng(6), []
    speckle = random.rayleigh(0.8, (rows, columns))
    grainy = random.normal(0, 1, (rows, columns))
    for _ in range(3):
        grainy = (grainy + np.roll(grainy, 1, 1) + np.roll(grainy, -1, 1)) / 2
    for n in range(16):
        beat = 0.5 - 0.5 * np.cos(2 * np.pi * n / 16)
        tall, wide = (0.33 - 0.07 * beat) * deep, (0.19 - 0.06 * beat) * deep
        row, column = top + 0.5 * deep, middle + 6
        chamber = np.hypot((y - row) / tall, (x - column) / wide)
        wall = np.exp(-(((chamber - 1.12) / 0.14) ** 2))
        echo = 26 + 135 * wall + 26 * (chamber > 1.25)
        echo = echo * (0.45 + 0.55 * speckle + 0.08 * grainy) * np.exp(-depth / (2.2 * deep))
        grey = np.where(sector, np.clip(echo * (0.16 + (chamber > 0.97)), 0, 255), 0)
        image = np.repeat(grey[..., None], 3, 2)
        along = (row + 0.9 * tall - y) / (1.8 * tall)
        jet = np.exp(-(((x - column) / ((0.75 - 0.5 * along) * wide)) ** 2))
        jet *= (chamber < 0.9) * np.clip(1.3 * along, 0, 1) * np.sin(np.pi * n / 8)
        for sign, colours in ((1, (255, 90, 30)), (-1, (40, 110, 255))):
            share = np.clip(sign * jet * 1.5 - 0.3, 0, 1)[..., None] * sector[..., None]
            image += share * (np.array(colours) * (0.6 + 0.2 * speckle[..., None]) - image)
        image[60:220, -36:-24] = np.linspace(255, 0, 160)[:, None, None]
        frames.append(np.clip(image, 0, 255).astype(np.uint8))
    left, right = int(middle - 0.62 * deep), int(middle + 0.62 * deep)
    Writer(folder, 37, "Phantom heart, colour", SOPClassUID=CLASSES["US"], Modality="US").write(
        np.stack(frames),
        NumberOfFrames=len(frames),
        FrameIncrementPointer=0x00181063,
        FrameTime="50",
        SequenceOfUltrasoundRegions=[
            item(
                RegionSpatialFormat=1,
                RegionDataType=2,
                RegionFlags=0,
                RegionLocationMinX0=left,
                RegionLocationMinY0=top,
                RegionLocationMaxX1=right,
                RegionLocationMaxY1=top + deep,
                PhysicalUnitsXDirection=3,
                PhysicalUnitsYDirection=3,
                PhysicalDeltaX=14.0 / deep,
                PhysicalDeltaY=14.0 / deep,
            )
        ],
    )


def write_radiograph(folder: Path) -> None:
    """Write the phantom's projection."""
    write_phantom_study(folder, ("projection",), matrix=512)


WRITERS = {
    "mosaic": write_mosaic,
    "enhanced": write_enhanced,
    "pet": write_pet,
    "nuclear": write_nuclear,
    "angiography": write_angiography,
    "map": write_map,
    "ultrasound": write_ultrasound,
    "radiograph": write_radiograph,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for kind, write in WRITERS.items():
        write(Path(sys.argv[1]) / kind)
        print(kind)
