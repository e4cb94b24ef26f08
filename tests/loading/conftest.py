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
WHOLE_SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"


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


class SlideMaker:
    """Writes whole slide images of known pixels (`whole`), and keeps where (`path`)."""

    def __init__(self, series: SeriesMaker) -> None:
        self.series = series
        self.paths = series.paths
        self.path = Path()
        self.whole = np.empty(0)

    def __call__(
        self,
        shape: tuple[int, int],
        tile: tuple[int, int] | None = None,
        *,
        planes: int = 1,
        paths: Sequence[str] = ("brightfield",),
        positions: Sequence[tuple[int, int]] | None = None,
        parts: Sequence[int] = (),
        lost: int = 0,
        spacing: float | None = 0.5,
        origin: tuple[float, float] | None = (20.5, 40.25),
        flavour: str = "VOLUME",
        colour: bool = False,
        **attributes: Any,
    ) -> SlideMaker:
        rows, columns = shape
        down, across = tile or shape
        samples = (3,) if colour else ()
        whole = np.random.default_rng(rows).integers(
            1, 250, (len(paths), planes, *shape, *samples)
        )
        self.whole = whole.astype(np.uint8)
        grid = positions or [
            (top + 1, left + 1)
            for top in range(0, rows, down)
            for left in range(0, columns, across)
        ]
        frames = []
        for channel in self.whole:
            for plane in channel:
                for top, left in grid:
                    part = plane[top - 1 : top - 1 + down, left - 1 : left - 1 + across]
                    frame = np.zeros((down, across, *samples), np.uint8)
                    frame[: part.shape[0], : part.shape[1]] = part
                    frames.append(frame)
        frames = frames[: len(frames) - lost]
        sizes = list(parts) or [len(frames)]
        concatenation, start = generate_uid(), 0
        for number, size in enumerate(sizes):
            ds = self._header(shape, planes, paths, spacing, origin, flavour, attributes)
            ds.NumberOfFrames = size
            ds.DimensionOrganizationType = "TILED_SPARSE" if positions else "TILED_FULL"
            if positions:
                ds.PerFrameFunctionalGroupsSequence = [
                    self._frame(place, path, plane)
                    for path in range(len(paths))
                    for plane in range(planes)
                    for place in grid
                ]
            if parts:
                ds.ConcatenationUID, ds.InConcatenationNumber = concatenation, number + 1
                ds.InConcatenationTotalNumber = len(parts)
                ds.ConcatenationFrameOffsetNumber = start
            self.path = self.series.write(ds, np.stack(frames[start : start + size]))
            start += size
        return self

    def _header(
        self,
        shape: tuple[int, int],
        planes: int,
        paths: Sequence[str],
        spacing: float | None,
        origin: tuple[float, float] | None,
        flavour: str,
        attributes: dict[str, Any],
    ) -> Dataset:
        distance = attributes.pop("SpacingBetweenSlices", None)
        ds = self.series.header(
            SOPClassUID=WHOLE_SLIDE_CLASS,
            Modality="SM",
            ImageType=["ORIGINAL", "PRIMARY", flavour, "NONE"],
            ImageOrientationPatient=None,
            PixelSpacing=None,
            TotalPixelMatrixRows=shape[0],
            TotalPixelMatrixColumns=shape[1],
            TotalPixelMatrixFocalPlanes=planes,
            NumberOfOpticalPaths=len(paths),
            **{"ImageOrientationSlide": [0, -1, 0, -1, 0, 0]} | attributes,
        )
        ds.OpticalPathSequence = []
        for number, name in enumerate(paths):
            item = Dataset()
            item.OpticalPathIdentifier, item.OpticalPathDescription = str(number), name
            ds.OpticalPathSequence.append(item)
        if origin is not None:
            corner = Dataset()
            corner.XOffsetInSlideCoordinateSystem = origin[0]
            corner.YOffsetInSlideCoordinateSystem = origin[1]
            ds.TotalPixelMatrixOriginSequence = [corner]
        shared = Dataset()
        measures = Dataset()
        if spacing is not None:
            measures.PixelSpacing = [spacing, spacing]
        if distance is not None:
            measures.SpacingBetweenSlices = distance
        shared.PixelMeasuresSequence = [measures]
        ds.SharedFunctionalGroupsSequence = [shared]
        return ds

    @staticmethod
    def _frame(place: tuple[int, int], path: int, plane: int) -> Dataset:
        item = Dataset()
        position = Dataset()
        position.RowPositionInTotalImagePixelMatrix = place[0]
        position.ColumnPositionInTotalImagePixelMatrix = place[1]
        position.ZOffsetInSlideCoordinateSystem = 0.001 * plane
        item.PlanePositionSlideSequence = [position]
        optical = Dataset()
        optical.OpticalPathIdentifier = str(path)
        item.OpticalPathIdentificationSequence = [optical]
        return item


@pytest.fixture
def slide(series: SeriesMaker) -> SlideMaker:
    """Make whole slide images of one series."""
    return SlideMaker(series)


class Scene:
    """Slices of a CT or an oblique MR, what is drawn on them, and the picture of that.

    A ball lies in the patient; segmentations, contours and doses describe it, and where
    their picture must be coloured follows from the header of the slice (PS3.3 C.7.6.2.1.1).
    """

    def __init__(self, folder: Path, kind: str) -> None:
        from napari_dicomdb.viewer.phantom import write_phantom_study

        self.folder = folder
        (self.images,) = write_phantom_study(folder / "images", (kind,), matrix=64, slices=15)
        self.headers = [pydicom.dcmread(path) for path in self.images.paths]
        middle = self.headers[8]
        extent = 64 * float(middle.PixelSpacing[0])
        # Off the middle in each direction: a flip shows.
        self.radius = extent / 6
        self.centre = self.points(middle, (64, 64))[24, 38]

    @staticmethod
    def points(header: Dataset, shape: tuple[int, int]) -> np.ndarray:
        """Where the centres of a picture's pixels are, by equation C.7.6.2.1-1."""
        scale = header.Rows / shape[0], header.Columns / shape[1]
        r = (np.arange(shape[0]) + 0.5) * scale[0] - 0.5
        c = (np.arange(shape[1]) + 0.5) * scale[1] - 0.5
        cosines = np.array(header.ImageOrientationPatient, float)
        spacing = [float(v) for v in header.PixelSpacing]
        return (
            np.array(header.ImagePositionPatient, float)
            + c[None, :, None] * spacing[1] * cosines[:3]
            + r[:, None, None] * spacing[0] * cosines[3:]
        )

    def distances(self, header: Dataset, shape: tuple[int, int]) -> np.ndarray:
        """Distances in mm from the ball's centre."""
        return np.linalg.norm(self.points(header, shape) - self.centre, axis=-1)

    def header_of(self, uid: str) -> Dataset:
        return next(h for h in self.headers if h.SOPInstanceUID == uid)

    def object(self, sop_class: str, modality: str, **values: Any) -> Dataset:
        """Begin an object of the same study and frame of reference."""
        ds, image = Dataset(), self.headers[0]
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID, ds.Modality = sop_class, modality
        ds.SOPInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID"):
            setattr(ds, keyword, image.get(keyword, ""))
        ds.FrameOfReferenceUID = image.FrameOfReferenceUID
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPClassUID = sop_class
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        return ds

    def save(self, ds: Dataset) -> Path:
        path = self.folder / "objects" / f"{ds.Modality}.dcm"
        path.parent.mkdir(exist_ok=True)
        ds.save_as(path, enforce_file_format=True)
        return path

    def painted(self, path: Path, *, with_images: bool = True) -> Any:
        """Return (height, width, 3) pixels, the note and the header of the slice below."""
        import io

        from PIL import Image

        from napari_dicomdb import Database
        from napari_dicomdb.loading.pictures import paint

        with Database.in_memory() as database:
            database.import_paths([path, *([self.folder / "images"] if with_images else [])])
            (instance,) = database.instances(paths=[path])
            picture = paint(database.find_series(instance.series_uid), database)
        pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
        below = None if picture.shows is None else self.header_of(picture.shows.uid)
        return pixels, picture.note, below

    @staticmethod
    def coloured(pixels: np.ndarray) -> np.ndarray:
        """Which pixels are not grey."""
        return np.ptp(pixels, axis=-1) > 25


@pytest.fixture(params=["axial-ct", "oblique-mr"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """Give slices with a ball in them."""
    return Scene(tmp_path, request.param)


def _segment_description(number: int) -> Any:
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    return SegmentDescription(
        number,
        f"Segment {number}",
        codes.SCT.Tissue,
        codes.SCT.Liver,
        "MANUAL",
    )


@pytest.fixture
def segmentation(tmp_path: Path) -> Callable[..., Path]:
    """Let highdicom write a segmentation of given source images and pixels."""
    made = iter(range(1000))

    def make(sources: Iterable[Path], pixels: np.ndarray, kind: str, **options: Any) -> Path:
        from highdicom.seg import Segmentation

        images = [pydicom.dcmread(path) for path in sources]
        for image in images:
            for keyword in (
                "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                "AccessionNumber", "ReferringPhysicianName",
            ):  # fmt: skip
                image.setdefault(keyword, "")
            image.setdefault("SliceThickness", 3)
        numbers = options.pop("numbers", None)
        if numbers is None:
            stacked = pixels.ndim == 4
            numbers = range(1, (pixels.shape[3] if stacked else int(pixels.max())) + 1)
        changes = options.pop("changes", None)
        seg = Segmentation(
            images,
            pixels,
            kind,
            [_segment_description(number) for number in numbers],
            generate_uid(),
            9,
            generate_uid(),
            1,
            "maker",
            "model",
            "1",
            "0",
            **options,
        )
        if changes is not None:
            changes(seg)
        path = tmp_path / f"seg-{next(made)}.dcm"
        seg.save_as(path)
        return path

    return make


_CUBE_FACES = (
    (1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4),
)  # fmt: skip


@pytest.fixture
def surface_file(tmp_path: Path) -> Callable[..., Path]:
    """Write surface segmentations of a cube, or of one of its faces (PS3.3 Section C.27)."""
    made = iter(range(1000))

    def primitives(kind: str, long: bool, order: str) -> Dataset:
        mesh = Dataset()
        if kind == "triangles":
            numbers = [n for a, b, c, d in _CUBE_FACES for n in (a, b, c, a, c, d)]
        else:
            a, b, c, d = _CUBE_FACES[0]
            numbers = [a, b, d, c] if kind == "strip" else [a, b, c, d]
        packed = np.array(numbers, f"{order}u{4 if long else 2}").tobytes()
        if kind == "triangles":
            setattr(mesh, f"{'Long' if long else ''}TrianglePointIndexList", packed)
        else:
            one = Dataset()
            setattr(one, f"{'Long' if long else ''}PrimitivePointIndexList", packed)
            name = {"strip": "TriangleStrip", "fan": "TriangleFan", "facet": "Facet"}[kind]
            setattr(mesh, f"{name}Sequence", [one])
        return mesh

    def make(*kinds: str, long: bool = False, big: bool = False) -> Path:
        order = ">" if big else "<"
        maker = SeriesMaker(tmp_path)
        ds = maker.header(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.66.5", Modality="SEG", ImageType=None,
            ImageOrientationPatient=None, PixelSpacing=None, SeriesDescription="Surfaces",
        )  # fmt: skip
        corners = [[x, y, z] for x in (10, 30) for y in (0, 20) for z in (-5, 15)]
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = 1, "Liver"
        segment.SurfaceCount = len(kinds)
        segment.ReferencedSurfaceSequence = []
        ds.SegmentSequence, ds.SurfaceSequence = [segment], []
        ds.NumberOfSurfaces = len(kinds)
        for number, kind in enumerate(kinds, 1):
            reference = Dataset()
            reference.ReferencedSurfaceNumber = number
            segment.ReferencedSurfaceSequence.append(reference)
            points = Dataset()
            points.NumberOfSurfacePoints = len(corners)
            points.PointCoordinatesData = np.array(corners, f"{order}f4").tobytes()
            surface = Dataset()
            surface.SurfaceNumber = number
            surface.RecommendedDisplayCIELabValue = [41661, 41167, 40792]
            surface.RecommendedPresentationOpacity = 0.5
            surface.SurfacePointsSequence = [points]
            surface.SurfaceMeshPrimitivesSequence = [primitives(kind, long, order)]
            ds.SurfaceSequence.append(surface)
        if big:
            ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        return maker.write(ds, None, f"surface-{next(made)}.dcm")

    return make
