"""Results that go to real nodes: what arrived is told, and where the rest is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.export.sources import made_up

from napari_dicomdb import Database
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.sending import send_instances


@pytest.fixture
def database(reference_data: Path, tmp_path: Path) -> Any:
    with Database.open(tmp_path / "db") as opened:
        opened.import_paths(reference_data / "rt_dvh" / "ct.0.dcm", workers=0)
        yield opened


def offers(form: str = "secondary-capture", slices: int = 6) -> list[Any]:
    ramp = np.arange(slices * 20, dtype=np.int16).reshape(slices, 4, 5)
    ways = examine_for_export(made_up(ramp))
    return [next(way for way in ways if way.options.get("form") == form)]


def target(database: Database) -> StudyTarget:
    return StudyTarget.of_study(database, database.series()[0].study_uid)


def test_into_the_database_a_folder_and_two_real_nodes(
    database: Database, tmp_path: Path, orthanc: Callable[..., Any], storescp: Callable[..., Any]
) -> None:
    pacs, other = orthanc(), storescp()
    report = write_results(
        database, offers(), target(database), folder=tmp_path / "out", into_database=True,
        node=pacs.node,
    )  # fmt: skip
    assert (report.imported, report.sent, report.rejected) == (6, 6, [])
    for uid, path in zip(report.instance_uids, report.files, strict=True):
        there = pydicom.dcmread(pydicom.filebase.DicomBytesIO(pacs.file(uid)))
        here = pydicom.dcmread(path)
        assert there.PixelData == here.PixelData
        assert there.PatientName == here.PatientName
    # To a node alone: nothing of it stays here.
    before = {i.uid for i in database.instances()}
    only = write_results(database, offers(), target(database), node=other.node)
    assert (only.sent, only.imported, only.files) == (6, 0, [])
    assert set(other.received) == set(only.instance_uids)
    assert {i.uid for i in database.instances()} == before


def test_a_node_that_does_not_take_the_class(
    database: Database, tmp_path: Path, storescp: Callable[..., Any]
) -> None:
    """storescp knows no presentation context for a made-up profile: it takes CT alone."""
    profile = tmp_path / "only.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n"
        "[[PresentationContexts]]\n[CT]\nPresentationContext1 = CTImageStorage\\Plain\n"
        "[[Profiles]]\n[Only]\nPresentationContexts = CT\n"
    )
    peer = storescp("-xf", str(profile), "Only")
    classic = replace(made_up(np.ones((3, 4, 5), np.int16)), meta={"modality": "CT"})
    several = [*offers(slices=2), examine_for_export(classic)[0]]
    assert several[1].options["form"] == "classic"
    goal = target(database)
    report = write_results(database, several, goal, node=peer.node, into_database=True)
    taken = [uid for uid in report.instance_uids if uid in peer.received]
    refused = [uid for uid, _, _ in report.rejected]
    assert len(taken) == report.sent == 3
    assert sorted([*taken, *refused]) == sorted(report.instance_uids)
    assert "2 not sent" in report.summary()
    assert "in the database" in report.summary()
    assert database.find_series(report.series_uids[0]).instance_count == 2
    # Once the node takes them, what is in the database is sent again.
    willing = storescp()
    again = database.send([database.find_series(report.series_uids[0])], willing.node)
    assert again.ok
    assert set(willing.received) == set(refused)


@pytest.mark.parametrize("kept", ["folder", "database", "nowhere"])
def test_a_node_that_goes_down_half_way(
    kept: str,
    database: Database,
    tmp_path: Path,
    storescp: Callable[..., Any],
    proxy: Callable[..., Any],
    quick: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = storescp()
    relay = proxy(peer.node.port, 4000)
    node = replace(peer.node, port=relay.port, limits=quick)

    monkeypatch.setitem(send_instances.__kwdefaults__, "pauses", (0.01,))

    def progress(done: int, total: int | None, text: str) -> None:
        if done == 2 and total == 6:  # of the sending
            relay.refuse()

    where: dict[str, Any] = {
        "folder": {"folder": tmp_path / "out"},
        "database": {"into_database": True},
        "nowhere": {},
    }[kept]
    report = write_results(
        database, offers(), target(database), node=node, progress=progress, **where
    )
    refused = {uid for uid, _, _ in report.rejected}
    assert refused
    assert report.sent + len(refused) == 6
    # What is told to be sent is there; some may be there that was not acknowledged.
    assert set(report.instance_uids) - refused <= set(peer.received)
    assert [len(report.files), report.imported] == [
        6 * (kept == "folder"),
        6 * (kept == "database"),
    ]
    assert all(Path(path).is_file() for path in report.files)
    words = {"folder": "in the folder", "database": "in the database", "nowhere": "kept nowhere"}
    assert words[kept] in report.summary()


def test_a_node_that_is_not_there(
    database: Database, tmp_path: Path, free_port_of: Callable[[], int], quick: Any
) -> None:
    nobody = Node("nobody", host="127.0.0.1", port=free_port_of(), limits=quick)
    with pytest.raises(NetworkError):
        write_results(database, offers(), target(database), node=nobody)
    kept = write_results(database, offers(), target(database), node=nobody, into_database=True)
    assert (kept.imported, kept.sent, len(kept.rejected)) == (6, 0, 6)
    assert "not sent" in kept.summary()
    assert len(database.instances()) == 7
