"""The local database asked as nodes are, against pydicom."""

from __future__ import annotations

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.network.local_find import find_here
from napari_dicomdb.network.query import Query


@pytest.fixture(scope="module")
def heads(reference_data):
    found = []
    for path in sorted((reference_data / "charset").glob("chr*.dcm")):
        head = pydicom.dcmread(path, stop_before_pixels=True)
        if "StudyInstanceUID" in head:
            found.append(head)
    return found


@pytest.fixture(scope="module")
def database(reference_data):
    with Database.in_memory() as made:
        made.import_paths([reference_data / "charset"], workers=0)
        yield made


def found(database, level="study", keys=None, **more):
    matches = []
    outcome = find_here(database, Query(level, keys or {}, **more), matches.extend)
    assert outcome.count == len(matches)
    return outcome, matches


def test_levels(database, heads):
    for level, keyword in (
        ("patient", "PatientID"),
        ("study", "StudyInstanceUID"),
        ("series", "SeriesInstanceUID"),
        ("instance", "SOPInstanceUID"),
    ):
        outcome, matches = found(database, level)
        assert outcome.ok
        assert {m.uid for m in matches} == {head[keyword].value for head in heads}
        assert len({m.uid for m in matches}) == len(matches)
        assert {m.node for m in matches} == {""}
    match = next(m for m in matches if m.patient_id == "SCSGERM")
    assert match.text("PatientName") == "Äneas^Rüdiger"
    assert match.study_uid and match.series_uid
    assert all(isinstance(v, str) for v in match.values.values())


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        ({"PatientName": "*山田*"}, {"H31EXAMPLE", "H32EXAMPLE"}),
        ({"PatientName": "buc^*"}, {"SCSFREN"}),
        ({"PatientID": "2008-?"}, {"2008-3", "2008-4"}),
        ({"PatientID": ["SCSFREN", "SCSGERM"]}, {"SCSFREN", "SCSGERM"}),
        ({"StudyDate": "20080101-20081231"}, {"2008-3", "2008-4"}),
        ({"ModalitiesInStudy": "CR"}, {"2008-3", "2008-4"}),
        ({"PatientName": "nobody"}, set()),
    ],
)
def test_keys(database, keys, ids):
    assert {m.patient_id for m in found(database, keys=keys)[1]} == ids


def test_limit_and_cancel(database, heads):
    outcome, matches = found(database, limit=3)
    assert (outcome.cut, outcome.reason, len(matches)) == (True, "limit", 3)
    everything = len({head.StudyInstanceUID for head in heads})
    assert not found(database, limit=everything)[0].cut

    def stop():
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        find_here(database, Query(), lambda matches: None, stop)


def test_what_the_index_does_not_know(database):
    with pytest.raises(DicomDbError) as caught:
        found(database, "series", {"RequestAttributesSequence.RequestedProcedureID": "1"})
    assert caught.value.reason == "unknown-key"
