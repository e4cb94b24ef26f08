"""What rows of found objects say, and which answers of several nodes are one row."""

from __future__ import annotations

import pytest

from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets.models.match_rows import (
    HERE,
    MatchRow,
    cell,
    image_count,
    key_of,
    next_level,
    sort_key,
    state_words,
    tip,
    title,
    where_words,
)


def _study(node="orthanc", uid="1.2.3", held="none", **values):
    said = {"PatientName": "Doe^Jane", "StudyDate": "20200131", **values}
    return Match(node, "study", said, patient_id="4711", study_uid=uid, held=held)


def _row(*matches):
    row = MatchRow(matches[0].level, key_of(matches[0]))
    for match in matches:
        row.take(match)
    return row


def test_a_study_at_two_nodes_is_one_and_names_both():
    one, other = _study(), _study("pacs")
    assert key_of(one) == key_of(other)
    row = _row(one, other)
    assert row.nodes == ["orthanc", "pacs"]
    assert where_words(row) == "orthanc, pacs"
    assert row.uid == "1.2.3"


@pytest.mark.parametrize(
    ("matches", "held", "words"),
    [
        ([("orthanc", "none")], "none", "on a server"),
        ([("orthanc", "part")], "part", "partly here"),
        ([("orthanc", "all")], "all", "here"),
        ([(HERE, "all")], "all", "here"),
        # The database does not know that there is more of it.
        ([(HERE, "all"), ("orthanc", "part")], "part", "partly here"),
        ([("orthanc", "part"), (HERE, "all")], "part", "partly here"),
        ([("orthanc", "none"), (HERE, "all")], "part", "partly here"),
        ([("orthanc", "all"), ("pacs", "part")], "part", "partly here"),
    ],
)
def test_how_much_is_here(matches, held, words):
    row = _row(*(_study(node, held=one) for node, one in matches))
    assert (row.held, state_words(row)) == (held, words)


def test_patients_of_one_id_with_other_names_are_two():
    def patient(node, name, **more):
        values = {"PatientName": name, "PatientBirthDate": "19500302", **more}
        return Match(node, "patient", values, patient_id="1")

    assert key_of(patient("a", "DOE^JANE")) == key_of(patient("b", "Doe^Jane"))
    assert key_of(patient("a", "Doe^Jane")) != key_of(patient("b", "Roe^Jane"))
    assert key_of(patient("a", "Doe^Jane")) != key_of(
        patient("b", "Doe^Jane", IssuerOfPatientID="elsewhere")
    )


def test_what_has_no_uid_is_nowhere_the_same():
    one, other = _study(uid=""), _study(uid="")
    assert key_of(one) != key_of(other)


def test_cells_of_a_study_and_its_series():
    study = _row(
        _study(
            StudyDescription="CT\nchest", ModalitiesInStudy="CT\\SR", AccessionNumber="A1",
            NumberOfStudyRelatedInstances="120",
        )
    )  # fmt: skip
    told = {
        "title": "Doe, Jane",
        "id": "4711",
        "date": "2020-01-31",
        "modality": "CT SR",
        "description": "CT chest",
        "images": "120",
        "accession": "A1",
        "where": "orthanc",
    }
    assert {name: cell(study, name) for name in told} == told
    series = MatchRow("series", ("1.2.3.4",), study)
    series.take(
        Match(
            "orthanc",
            "series",
            {"SeriesNumber": "3", "SeriesDescription": "Lung", "Modality": "CT"},
            study_uid="1.2.3",
            series_uid="1.2.3.4",
        )
    )
    assert title(series) == "3 · Lung"
    assert cell(series, "id") == cell(series, "description") == cell(series, "accession") == ""
    below = MatchRow("study", ("1.2.3",), MatchRow("patient"))
    below.take(_study(StudyDescription=""))
    assert title(below) == "Study without description"


@pytest.mark.parametrize("said", ["", "many", "-3", "1e99", "nan"])
def test_a_number_that_is_none_is_not_shown(said):
    row = _row(_study(NumberOfStudyRelatedInstances=said))
    assert image_count(row) is None
    assert cell(row, "images") == ""
    assert sort_key(row, "images") == (-1,)


def test_hostile_values_stay_one_line():
    row = _row(_study(PatientName="<b>\u202eevil\n" + "x" * 5000, StudyDate="99999"))
    assert "\n" not in title(row)
    assert len(title(row)) <= 302
    assert cell(row, "date") == "99999"
    assert "\u202e" not in tip(row)


def test_levels():
    assert [next_level(level) for level in ("patient", "study", "series", "instance", "note")] == [
        "study", "series", "instance", "", "",
    ]  # fmt: skip
