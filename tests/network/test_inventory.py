"""What dcmqrscp says it has, compared with the files in its store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.inventory import Listed, list_instances
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.retrieve_report import Wanted


def listed(path: Path) -> Listed:
    """As dcmqrscp tells it, which does not know SOP classes."""
    ds = pydicom.dcmread(path)
    return Listed(
        ds.StudyInstanceUID,
        ds.SeriesInstanceUID,
        ds.SOPInstanceUID,
        "",
        int(ds.InstanceNumber),
    )


def test_every_level(dcmqrscp: Callable[..., Node], phantom_paths: list[Path]) -> None:
    node = dcmqrscp(list(reversed(phantom_paths)))
    true = [listed(path) for path in phantom_paths]
    ds = pydicom.dcmread(phantom_paths[0])
    study, series = ds.StudyInstanceUID, ds.SeriesInstanceUID
    for wanted in (
        Wanted("patient", patient_id=ds.PatientID),
        Wanted("study", study_uid=study),
        Wanted("series", study_uid=study, series_uid=series),
    ):
        assert list_instances(node, [wanted, wanted]) == true
    two = (true[4].uid, "1.2.3")
    chosen = list_instances(node, [Wanted("instance", "", study, series, two)])
    assert sorted(chosen) == sorted([true[4], Listed(study, series, "1.2.3")])
    assert list_instances(node, [Wanted("study", study_uid="1.2.3")]) == []


def test_sop_classes(orthanc: Callable[..., object], phantom_paths: list[Path]) -> None:
    server = orthanc(DicomAlwaysAllowFind=True)
    for path in phantom_paths[:2]:
        server.ask("/instances", path.read_bytes())  # type: ignore[attr-defined]
    ds = pydicom.dcmread(phantom_paths[0])
    found = list_instances(server.node, [Wanted("patient", patient_id=ds.PatientID)])  # type: ignore[attr-defined]
    assert [one.sop_class_uid for one in found] == [ds.SOPClassUID] * 2
    assert found == [
        listed(path)._replace(sop_class_uid=ds.SOPClassUID) for path in phantom_paths[:2]
    ]


def test_no_queries(storescp: Callable[..., object]) -> None:
    with pytest.raises(NetworkError) as caught:
        list_instances(storescp().node, [Wanted("study", study_uid="1.2")])  # type: ignore[attr-defined]
    assert caught.value.reason == "no-query"


def test_cancelled(dcmqrscp: Callable[..., Node], phantom_paths: list[Path]) -> None:
    node = dcmqrscp(phantom_paths[:1])

    def waiting() -> None:
        raise Cancelled("enough")

    study = pydicom.dcmread(phantom_paths[0]).StudyInstanceUID
    with pytest.raises(Cancelled):
        list_instances(node, [Wanted("study", study_uid=study)], waiting=waiting)
