"""Keys: at which level they may be asked, and which values they take."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.query_keys import (
    LEVELS,
    UNIQUE_KEYS,
    checked_keys,
    default_keys,
    is_exact,
    level_of,
    vr_of_key,
)


def checked(keyword, value, level="instance"):
    return checked_keys(level, "study", {keyword: value}, (), None)[keyword]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("20200131", "20200131"),
        ("2020-01-31", "20200131"),
        ("20200101-20201231", "20200101-20201231"),
        ("2020-01-01-2020-12-31", "20200101-20201231"),
        ("20200101-", "20200101-"),
        ("-20201231", "-20201231"),
        ("2020-01..", "20200101-"),
        ("..2020-02", "-20200229"),
        ("2019..2020", "20190101-20201231"),
        ("2020", "20200101-20201231"),
        ("*", ""),
        ("", ""),
    ],
)
def test_dates(given, sent):
    assert checked("StudyDate", given) == sent


@pytest.mark.parametrize(
    ("keyword", "given", "sent"),
    [
        ("StudyTime", "0930", "0930"),
        ("StudyTime", "09:30:15.5", "093015.5"),
        ("StudyTime", "08:00-12:30", "0800-1230"),
        ("StudyTime", "18..", "18-"),
        ("AcquisitionDateTime", "20200101", "20200101"),
        ("AcquisitionDateTime", "20200101120000-20200102", "20200101120000-20200102"),
        ("StudyInstanceUID", "1.2\\1.3\\1.2", "1.2\\1.3"),
        ("StudyInstanceUID", ["1.2", " 1.3 ", ""], "1.2\\1.3"),
        ("Modality", "ct\\Mr", "CT\\MR"),
        ("PatientName", "山田*", "山田*"),
        ("PatientName", "***", ""),
        ("InstanceNumber", "7", "7"),
        ("Rows", "512", "512"),
        ("SliceLocation", "-1.5", "-1.5"),
        ("RequestAttributesSequence.RequestedProcedureID", "R1*", "R1*"),
        ("ReferencedStudySequence", "", ""),
    ],
)
def test_values(keyword, given, sent):
    assert checked(keyword, given) == sent


@pytest.mark.parametrize(
    ("keyword", "given", "reason"),
    [
        ("StudyDate", "20201301", "bad-value"),
        ("StudyDate", "yesterday", "bad-value"),
        ("StudyDate", "2021..2020", "bad-value"),
        ("StudyDate", "..", "bad-value"),
        ("StudyDate", "2020*", "bad-value"),
        ("StudyTime", "25", "bad-value"),
        ("StudyTime", "0961", "bad-value"),
        ("AcquisitionDateTime", "soon", "bad-value"),
        ("StudyInstanceUID", "1.2*", "bad-value"),
        ("StudyInstanceUID", "../etc", "bad-value"),
        ("StudyInstanceUID", "1" * 65, "bad-value"),
        ("InstanceNumber", "first", "bad-value"),
        ("SliceLocation", "left", "bad-value"),
        ("PatientName", "a\x1bb", "bad-value"),
        ("PatientName", "a" * 2000, "bad-value"),
        ("ReferencedStudySequence", "x", "bad-value"),
        ("PatientNmae", "x", "unknown-key"),
        ("PatientName.Sex", "x", "unknown-key"),
        ("PixelData", "x", "unknown-key"),
        ("QueryRetrieveLevel", "STUDY", "unknown-key"),
        ("TransferSyntaxUID", "1.2", "unknown-key"),
    ],
)
def test_refused(keyword, given, reason):
    with pytest.raises(QueryError) as caught:
        checked(keyword, given)
    assert caught.value.reason == reason
    if reason == "bad-value" and keyword.startswith("Patient"):
        assert given not in str(caught.value)  # no patient's name in a message


@pytest.mark.parametrize(
    ("level", "keyword", "words"),
    [
        ("patient", "StudyDate", "ask at level study"),
        ("study", "Modality", "ModalitiesInStudy"),
        ("study", "SeriesInstanceUID", "ask at level series"),
        ("series", "SOPInstanceUID", "told of instances"),
    ],
)
def test_keys_of_lower_levels_are_refused(level, keyword, words):
    with pytest.raises(QueryError, match=words) as caught:
        checked_keys(level, "study", {keyword: ""}, (), None)
    assert caught.value.reason == "wrong-level"
    with pytest.raises(QueryError):
        checked_keys(level, "study", {}, (keyword,), None)


def test_tables():
    for level in LEVELS:
        assert default_keys(level)[0] == UNIQUE_KEYS[level]
        assert all(level_of(keyword) == level for keyword in default_keys(level))
        assert all(vr_of_key(keyword) for keyword in default_keys(level))
    assert level_of("RequestAttributesSequence.RequestedProcedureID") == "series"
    assert level_of("WindowCenter") is None
    assert [is_exact(v) for v in ("1.2", "", "1*", "a\\b")] == [True, False, False, False]
