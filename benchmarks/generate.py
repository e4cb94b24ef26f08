"""Makes realistic instances fast: a template a series, patched per instance."""

from __future__ import annotations

import argparse
import io
import os
import random
import struct
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from benchmarks.population import SIZES, Member, member

# Written into the template, and replaced in each instance.
SOP_UID = "1.2.826.0.1.3680043.8.498.1"
SERIES_PER_STUDY = 4
STUDIES_PER_PATIENT = 2


def _template(rng: random.Random, series: int, matrix: int, of: Member | None = None) -> Dataset:
    """Return the dataset that all instances of a series share: some 150 elements."""
    study = series // SERIES_PER_STUDY if of is None else of.study
    patient = study // STUDIES_PER_PATIENT if of is None else of.patient
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = SOP_UID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
    meta.ImplementationVersionName = "BENCHMARK"
    ds = Dataset()
    ds.file_meta = meta
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    ds.InstanceCreationDate = "20240102"
    ds.InstanceCreationTime = "101500"
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = SOP_UID
    day = f"2024{1 + study % 12:02d}{1 + study % 28:02d}"
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(ds, f"{name}Date", day)
    ds.StudyTime = "101112.131415"
    ds.SeriesTime = "101212.131415"
    ds.AcquisitionTime = "101500"
    ds.ContentTime = "101500"
    ds.AccessionNumber = f"A{study:07d}"
    ds.Modality = "CT"
    ds.Manufacturer = "SIEMENS"
    ds.InstitutionName = "Benchmark General Hospital"
    ds.InstitutionAddress = "1 Loop Road, Nowhere"
    ds.ReferringPhysicianName = "Referrer^Ruth"
    ds.StationName = "CT12345"
    ds.StudyDescription = rng.choice(["Thorax^Routine", "Abdomen", "Neuro^Head"])
    ds.SeriesDescription = rng.choice(["Thorax 1.0 B70f", "Abdomen 3.0 B31f", "Topo"])
    ds.InstitutionalDepartmentName = "Radiology"
    ds.PerformingPhysicianName = "Performer^Paul"
    ds.OperatorsName = "Operator^Olga"
    ds.ManufacturerModelName = "Sensation 64"
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=[f"ref{series}"])
    ds.ReferencedImageSequence = Sequence([reference, reference])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113072", "DCM", "Multiplanar"
    ds.DerivationCodeSequence = Sequence([code])
    irradiation = Dataset()
    irradiation.CodeValue, irradiation.CodingSchemeDesignator = "T-D3000", "SRT"
    irradiation.CodeMeaning = "Chest"
    ds.ProcedureCodeSequence = Sequence([irradiation])
    ds.IrradiationEventUID = generate_uid(entropy_srcs=[f"event{series}"])
    ds.PatientName = f"Bench{patient:05d}^Mark^{'ABCDEF'[patient % 6]}"
    ds.PatientID = f"ID{patient:06d}"
    ds.PatientBirthDate = f"19{50 + patient % 50}0203"
    ds.PatientSex = "MF"[patient % 2]
    ds.PatientAge = "055Y"
    ds.PatientSize = "1.75"
    ds.PatientWeight = "80"
    ds.BodyPartExamined = "CHEST"
    ds.ScanOptions = "SPI"
    ds.SliceThickness = "1"
    ds.KVP = "120"
    ds.DataCollectionDiameter = "500"
    ds.DeviceSerialNumber = "54321"
    ds.SoftwareVersions = "syngo CT 2010A"
    ds.ProtocolName = "ThoraxRoutine"
    ds.ReconstructionDiameter = "350"
    ds.DistanceSourceToDetector = "1040"
    ds.DistanceSourceToPatient = "570"
    ds.GantryDetectorTilt = "0"
    ds.TableHeight = "150"
    ds.RotationDirection = "CW"
    ds.ExposureTime = "500"
    ds.XRayTubeCurrent = "210"
    ds.Exposure = "105"
    ds.FilterType = "0"
    ds.GeneratorPower = "25"
    ds.FocalSpots = "1.2"
    ds.DateOfLastCalibration = "20240101"
    ds.TimeOfLastCalibration = "070000.000000"
    ds.ConvolutionKernel = "B70f"
    ds.PatientPosition = "HFS"
    ds.SingleCollimationWidth = 0.6
    ds.TotalCollimationWidth = 19.2
    ds.TableSpeed = 46.0
    ds.TableFeedPerRotation = 23.0
    ds.SpiralPitchFactor = 1.2
    ds.DataCollectionCenterPatient = [0.0, -160.5, 700.25]
    ds.ReconstructionTargetCenterPatient = [1.0, -160.5, 700.25]
    ds.ExposureModulationType = "XYZ_EC"
    ds.EstimatedDoseSaving = 31.5
    ds.CTDIvol = 7.1
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[f"study{study}"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[f"series{series}"])
    ds.StudyID = str(study + 1)
    ds.SeriesNumber = str(series % SERIES_PER_STUDY + 1)
    ds.AcquisitionNumber = "2"
    ds.InstanceNumber = "1"
    ds.ImagePositionPatient = ["-174.658203", "-335.158203", "0"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=[f"for{study}"])
    ds.PositionReferenceIndicator = ""
    ds.SliceLocation = "0"
    ds.ImageComments = "no comment " * 4
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = matrix
    ds.PixelSpacing = ["0.68359375", "0.68359375"]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.SmallestImagePixelValue, ds.LargestImagePixelValue = 0, 4095
    ds.WindowCenter, ds.WindowWidth = ["-600", "40"], ["1200", "300"]
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    ds.RescaleType = "HU"
    ds.WindowCenterWidthExplanation = ["WINDOW1", "WINDOW2"]
    ds.RequestedProcedureDescription = "CT Thorax"
    ds.PerformedProcedureStepStartDate = day
    ds.PerformedProcedureStepStartTime = "101000.000000"
    ds.PerformedProcedureStepID = f"P{study:07d}"
    request = Dataset()
    request.RequestedProcedureDescription = "CT Thorax"
    request.ScheduledProcedureStepID = f"S{study:07d}"
    request.RequestedProcedureID = f"R{study:07d}"
    protocol = Dataset()
    protocol.CodeValue, protocol.CodingSchemeDesignator = "CTTHX", "99LOCAL"
    protocol.CodeMeaning = "CT thorax"
    request.ScheduledProtocolCodeSequence = Sequence([protocol])
    ds.RequestAttributesSequence = Sequence([request])
    private = ds.private_block(0x0013, "BENCHMARK HEADER", create=True)
    for element in range(0x10):
        private.add_new(element, rng.choice(["IS", "DS", "LO"]), str(rng.randrange(1000)))
    other = ds.private_block(0x0015, "BENCHMARK BYTES", create=True)
    other.add_new(0x10, "UN", rng.randbytes(256))
    other.add_new(0x11, "OB", rng.randbytes(512))
    noise = np.random.default_rng(series).integers(0, 4096, (matrix, matrix), dtype=np.uint16)
    ds.PixelData = noise.tobytes()
    if of is not None:
        of.fill(ds)
    return ds


def _instance_values(
    rng: random.Random, series: int, index: int, slices: int = 10**6
) -> dict[str, bytes]:
    """Return what differs in instance `index` of a series, under tag and VR.

    After `slices` instances the positions begin again: the next volume of a time course.

    As scanners write it: no blanks, no fixed number of digits, the tube's current
    modulated, so that hardly two files have all elements in the same places.
    """
    z = -1000.0 + index % slices * 0.7
    seconds = 36_900 + index * 0.5 + rng.randrange(100) / 1000
    clock = f"{int(seconds // 3600):02d}{int(seconds // 60) % 60:02d}{seconds % 60:06.3f}"
    current = rng.randrange(60, 400)
    tail = rng.randrange(10 ** rng.randrange(8, 20))
    uid = f"1.2.826.0.1.3680043.8.498.{series + 1}.{index + 1}.{tail}"
    return {
        "0002,0003 UI": uid.encode(),
        "0008,0013 TM": clock.encode(),
        "0008,0018 UI": uid.encode(),
        "0008,0032 TM": clock.rstrip("0").rstrip(".").encode(),
        "0008,0033 TM": clock.encode(),
        "0018,1151 IS": str(current).encode(),
        "0018,1152 IS": str(current // 2).encode(),
        "0018,9313 FD": struct.pack("<3d", 0.0, -160.5, z),
        "0018,9318 FD": struct.pack("<3d", 1.0, -160.5, z),
        "0018,9324 FD": struct.pack("<d", 31.5 + current / 7),
        "0018,9345 FD": struct.pack("<d", current / 30),
        "0020,0013 IS": str(index + 1).encode(),
        "0020,0032 DS": f"-174.658203\\-335.158203\\{z:.10g}".encode(),
        "0020,1041 DS": f"{z:.10g}".encode(),
        "0028,0106 US": struct.pack("<H", rng.randrange(100)),
        "0028,0107 US": struct.pack("<H", rng.randrange(1000, 4096)),
    }


def _pieces(data: bytes, elements: list[str]) -> list[bytes]:
    """Cut a file around the length and value of `elements` (in ascending order)."""
    pieces, start = [], 0
    for element in elements:
        at = _at(data, element, start) + 6
        pieces.append(data[start:at])
        start = at + 2 + int.from_bytes(data[at : at + 2], "little")
    return [*pieces, data[start:]]


def _at(data: bytes, element: str, start: int = 0) -> int:
    group, number, vr = int(element[:4], 16), int(element[5:9], 16), element[10:].encode()
    return data.find(struct.pack("<HH2s", group, number, vr), start)


def _encoded(value: bytes, vr: str) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    return struct.pack("<H", len(value)) + value


def generate(
    folder: Path,
    instances: int,
    *,
    per_series: int = 50,
    matrix: int = 64,
    volumes: int = 1,
    seed: int = 0,
) -> None:
    """Write `instances` CT files of `matrix` x `matrix` below `folder`, names shuffled.

    Each series is one volume, or a time course of several.
    One folder a series; the names of its files say nothing of their order.
    """
    rng = random.Random(seed)
    slices = per_series // volumes
    for series in range(-(-instances // per_series)):
        count = min(per_series, instances - series * per_series)
        data = _saved(_template(rng, series, matrix))
        target = folder / f"{series // SERIES_PER_STUDY:05d}" / f"{series % SERIES_PER_STUDY}"
        _write_series(target, data, rng, series, count, matrix, slices)


def populate(folder: Path, instances: int, *, matrix: int = 8) -> None:
    """Write the series of `population` until there are `instances`, a multiple of 1 000."""
    count = instances // sum(SIZES) * len(SIZES)
    at_once = 500
    begins = range(0, count, at_once)
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        ranges = (range(begin, min(begin + at_once, count)) for begin in begins)
        list(pool.map(_populate, repeat(folder), ranges, repeat(matrix)))


def _populate(folder: Path, numbers: range, matrix: int) -> None:
    for series in numbers:
        of = member(series)
        rng = random.Random(series)
        data = _saved(_template(rng, series, matrix, of))
        target = folder / f"{of.patient:05d}" / f"{of.study}" / f"{series}"
        _write_series(target, data, rng, series, of.size, matrix, of.size)


def _saved(template: Dataset) -> bytes:
    buffer = io.BytesIO()
    template.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _write_series(
    target: Path,
    data: bytes,
    rng: random.Random,
    series: int,
    count: int,
    matrix: int,
    slices: int,
) -> None:
    """Write `count` instances that differ from the file `data` as those of one series do."""
    elements = [e for e in _instance_values(rng, series, 0, slices) if _at(data, e) >= 0]
    pieces = _pieces(data, elements)
    pixels = bytearray(pieces.pop())
    pixels_at = len(pixels) - matrix * matrix * 2
    target.mkdir(parents=True, exist_ok=True)
    names = [f"{n:06d}" for n in rng.sample(range(10**6), count)]
    for index, name in enumerate(names):
        values = _instance_values(rng, series, index, slices)
        parts = [_encoded(values[element], element[10:]) for element in elements]
        head = b"".join(x for pair in zip(pieces, parts, strict=True) for x in pair)
        # PS3.10 Section 7.1: the meta group's length, itself behind 144 bytes.
        end = head.index(struct.pack("<HH", 8, 5), 144)
        # So that slices differ and no shortcut can go unnoticed.
        struct.pack_into("<H", pixels, pixels_at, index % 4096)
        group_length = struct.pack("<L", end - 144)
        (target / name).write_bytes(head[:140] + group_length + head[144:] + pixels)


def main() -> None:
    """Generate from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--per-series", type=int, default=50)
    parser.add_argument("--matrix", type=int, default=64)
    parser.add_argument(
        "--population", action="store_true", help="many patients, kinds and sizes; matrix 8 x 8"
    )
    words = parser.parse_args()
    if words.population:
        populate(words.folder, words.instances)
    else:
        generate(words.folder, words.instances, per_series=words.per_series, matrix=words.matrix)


if __name__ == "__main__":
    main()
