"""Makes realistic CT instances fast: a template a series, patched per instance."""

from __future__ import annotations

import argparse
import io
import random
import struct
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

# Written as fixed-width text into the template and replaced for each instance.
SOP_UID = "1.2.826.0.1.3680043.8.498.10000000000000000000000000000000000000"
NUMBER = "00000"
POSITION_Z = "+0000.0000"
TIME = "000000.000000"
SERIES_PER_STUDY = 4
STUDIES_PER_PATIENT = 2


def _template(rng: random.Random, series: int, matrix: int) -> Dataset:
    """Return the dataset that all instances of a series share: some 150 elements."""
    study = series // SERIES_PER_STUDY
    patient = study // STUDIES_PER_PATIENT
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
    ds.InstanceCreationTime = TIME
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = SOP_UID
    day = f"2024{1 + study % 12:02d}{1 + study % 28:02d}"
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(ds, f"{name}Date", day)
    ds.StudyTime = "101112.131415"
    ds.SeriesTime = "101212.131415"
    ds.AcquisitionTime = TIME
    ds.ContentTime = TIME
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
    ds.PatientName = f"Bench{patient:05d}^Mark^{rng.choice('ABCDEF')}"
    ds.PatientID = f"ID{patient:06d}"
    ds.PatientBirthDate = f"19{50 + patient % 50}0203"
    ds.PatientSex = rng.choice("MF")
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
    ds.InstanceNumber = NUMBER
    ds.ImagePositionPatient = ["-174.658203", "-335.158203", POSITION_Z]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=[f"for{study}"])
    ds.PositionReferenceIndicator = ""
    ds.SliceLocation = POSITION_Z
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
    return ds


def _offsets(data: bytes, text: str) -> list[int]:
    found, start = [], data.find(text.encode())
    while start >= 0:
        found.append(start)
        start = data.find(text.encode(), start + 1)
    return found


def generate(
    folder: Path, instances: int, *, per_series: int = 50, matrix: int = 64, seed: int = 0
) -> None:
    """Write `instances` CT files of `matrix` x `matrix` below `folder`, names shuffled.

    One folder a series; the names of its files say nothing of their order.
    """
    rng = random.Random(seed)
    for series in range(-(-instances // per_series)):
        count = min(per_series, instances - series * per_series)
        buffer = io.BytesIO()
        _template(rng, series, matrix).save_as(buffer, enforce_file_format=True)
        data = bytearray(buffer.getvalue())
        pixels = len(data) - matrix * matrix * 2
        places = {text: _offsets(bytes(data), text) for text in (SOP_UID, POSITION_Z, TIME)}
        number_at = data.index(b"\x20\x00\x13\x00IS") + 8
        target = folder / f"{series // SERIES_PER_STUDY:05d}" / f"{series % SERIES_PER_STUDY}"
        target.mkdir(parents=True, exist_ok=True)
        names = [f"{n:06d}" for n in rng.sample(range(10**6), count)]
        for index, name in enumerate(names):
            uid = f"{SOP_UID[:27]}{series:09d}{index:028d}"
            seconds = index * 0.5
            values = {
                SOP_UID: uid,
                POSITION_Z: f"{-1000 + index * 1.0:+010.4f}",
                TIME: f"10{int(seconds // 60) % 60:02d}{seconds % 60:09.6f}",
            }
            for text, offsets in places.items():
                patch = values[text].encode()
                if len(patch) != len(text):
                    raise ValueError(f"{patch!r} does not fit the template")
                for at in offsets:
                    data[at : at + len(patch)] = patch
            data[number_at : number_at + 5] = f"{index + 1:05d}".encode()
            # So that slices differ and no shortcut can go unnoticed.
            struct.pack_into("<H", data, pixels, index % 4096)
            (target / name).write_bytes(data)


def main() -> None:
    """Generate from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--per-series", type=int, default=50)
    parser.add_argument("--matrix", type=int, default=64)
    words = parser.parse_args()
    generate(words.folder, words.instances, per_series=words.per_series, matrix=words.matrix)


if __name__ == "__main__":
    main()
