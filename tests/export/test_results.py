"""All or nothing: what is in the folder and in the index after every kind of trouble."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from tests.export.sources import made_up

from napari_dicomdb import Database
from napari_dicomdb.database.writing import Writer
from napari_dicomdb.errors import (
    Cancelled,
    DatabaseBusyError,
    DatabaseError,
    ExportError,
    NetworkError,
    NotFoundError,
)
from napari_dicomdb.export import results
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import check_results, write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.staging import move_in
from napari_dicomdb.export.study import NewSeries, StudyForm, StudyTarget

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class Pictures:
    """Writes each slice as a secondary capture; `fail_at` stands for any trouble."""

    name = "pictures"
    version = "1"

    def __init__(self, fail_at: int | None = None, uid: str = "", study: str = "") -> None:
        self.fail_at, self.uid, self.study = fail_at, uid, study

    def examine(self, source):
        return [Exportable("pictures", "image", 1.0, (), ("colour",), (), (), source, self)]

    def write(self, exportable, target, folder, *, options, progress):
        series, paths = NewSeries("OT", exportable.source.name), []
        for k, plane in enumerate(exportable.source.numpy()):
            if k == self.fail_at:
                raise ExportError("trouble")
            progress(k, len(exportable.source.array), "Writing")
            made = target.dataset(SECONDARY_CAPTURE, series)
            made.ConversionType = "WSD"
            made.InstanceNumber = k + 1
            if self.uid:
                made.SOPInstanceUID = self.uid
            if self.study:
                made.StudyInstanceUID = self.study
            made.Rows, made.Columns = plane.shape
            made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
            made.BitsAllocated = made.BitsStored = 8
            made.HighBit, made.PixelRepresentation = 7, 0
            made.PixelData = plane.astype(np.uint8).tobytes()
            made.file_meta = pydicom.dataset.FileMetaDataset()
            made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            paths.append(folder / f"{k + 1:04d}.dcm")
            made.save_as(paths[-1], enforce_file_format=True)
        return paths


def exportable(slices: int = 3, name: str = "Result", **trouble) -> Exportable:
    source = ExportSource(name, np.ones((slices, 2, 2), np.uint8), ("slice", "row", "column"))
    return Pictures(**trouble).examine(source)[0]


@pytest.fixture
def database(reference_data: Path, tmp_path: Path):
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "rt_dvh" / "ct.0.dcm", workers=0)
        yield database


def target(database: Database) -> StudyTarget:
    return StudyTarget.of_study(database, database.series()[0].study_uid)


def leftovers(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()] if folder.exists() else []


def test_into_a_folder_and_the_database_at_once(database: Database, tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    report = write_results(
        database,
        [exportable(), exportable(1, name="One")],
        target(database),
        folder=out,
        into_database=True,
        progress=lambda done, total, text: told.append(done / total),
    )
    assert sorted(p.relative_to(out).as_posix() for p in leftovers(out)) == [
        "One.dcm",
        "Result/0001.dcm",
        "Result/0002.dcm",
        "Result/0003.dcm",
    ]
    assert report.files == [str(out / "Result" / f"000{k}.dcm") for k in (1, 2, 3)] + [
        str(out / "One.dcm")
    ]
    assert (report.imported, len(report.series_uids), report.losses) == (4, 2, ["colour"])
    assert told == sorted(told)
    assert told[-1] == 1
    found = [database.find_series(uid) for uid in report.series_uids]
    assert [(s.instance_count, s.storage) for s in found] == [(3, "copied"), (1, "copied")]
    assert {s.study_uid for s in found} == {report.study_uid} == {database.series()[0].study_uid}
    assert len({s.patient_key for s in database.series()}) == 1
    assert "added to the database" in report.summary()
    # Once more: nothing is written over.
    again = write_results(database, [exportable(1, name="One")], target(database), folder=out)
    assert again.files == [str(out / "One (2).dcm")]
    assert set(again.instance_uids).isdisjoint(report.instance_uids)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({"fail_at": 2}, "not-written"),
        ({"uid": "1.2.3.4"}, "uid-exists"),
        ({"study": "1.2.3.4"}, "bad-object"),
    ],
)
def test_nothing_is_left_of_what_fails(
    database: Database, tmp_path: Path, trouble: dict, reason: str
) -> None:
    before = [i.uid for i in database.instances()]
    with pytest.raises(ExportError) as error:
        write_results(
            database,
            [exportable(), exportable(**trouble)],
            target(database),
            folder=tmp_path / "out",
            into_database=True,
        )
    assert error.value.reason == reason
    assert leftovers(tmp_path / "out") == []
    assert [i.uid for i in database.instances()] == before


def test_a_uid_that_the_database_has_is_refused(database: Database, tmp_path: Path) -> None:
    one = exportable(1, uid=database.instances()[0].uid)
    with pytest.raises(ExportError, match="already") as error:
        write_results(database, [one], target(database), folder=tmp_path / "out")
    assert error.value.reason == "uid-exists"
    assert leftovers(tmp_path / "out") == []


def test_cancelled_in_the_middle(database: Database, tmp_path: Path) -> None:
    def stop(done, total, text):
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_results(
            database, [exportable()], target(database), folder=tmp_path / "out", progress=stop
        )
    assert leftovers(tmp_path / "out") == []


def test_a_study_that_was_removed_meanwhile(database: Database, tmp_path: Path) -> None:
    goal = target(database)
    database.remove(study=goal.study_uid)
    with pytest.raises(NotFoundError) as error:
        write_results(database, [exportable()], goal, into_database=True)
    assert error.value.reason == "study-gone"
    assert database.instances() == []
    # A form's study is none of the database before it is written.
    form = StudyForm(patient_id="7").target()
    assert write_results(database, [exportable()], form, into_database=True).imported == 3
    assert database.patients()[0].patient_id == "7"


def test_what_stands_against_it_is_said_before(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, goal = exportable(), target(database)
    (tmp_path / "file").write_text("")
    for words, arguments in {
        "nothing to write": {"exportables": [], "folder": tmp_path},
        "where to write": {},
        "is a file": {"folder": tmp_path / "file"},
    }.items():
        with pytest.raises(ExportError, match=words):
            write_results(database, arguments.pop("exportables", [one]), goal, **arguments)
    with Database.open(tmp_path / "db", read_only=True) as reading:
        with pytest.raises(ExportError) as error:
            check_results(reading, [one], goal, into_database=True)
        assert error.value.reason == "read-only"
    with pytest.raises(ExportError, match="no database"):
        check_results(None, [one], goal, into_database=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=5))
    with pytest.raises(ExportError) as error:
        write_results(database, [one], goal, folder=tmp_path / "out")
    assert error.value.reason == "disk-full"
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(ExportError, match="may not be written"):
        write_results(database, [one], goal, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_the_database_does_not_take_is_taken_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Writer.end

    def full(self):
        end(self)  # the copies have their final names by now
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Writer, "end", full)
    with pytest.raises(DatabaseError, match="the disk is full") as error:
        write_results(
            database, [exportable()], target(database), folder=tmp_path / "out", into_database=True
        )
    assert error.value.reason == "disk-full"
    assert not (tmp_path / "out").exists()
    assert len(database.instances()) == 1
    assert leftovers(tmp_path / "db" / "files") == []
    assert not (tmp_path / "db" / "received").exists()


def test_what_a_study_says_is_not_changed_by_an_exporter(database: Database) -> None:
    goal = target(database)
    one = goal.dataset(SECONDARY_CAPTURE, NewSeries("OT"))
    one.StudyInstanceUID, one.PatientName = "1.2.3.4", "Other"
    other = goal.dataset(SECONDARY_CAPTURE, NewSeries("OT"))
    assert goal.study_uid == other.StudyInstanceUID == database.series()[0].study_uid
    assert other.PatientName != "Other"


def test_series_written_together_have_numbers_of_their_own(
    database: Database, tmp_path: Path
) -> None:
    sources = [made_up(np.full((1, 4, 4), k, np.int16)) for k in range(3)]
    offers = [examine_for_export(source)[0] for source in sources]
    report = write_results(database, offers, target(database), into_database=True)
    numbers = [database.find_series(uid).number for uid in report.series_uids]
    assert len(set(numbers)) == 3
    assert database.series()[0].number not in numbers


def test_shown_at_once_with_a_picture(database: Database, tmp_path: Path) -> None:
    report = write_results(database, [exportable()], target(database), into_database=True)
    with sqlite3.connect(tmp_path / "db" / "dicomdb.sqlite") as index:
        (name,) = index.execute(
            "SELECT thumbnail.name FROM thumbnail JOIN series ON series.id = series"
            " WHERE uid = ?", report.series_uids
        ).fetchone()  # fmt: skip
        paths = index.execute(
            "SELECT path, name, file.storage, source FROM file JOIN directory"
            " ON directory.id = directory JOIN instance ON instance.file = file.id"
            " JOIN series ON series.id = instance.series WHERE series.uid = ?", report.series_uids
        ).fetchall()  # fmt: skip
    index.close()
    assert (tmp_path / "db" / "thumbnails" / name).read_bytes()[:4] == b"\x89PNG"
    assert {(storage, source) for _, _, storage, source in paths} == {("copied", None)}
    assert all((tmp_path / "db" / folder / name).is_file() for folder, name, _, _ in paths)


def test_a_series_that_exists_is_not_added_to(database: Database, tmp_path: Path) -> None:
    class Rude(Pictures):
        def write(self, *arguments, **how):
            paths = super().write(*arguments, **how)
            for path in paths:
                one = pydicom.dcmread(path)
                one.SeriesInstanceUID = taken
                one.save_as(path)
            return paths

    taken = database.series()[0].uid
    one = replace(exportable(), exporter=Rude())
    with pytest.raises(ExportError, match="a series") as error:
        write_results(database, [one], target(database), into_database=True)
    assert error.value.reason == "uid-exists"
    assert len(database.instances()) == 1


def test_a_study_that_is_removed_while_it_is_written(database: Database, tmp_path: Path) -> None:
    goal = target(database)

    def remove(done, total, text):
        if text.startswith("Checking"):
            database.remove(study=goal.study_uid)

    with pytest.raises(NotFoundError) as error:
        write_results(
            database,
            [exportable()],
            goal,
            folder=tmp_path / "out",
            into_database=True,
            progress=remove,
        )
    assert error.value.reason == "study-gone"
    assert database.instances() == []
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "db" / "received").exists()


def test_a_database_that_another_process_writes(database: Database, tmp_path: Path) -> None:
    said: list[str] = []
    lock = sqlite3.connect(tmp_path / "db" / "writer.lock", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    database.wait_for_writer = 0.2
    goal = target(database)
    with pytest.raises(DatabaseBusyError):
        write_results(
            database, [exportable()], goal, folder=tmp_path / "out", into_database=True,
            progress=lambda done, total, text: said.append(text),
        )  # fmt: skip
    lock.close()
    assert said[-1].startswith("Waiting for")
    assert not (tmp_path / "out").exists()
    assert write_results(database, [exportable()], goal, into_database=True).imported == 3


def test_places_that_nothing_can_be_written_to(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one, goal = exportable(), target(database)
    for place, reason in (
        (tmp_path / ("x" * 300), "name-too-long"),
        (tmp_path / "/".join(["x" * 200] * 30), "name-too-long"),
        (tmp_path / "a\0b", "bad-name"),
        (tmp_path / "file", "file-exists"),
        (tmp_path / "file" / "below", "no-folder"),
    ):
        with pytest.raises(ExportError) as error:
            write_results(database, [one], goal, folder=place)
        assert error.value.reason == reason, place
    assert sorted(p.name for p in tmp_path.iterdir()) == ["db", "file"]


def test_a_folder_that_is_removed_meanwhile(database: Database, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    def remove(done, total, text):
        if done:
            shutil.rmtree(tmp_path / "out", ignore_errors=True)

    with pytest.raises(ExportError):
        write_results(
            database,
            [exportable()],
            target(database),
            folder=tmp_path / "out",
            into_database=True,
            progress=remove,
        )
    assert not (tmp_path / "out").exists()
    assert len(database.instances()) == 1


def test_sent_without_a_trace_in_the_database(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def send(self, records, node, *, progress):
        assert all(record.path.is_file() for record in records)
        sent.extend(record.uid for record in records)
        states = ["sent", "warning", "refused"]
        return SimpleNamespace(
            outcomes=[
                SimpleNamespace(uid=r.uid, state=s, reason="no-context", text="not taken")
                for r, s in zip(records, states, strict=True)
            ]
        )

    monkeypatch.setattr(Database, "send", send)
    report = write_results(database, [exportable()], target(database), node="PACS")
    assert sorted(sent) == sorted(report.instance_uids)
    assert (report.sent, report.rejected) == (2, [(sent[2], "no-context", "not taken")])
    assert len(database.instances()) == 1

    def unreachable(self, records, node, *, progress):
        raise NetworkError("nobody there")

    monkeypatch.setattr(Database, "send", unreachable)
    with pytest.raises(NetworkError):
        write_results(database, [exportable()], target(database), node="PACS")
    kept = write_results(
        database, [exportable()], target(database), node="PACS", into_database=True
    )
    assert (kept.imported, kept.sent, len(kept.rejected)) == (3, 0, 3)
    assert kept.rejected[0][1] == "network"
    assert replace(kept).to_json()["imported"] == 3


def test_two_who_write_the_same_name_at_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, moves = tmp_path / "out", []

    def overtaken(new: Path, final: Path) -> None:
        moves.append(final.name)
        if len(moves) == 1:  # the other one comes between the look and the rename
            final.mkdir()
            (final / "theirs.dcm").write_text("theirs")
            os.rename(new, final)
        move_in(new, final)

    monkeypatch.setattr(results, "move_in", overtaken)
    report = write_results(database, [exportable()], target(database), folder=out)
    assert moves == ["Result", "Result (2)"]
    assert {Path(file).parent.name for file in report.files} == {"Result (2)"}
    assert [p.name for p in (out / "Result").iterdir()] == ["theirs.dcm"]


def test_removed_before_it_was_sent(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(home: Database, report) -> None:
        home.remove(series=report.series_uids[0])

    monkeypatch.setattr(results, "_picture", remove)
    report = write_results(
        database, [exportable()], target(database), into_database=True, node="PACS"
    )
    assert (report.imported, report.sent) == (3, 0)
    assert [reason for _, reason, _ in report.rejected] == ["removed"] * 3
