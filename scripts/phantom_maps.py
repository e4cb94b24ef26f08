"""Quantities made of a phantom MR: a parametric map of diffusion, and PET with a slope a slice.

python scripts/phantom_maps.py FOLDER
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
PET = "1.2.840.10008.5.1.4.1.1.128"
HOTTEST = 25_000.0  # Bq/ml


def write_maps(folder: Path, *, matrix: int = 96, slices: int = 24) -> list[Path]:
    """Write both series into `folder`."""
    import pydicom

    from napari_dicomdb.viewer.phantom import write_phantom_study

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dicomdb-phantom-") as temporary:
        (source,) = write_phantom_study(temporary, ("oblique-mr",), matrix=matrix, slices=slices)
        images = [pydicom.dcmread(path) for path in source.paths]
    values = np.stack([ds.pixel_array for ds in images]).astype(np.float32)
    values /= values.max()
    return [_write_map(folder, images, values), *_write_pet(folder, images, values)]


def _write_map(folder: Path, images: list[Any], values: np.ndarray) -> Path:
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    ds = _common(images[0], 41, "Phantom diffusion map", PARAMETRIC_MAP)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del ds[keyword]
    ds.SeriesInstanceUID, ds.NumberOfFrames, ds.BitsAllocated = generate_uid(), len(images), 32
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
        ds.pop(keyword, None)
    orientation, measures, world, shared = (Dataset() for _ in range(4))
    orientation.ImageOrientationPatient = images[0].ImageOrientationPatient
    measures.PixelSpacing = images[0].PixelSpacing
    world.RealWorldValueSlope, world.RealWorldValueIntercept = 1.0, 0.0
    world.LUTLabel, world.LUTExplanation = "ADC", "Apparent diffusion coefficient"
    world.MeasurementUnitsCodeSequence = [_code("um2/s", "UCUM", "um2/s")]
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [_code("246205007", "SCT", "Quantity")]
    quantity.ConceptCodeSequence = [_code("113041", "DCM", "Apparent Diffusion Coefficient")]
    world.QuantityDefinitionSequence = [quantity]
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    shared.RealWorldValueMappingSequence = [world]
    ds.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for image in images:
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = image.ImagePositionPatient
        frame.PlanePositionSequence = [place]
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = frames
    adc = np.where(values > 0.05, 600 + 2400 * (1 - values), 0).astype("<f4")
    ds.add_new("FloatPixelData", "OF", adc.tobytes())
    return _save(ds, folder / "map.dcm")


def _write_pet(folder: Path, images: list[Any], values: np.ndarray) -> list[Path]:
    from pydicom.uid import generate_uid

    series, written = generate_uid(), []
    for k, (image, value) in enumerate(zip(images, values, strict=True)):
        ds = _common(image, 42, "Phantom PET", PET)
        ds.SeriesInstanceUID, ds.Modality, ds.InstanceNumber = series, "PT", k + 1
        ds.Units, ds.DecayCorrection, ds.CorrectedImage = "BQML", "START", ["DECY", "ATTN"]
        activity = HOTTEST * value**3
        slope = max(float(activity.max()), 1.0) / 32_767
        ds.RescaleSlope, ds.RescaleIntercept = f"{slope:.8g}", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.add_new("PixelData", "OW", np.rint(activity / slope).astype("<i2").tobytes())
        written.append(_save(ds, folder / f"pet-{k:03d}.dcm"))
    return written


def _common(image: Any, number: int, description: str, sop_class: str) -> Any:
    from pydicom.uid import generate_uid

    ds = copy.deepcopy(image)
    ds.SeriesNumber, ds.SeriesDescription = number, description
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    for keyword in ("PixelData", "WindowCenter", "WindowWidth"):
        ds.pop(keyword, None)
    return ds


def _code(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _save(ds: Any, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_maps(Path(sys.argv[1])))} objects in {sys.argv[1]}")
