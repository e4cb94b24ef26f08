from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import describing, examine
from napari_dicomdb.loading.frames import FrameSet


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({}, "4: Thorax"),
        ({"SeriesNumber": None}, "Thorax"),
        ({"SeriesDescription": None, "ProtocolName": "t1_mpr"}, "4: t1_mpr"),
        ({"SeriesDescription": None}, "4: CT"),
    ],
)
def test_series_names(series, records, attributes, name):
    series.axial([0], **attributes)
    assert describing.series_name(records(series.paths)[0]) == name


def _named(values):
    return SimpleNamespace(values=values)


def test_series_names_are_one_short_line():
    values = {"SeriesDescription": "T1\r\n\x1b[2J\u202eAX", "SeriesNumber": 3}
    assert describing.series_name(_named(values)) == "3: T1 [2J AX"
    long = describing.series_name(_named({"SeriesDescription": "x" * 70_000}))
    assert (len(long), long[-1]) == (200, "…")


@pytest.mark.parametrize(
    ("attributes", "units"),
    [
        ({"RescaleSlope": 1, "RescaleIntercept": -1024}, "HU"),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "HU"}, "HU"),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US"}, ""),
        ({"Modality": "PT", "Units": "BQML"}, "BQML"),
        ({"Modality": "MR"}, ""),
        ({}, ""),
    ],
)
def test_units(series, records, attributes, units):
    series.axial([0], **attributes)
    assert describing.units_of(FrameSet.of(records(series.paths))) == units


@pytest.mark.parametrize(
    ("code", "line", "units"),
    [
        ("mm2/s", (0.5, 10.0), "mm2/s"),
        ("[hnsf'U]", (0.5, 10.0), "HU"),
        ("1", (0.5, 10.0), ""),
        ("mm2/s", (0.25, 10.0), ""),  # other values than those of the rescale
        ("mm2/s", (0.5, 11.0), ""),
    ],
)
def test_units_of_a_map_that_is_the_rescale(series, records, code, line, units):
    item, unit = pydicom.Dataset(), pydicom.Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = code, "UCUM", code
    item.RealWorldValueSlope, item.RealWorldValueIntercept = line
    item.MeasurementUnitsCodeSequence = [unit]
    series.axial(
        [0],
        Modality="MR",
        RescaleSlope=0.5,
        RescaleIntercept=10,
        RescaleType="US",
        RealWorldValueMappingSequence=[item],
    )
    assert describing.units_of(FrameSet.of(records(series.paths))) == units


def test_windows_of_the_middle_slice(series, records):
    for z, center in enumerate((10, 20, 30)):
        series.axial([z], WindowCenter=center, WindowWidth=100)
    (window,) = describing.windows_of_frames(FrameSet.of(records(series.paths)))
    assert window.center == 20
    assert "middle slice" in window.explanation


def test_lossy_compression_is_told(series, records):
    series.axial([0, 1], LossyImageCompression="01", LossyImageCompressionRatio="12")
    told = {f.code: f for f in examine(records(series.paths))[0].findings}
    assert "12:1" in told[FindingCode.LOSSY_COMPRESSION].text


def test_counts_that_disagree_are_told(series, records):
    series.enhanced([(0, 0, 0), (0, 0, 1)], np.zeros((3, 4, 4), np.uint16))
    findings = describing.pixel_findings(FrameSet.of(records(series.paths)))
    assert findings[0].code == FindingCode.MULTIFRAME_INCONSISTENT
    assert findings[0].numbers == {"frames": 3, "described": 2}
    assert "3" in findings[0].text


def test_an_unknown_transfer_syntax_is_told_before_loading(series, records):
    from dataclasses import replace

    series.axial([0, 1])
    known = [
        replace(r, transfer_syntax_uid="1.2.840.10008.1.2.4.94") for r in records(series.paths)
    ]
    best = examine(known)[0]
    assert FindingCode.UNDECODABLE_PIXELS in {f.code for f in best.findings}


def test_pet_values_are_rescaled_slice_by_slice_in_their_unit(reference_data, records):
    folder = reference_data / "pet_suv" / "STS_001_FDG_PET_raw" / "dicom"
    known = records(sorted(folder.glob("1-0*.dcm"))[10:40])
    assert len({record.slope for record in known}) > 20
    volume = examine(known)[0].load()
    assert (volume.units, volume.meta["quantity"]) == ("BQML", "Activity concentration")
    by_uid = {record.uid: record for record in known}
    for k, uid in enumerate(volume.meta["instance_uids"]):
        ds = pydicom.dcmread(by_uid[uid].path)
        wanted = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        np.testing.assert_allclose(volume.array[k], wanted, rtol=1e-6)
    facts = volume.meta["pet"]
    injected = "RadiopharmaceuticalInformationSequence.RadionuclideTotalDose"
    item = ds.RadiopharmaceuticalInformationSequence[0]
    assert float(facts[injected][0]) == float(item.RadionuclideTotalDose)
    assert facts["DecayCorrection"] == ds.DecayCorrection
    assert facts["PatientWeight"] == str(ds.PatientWeight)
    assert len(facts["AcquisitionTime"]) == len(known)


def test_pet_without_attenuation_correction_is_told(series, records):
    series.axial([0, 2, 4], Modality="PT", Units="BQML", CorrectedImage=["DECY", "NORM"])
    best = examine(records(series.paths))[0]
    assert FindingCode.NOT_CORRECTED in {f.code for f in best.findings}


def test_dose_is_a_quantity(series, records):
    path = series.slice(
        (0, 0, 0),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2",
        Modality="RTDOSE",
        DoseUnits="GY",
        DoseType="PHYSICAL",
        DoseGridScaling="0.5",
    )
    volume = examine(records([path]))[0].load()
    assert (volume.meta["quantity"], volume.meta["ucum_units"]) == ("Physical dose", "Gy")


@pytest.mark.parametrize(
    "attributes",
    [{"RescaleSlope": "0"}, {"RescaleSlope": "nan"}, {"RescaleIntercept": "inf"}],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_rescaling_that_is_no_number_is_told(series, records, attributes):
    from pydicom import config

    with config.disable_value_validation():
        series.axial([0, 2, 4, 6], **{"RescaleSlope": "1", "RescaleIntercept": "0", **attributes})
    best = examine(records(series.paths))[0]
    (finding,) = [f for f in best.findings if f.code == "bad-header-value"]
    assert finding.severity == "error"
    assert next(iter(attributes.values())) in finding.text


def test_no_rescaling_at_all_is_no_fault(series, records):
    series.axial([0, 2, 4, 6])
    best = examine(records(series.paths))[0]
    assert "bad-header-value" not in {f.code for f in best.findings}
