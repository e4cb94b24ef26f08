"""What of found objects is in the database: asked of the index, compared with the files."""

from __future__ import annotations

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets import _remote_local
from napari_dicomdb.widgets._remote_local import (
    examine_matches,
    held_of,
    instances_here,
    series_here,
)


@pytest.fixture
def here(phantom):
    with Database.in_memory() as made:
        made.import_paths(phantom["axial-ct"].paths, workers=0)
        made.import_paths(phantom["oblique-mr"].paths[:3], workers=0)
        yield made


@pytest.fixture
def truth(phantom):
    return pydicom.dcmread(phantom["axial-ct"].paths[0], stop_before_pixels=True)


def _match(level, truth, phantom, name="axial-ct", node="orthanc", **values):
    uids = {
        "patient_id": str(truth.PatientID),
        "study_uid": truth.StudyInstanceUID,
        "series_uid": phantom[name].series_uid,
        "instance_uid": truth.SOPInstanceUID,
    }
    depth = ("patient", "study", "series", "instance").index(level) + 1
    kept = dict(list(uids.items())[:depth])
    return Match(node, level, {"PatientName": str(truth.PatientName), **values}, **kept)


@pytest.mark.parametrize("level", ["patient", "study"])
def test_series_of_patient_and_study(here, truth, phantom, level):
    found = series_here(here, [_match(level, truth, phantom)])
    assert {one.uid for one in found} == {
        phantom[name].series_uid for name in ("axial-ct", "oblique-mr")
    }


def test_series_and_instance(here, truth, phantom):
    for level in ("series", "instance"):
        (found,) = series_here(here, [_match(level, truth, phantom)])
        assert found.uid == phantom["axial-ct"].series_uid
    (instance,) = instances_here(here, [_match("instance", truth, phantom)])
    assert instance.uid == truth.SOPInstanceUID


def test_what_is_not_here_is_none(here):
    strange = Match("a", "series", study_uid="9.9", series_uid="9.9.9")
    assert series_here(here, [strange, Match("a", "study", study_uid="9.9")]) == []
    assert series_here(here, [Match("a", "patient", patient_id="nobody")]) == []
    assert instances_here(here, [Match("a", "instance", instance_uid="9")]) == []


def test_another_patient_of_the_same_id_is_not_meant(here, truth):
    other = Match("a", "patient", {"PatientName": "Someone^Else"}, str(truth.PatientID))
    assert series_here(here, [other]) == []


def test_how_much_is_here_now(here, truth, phantom):
    def series(name, images, node="orthanc"):
        return _match("series", truth, phantom, name, node, NumberOfSeriesRelatedInstances=images)

    held = held_of(
        here,
        [
            (1, [series("axial-ct", "8")]),
            (2, [series("oblique-mr", "8")]),
            (3, [series("sagittal-mr", "8")]),
            (4, [series("oblique-mr", "3", node="")]),
            (5, [series("oblique-mr", "3", node=""), series("oblique-mr", "8")]),
            (6, [series("sagittal-mr", "8", node="")]),  # it was here once
            (7, [_match("instance", truth, phantom)]),
        ],
    )
    assert held == {
        1: "all", 2: "part", 3: "none", 4: "all", 5: "part", 6: "none", 7: "all",
    }  # fmt: skip


def test_what_opens_by_default(here, truth, phantom, monkeypatch):
    loadables, more = examine_matches(here, [_match("series", truth, phantom)])
    assert more == 0
    assert {one.series_uid for way in loadables for one in way.instances} == {
        phantom["axial-ct"].series_uid
    }
    (single,), _ = examine_matches(here, [_match("instance", truth, phantom)])
    assert [one.uid for one in single.instances] == [truth.SOPInstanceUID]
    monkeypatch.setattr(_remote_local, "LOADED_AT_ONCE", 1)
    _, more = examine_matches(here, [_match("study", truth, phantom)])
    assert more == 1
