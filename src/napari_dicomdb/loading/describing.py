"""What headers say of a loadable or a volume, beside its geometry: name, units, windows ..."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom import pet
from napari_dicomdb.dicom.codecs import is_available
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.real_world import (
    SEQUENCE,
    mappings_of_text,
    mappings_of_values,
    maps_of,
)
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.dicom.voi import windows_of, windows_of_slices

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.real_world import RealWorldMap
    from napari_dicomdb.dicom.voi import Window
    from napari_dicomdb.loading.frames import FrameSet

__all__ = [
    "pixel_findings",
    "referenced_uids",
    "series_name",
    "units_of",
    "volume_meta",
    "windows_of_frames",
]

_NATIVE = frozenset(
    {
        "",
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.113619.5.2",
    }
)
_LONGEST_NAME = 200
_SAME_LINE = 1e-6
_OURS = {"[hnsf'U]": "HU"}  # by UCUM
_WINDOW_KEYWORDS = (
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
)


def series_name(record: InstanceRecord) -> str:
    """Name a series for people: "4: T1 AX"."""
    get = record.values.get
    words = str(
        get("SeriesDescription") or get("ProtocolName") or get("Modality") or "unnamed series"
    )
    number = get("SeriesNumber")
    name = f"{number}: {words}" if number not in (None, "") else words
    # It becomes the name of a layer and of a line: no controls, no endless length.
    name = " ".join("".join(c if c.isprintable() else " " for c in name[:1000]).split())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def units_of(frames: FrameSet) -> str:
    """Return the unit of the values after the modality LUT, "" when unknown."""
    values = frames.instances[0].values
    units = str(values.get("Units") or values.get("DoseUnits") or "").strip()
    if units:
        return units
    rescale_type = str(frames.value("RescaleType", 0) or "").strip()
    if rescale_type and rescale_type != "US":  # "US": unspecified
        return rescale_type
    mapped = _units_of_map(frames)
    if mapped:
        return mapped
    # CT: Hounsfield units where RescaleType is absent (PS3.3 Section C.8.2.1.1.2).
    is_ct = values.get("Modality") == "CT" and not rescale_type
    return "HU" if is_ct and frames.value("RescaleIntercept", 0) is not None else ""


def _units_of_map(frames: FrameSet) -> str:
    """Return the unit of a real-world value map that is the modality LUT itself, "" without."""
    said = frames.value(SEQUENCE, 0)
    if said is None:
        return ""
    text = isinstance(said, str)
    items = mappings_of_text(said) if text else mappings_of_values(frames.instances[0].values)
    for one in maps_of(items):
        if one.units and _is_modality_lut(frames, one):
            return _OURS.get(one.units, one.units)
    return ""


def _is_modality_lut(frames: FrameSet, one: RealWorldMap) -> bool:
    """Return whether a map, of the first frame, gives the values that its rescale gives."""
    if one.line is None:
        return False
    slope = _number(frames.value("RescaleSlope", 0), 1.0)
    intercept = _number(frames.value("RescaleIntercept", 0), 0.0)
    near = math.isclose(one.line[0], slope, rel_tol=_SAME_LINE)
    return near and abs(one.line[1] - intercept) <= max(abs(intercept), abs(slope)) * _SAME_LINE


def _number(value: Any, otherwise: float) -> float:
    numbers = parse_ds(str(value), lenient=True) if value is not None else ()
    return numbers[0] if numbers else otherwise


def windows_of_frames(frames: FrameSet) -> tuple[Window, ...]:
    """Return the windows that the headers of `frames` (in slice order) offer."""
    known: dict[tuple[Any, ...], tuple[Window, ...]] = {}
    columns = [frames.values(keyword) for keyword in _WINDOW_KEYWORDS]
    slices = []
    for row in zip(*columns, strict=True):
        if row not in known:
            known[row] = windows_of(dict(zip(_WINDOW_KEYWORDS, row, strict=True)))
        slices.append(known[row])
    return windows_of_slices(slices)


def _has_odd_rescale(record: InstanceRecord) -> bool:
    """Whether the header states a rescaling that is no number, or a slope of 0."""
    if record.slope == 0:
        return True
    if record.slope is not None and record.intercept is not None:
        return False
    slope, intercept = (record.values.get(k) for k in ("RescaleSlope", "RescaleIntercept"))
    return bool((record.slope is None and slope) or (record.intercept is None and intercept))


def pixel_findings(frames: FrameSet) -> tuple[Finding, ...]:
    """Return what the index tells of the pixels of `frames` before any is read."""
    found: list[Finding] = []
    short = [i for i in frames.instances if _missing_bytes(i) > 0]
    if short:
        lost = sum(_missing_bytes(i) for i in short)
        names = ", ".join(i.path.name for i in short[:3])
        more = f" and {len(short) - 3} more" if len(short) > 3 else ""
        found.append(
            Finding(
                FindingCode.TRUNCATED_PIXELS,
                Severity.ERROR,
                f"Pixel data of {names}{more} end early: {lost} bytes are missing",
                {"instances": [i.uid for i in short], "bytes": lost},
            )
        )
    odd = [i for i in frames.instances if _has_odd_rescale(i)]
    if odd:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        said = [str(odd[0].values.get(k)) for k in ("RescaleSlope", "RescaleIntercept")]
        found.append(
            Finding(
                FindingCode.BAD_HEADER_VALUE,
                Severity.ERROR,
                f"{odd[0].path.name}{more}: RescaleSlope {said[0]!r:.40}, RescaleIntercept "
                f"{said[1]!r:.40} cannot be used: a slope of 1 and an intercept of 0 stand for "
                "what is no number, so that the values are not in their unit",
                {"instances": [i.uid for i in odd]},
            )
        )
    for uid in dict.fromkeys(i.transfer_syntax_uid for i in frames.instances):
        if uid not in _NATIVE and not is_available(uid):
            found.append(
                Finding(
                    FindingCode.UNDECODABLE_PIXELS,
                    Severity.ERROR,
                    f"Nothing is installed that decodes transfer syntax {uid}",
                    {"transfer_syntax_uid": uid},
                )
            )
    if "YES" in frames.distinct("BurnedInAnnotation"):
        found.append(
            Finding(
                FindingCode.BURNED_IN_ANNOTATION,
                Severity.INFO,
                "Text is burned into the pixels: it may name the patient",
            )
        )
    if "01" in frames.distinct("LossyImageCompression"):
        ratio = frames.instances[0].values.get("LossyImageCompressionRatio", "")
        found.append(
            Finding(
                FindingCode.LOSSY_COMPRESSION,
                Severity.INFO,
                f"Compressed with loss{f' ({ratio}:1)' if ratio else ''}: values are not exactly "
                "those acquired",
                {"ratio": ratio},
            )
        )
    found += frames.findings()
    if frames.instances[0].values.get("Modality") == "PT":
        found += pet.correction_findings(frames.instances[0].values)
    return tuple(found)


def _missing_bytes(record: InstanceRecord) -> int:
    if record.pixel_offset is None or record.pixel_length is None or not record.file_size:
        return 0
    samples = record.samples
    if record.samples == 3 and "422" in record.photometric:
        samples = 2
    bits = record.rows * record.columns * samples * record.bits_allocated
    need = (bits * max(record.frame_count, 1) + 7) // 8
    return need - min(record.pixel_length, record.file_size - record.pixel_offset)


def referenced_uids(frames: FrameSet) -> tuple[str, ...]:
    """Return the series that the headers of `frames` refer to."""
    found: dict[str, None] = {}
    for value in frames.distinct("ReferencedSeriesSequence.SeriesInstanceUID"):
        for uid in value if isinstance(value, tuple) else [value]:
            if isinstance(uid, str) and uid:
                found[uid] = None
    return tuple(found)


def _quantity(frames: FrameSet) -> dict[str, Any]:
    """Return what the values measure, where the header says it, and what else belongs to it."""
    values = frames.instances[0].values
    if values.get("DoseUnits") and values.get("DoseGridScaling"):
        kind = str(values.get("DoseType") or "").strip().lower()
        ucum = "Gy" if values["DoseUnits"] == "GY" else ""
        return {"quantity": f"{kind} dose".strip().capitalize(), "ucum_units": ucum}
    if values.get("Modality") != "PT":
        return {}
    quantity, ucum = pet.quantity_of(values)
    facts = {keyword: values[keyword] for keyword in pet.SERIES_FACTS if keyword in values}
    slices = {keyword: frames.values(keyword) for keyword in pet.SLICE_FACTS}
    told = {
        keyword: column for keyword, column in slices.items() if any(v is not None for v in column)
    }
    return {"quantity": quantity, "ucum_units": ucum, "pet": facts | told}


def volume_meta(frames: FrameSet) -> dict[str, Any]:
    """Return the entries of `Volume.meta` that come from headers alone (frames in slice order)."""
    first = frames.instances[0]
    values = first.values
    uids = [frames.instance(k).uid for k in range(len(frames))]
    return {
        **_quantity(frames),
        "modality": str(values.get("Modality") or ""),
        "series_uid": first.series_uid,
        "study_uid": str(values.get("StudyInstanceUID") or ""),
        "patient_id": str(values.get("PatientID") or ""),
        "instance_uids": list(dict.fromkeys(uids)),
        "frame_numbers": _frame_numbers(frames),
        "source_paths": list(dict.fromkeys(str(i.path) for i in frames.instances)),
        "photometric": first.photometric,
        "presentation": str(values.get("PresentationLUTShape") or ""),
        "windows": windows_of_frames(frames),
        **_slice_times(frames),
    }


def _frame_numbers(frames: FrameSet) -> list[int]:
    """Return the frames, from 1, as references to the instances count them."""
    whole = [cut is not None for cut in frames.tilings]
    pairs = zip(frames.owner.tolist(), frames.number.tolist(), strict=True)
    return [1 if whole[owner] else number + 1 for owner, number in pairs]


def _slice_times(frames: FrameSet) -> dict[str, list[float]]:
    """Return when, in ms, the slices of the first mosaic were acquired, where it says so."""
    first = int(frames.owner[0])
    times = frames.instances[first].values.get("SIEMENS_CSA_MosaicRefAcqTimes")
    tiles = frames.number[frames.owner == first].tolist()
    if frames.tilings[first] is None or not isinstance(times, list) or max(tiles) >= len(times):
        return {}
    return {"slice_times": [float(times[tile]) for tile in tiles]}
