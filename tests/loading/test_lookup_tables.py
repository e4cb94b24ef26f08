"""Lookup tables read from files at loading, and only when there are any."""

from __future__ import annotations

import builtins

import numpy as np
import pydicom
import pytest

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.lookup_tables import modality_lut, voi_luts


def table(entries, *, first=0, explanation="", descriptor=None):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS", descriptor or [len(entries), first, 8])
    item.add_new("LUTData", "US", list(entries))
    item.LUTExplanation = explanation
    return item


def frames_of(series, records):
    return FrameSet.of(records(series.paths))


def test_no_file_is_opened_when_there_is_none(series, records, monkeypatch):
    series.axial(range(5))
    frames = frames_of(series, records)

    def refuse(*words, **options):
        raise AssertionError(f"opened {words}")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(pydicom, "dcmread", refuse)
    assert voi_luts(frames) == ((), ())


def test_those_of_the_middle_slice(series, records):
    for k in range(5):
        tables = [table([k, 9, 12], explanation=f"slice {k}"), table([1, 2], first=-7)]
        series.slice((0, 0, k), VOILUTSequence=tables)
    frames = frames_of(series, records)
    found, findings = voi_luts(frames)
    assert findings == ()
    assert [t.explanation for t in found] == ["slice 2", ""]
    assert found[0].entries.tolist() == [2, 9, 12]
    assert (found[1].first, found[1].bits) == (-7, 8)
    refused = {frames.instance(2).uid}
    assert voi_luts(frames, refused)[0][0].explanation in ("slice 1", "slice 3")


def test_a_volume_has_them(series, records):
    for k in range(3):
        series.slice((0, 0, k), VOILUTSequence=[table([0, 100, 255], explanation="FILM")])
    for lazy in (True, False):
        volume = examine(records(series.paths))[0].load(lazy=lazy)
        (lut,) = volume.meta["voi_luts"]
        assert lut.explanation == "FILM"
        assert np.array_equal(lut.apply(np.array([-5, 1, 9])), [0, 100, 255])


def test_a_broken_table_is_told_and_hinders_nothing(series, records):
    for k in range(3):
        series.slice((0, 0, k), VOILUTSequence=[table([1, 2], descriptor=[2, 0])])
    volume = examine(records(series.paths))[0].load()
    assert volume.meta["voi_luts"] == ()
    (finding,) = volume.findings
    assert finding.code is FindingCode.BAD_HEADER_VALUE
    assert finding.severity is Severity.INFO
    assert "0001.dcm" in finding.text


def test_a_broken_modality_table_is_refused(series, records):
    series.slice((0, 0, 0), ModalityLUTSequence=[table([1, 2], descriptor=[2, 0])])
    with pytest.raises(LoadError, match=r"0000\.dcm"):
        modality_lut(records(series.paths)[0])
