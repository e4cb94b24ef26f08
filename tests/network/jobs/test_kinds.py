"""What each kind of job does, with real peers, through pauses and kills."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb import Database
from napari_dicomdb.network import committing, getting, retrieve_watch
from napari_dicomdb.network.jobs import Job, JobQueue
from napari_dicomdb.network.jobs.kinds import error_text
from napari_dicomdb.network.jobs.run import Run
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.send_report import SendReport

HERE = Path(__file__).parent
PATIENCE = 60.0


@pytest.fixture
def database(tmp_path: Path, phantom_paths: list[Path]) -> Iterator[Database]:
    with Database.open(tmp_path / "db") as made:
        made.import_paths(phantom_paths, workers=0)
        yield made


@pytest.fixture
def queue(database: Database) -> Iterator[JobQueue]:
    with JobQueue(database, delays=(0.0, 0.0)) as made:
        yield made


def done(queue: JobQueue, job: Job) -> Job:
    queue.start()
    assert queue.wait(PATIENCE)
    return queue.job(job.id)


def free_node(name: str = "gone") -> Node:
    return Node(name, host="127.0.0.1", port=1, limits=Limits(connect_seconds=1))


# -- echo -------------------------------------------------------------------------------------


def test_echo(queue: JobQueue, storescp: Callable[..., Any]) -> None:
    add_node(storescp().node)
    add_node(free_node())
    good = done(queue, queue.add("echo", node="scp"))
    assert good.state == "done"
    assert good.report is not None
    assert good.report["ok"] is True
    assert queue.result(good.id).ok
    bad = done(queue, queue.add("echo", node="gone"))
    assert (bad.state, bad.reason, bad.attempts) == ("failed", "refused", 1)
    assert "nothing listens" in bad.error


def test_a_node_that_is_gone_from_the_list(queue: JobQueue) -> None:
    job = done(queue, queue.add("echo", node="nobody"))
    assert (job.state, job.reason) == ("failed", "no-node")


# -- find and retrieve ------------------------------------------------------------------------


@pytest.fixture
def filled(orthanc: Callable[..., Any], phantom_paths: list[Path]) -> Any:
    """An Orthanc with the phantom study."""
    peer = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    for path in phantom_paths:
        peer.ask("/instances", path.read_bytes())
    add_node(peer.node)
    return peer


def test_find_keeps_no_answer_and_no_key(queue: JobQueue, database: Database, filled: Any) -> None:
    (patient,) = database.patients()
    what = {"keys": {"PatientID": patient.patient_id}, "nodes": ["", "orthanc"]}
    job = done(queue, queue.add("find", what))
    assert job.state == "done", job
    assert job.report is not None
    assert {one["node"]: one["count"] for one in job.report["nodes"]} == {"": 1, "orthanc": 1}
    assert job.what["forgotten"] == ["keys"]
    assert patient.patient_id not in json.dumps(job.to_json())
    assert {match.node for match in queue.result(job.id).matches} == {"", "orthanc"}


def test_find_at_a_node_that_does_not_answer(queue: JobQueue) -> None:
    add_node(free_node())
    job = done(queue, queue.add("find", {"keys": {"PatientName": "DOE*"}}, node="gone"))
    assert (job.state, job.reason, job.attempts) == ("failed", "refused", 3)
    assert job.what["keys"] == {"PatientName": "DOE*"}  # it can be retried
    assert job.actions == {"retry"}
    assert "gone" in job.error


def test_retrieve(tmp_path: Path, database: Database, filled: Any) -> None:
    (study,) = database.studies()
    with Database.open(tmp_path / "other") as other, JobQueue(other, delays=()) as queue:
        what = {"wanted": [{"level": "study", "study_uid": study.uid}]}
        job = done(queue, queue.add("retrieve", what, node="orthanc"))
        assert (job.state, job.reason) == ("done", ""), job
        assert {i.uid for i in other.instances()} == {i.uid for i in database.instances()}
        assert job.report is not None
        assert job.report["received"] == len(database.instances())
        again = done(queue, queue.add("retrieve", what, node="orthanc"))
        assert again.report is not None
        assert (again.report["received"], again.report["already"]) == (0, job.report["received"])


def test_retrieve_goes_on_after_a_pause(
    tmp_path: Path, database: Database, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study,) = database.studies()
    total = len(database.instances())
    progress = Run.progress
    with Database.open(tmp_path / "other") as other, JobQueue(other, delays=()) as queue:
        what = {"wanted": [{"level": "study", "study_uid": study.uid}], "only_missing": False}

        def pausing(self: Run, done: int, total: int | None, text: str) -> None:
            if done >= 3:
                queue.pause(self.job.id)
            progress(self, done, total, text)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "progress", pausing)
            for module in (retrieve_watch, getting):  # ask after each object
                patch.setattr(module, "_TURN", 0.0)
            job = done(queue, queue.add("retrieve", what, node="orthanc"))
        assert job.state == "paused"
        before = len(other.instances())
        queue.resume(job.id)
        assert queue.wait(PATIENCE)
        job = queue.job(job.id)
        assert job.state == "done"
        assert job.report is not None
        assert job.report["received"] == total - before
        assert len(other.instances()) == total


# -- send -------------------------------------------------------------------------------------


def send_what(database: Database) -> dict[str, list[str]]:
    return {"studies": [study.uid for study in database.studies()]}


def test_send(
    queue: JobQueue,
    database: Database,
    storescp: Callable[..., Any],
    data_set_of: Callable[[Path], bytes],
) -> None:
    peer = storescp()
    add_node(peer.node)
    job = done(queue, queue.add("send", send_what(database), node="scp"))
    instances = database.instances()
    assert (job.state, job.done, job.total) == ("done", len(instances), len(instances)), job
    assert job.report is not None
    assert job.report["sent"] == len(instances)
    assert str(instances[0].path) not in json.dumps(job.to_json())
    received = peer.received
    assert received.keys() == {instance.uid for instance in instances}
    for instance in instances:
        assert data_set_of(received[instance.uid]) == data_set_of(instance.path)


def test_send_goes_on_after_a_pause(
    queue: JobQueue,
    database: Database,
    storescp: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = storescp()
    add_node(peer.node)
    acknowledge = Run.acknowledge

    def pausing(self: Run, uid: str) -> None:
        acknowledge(self, uid)
        queue.pause(self.job.id)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "acknowledge", pausing)
        job = done(queue, queue.add("send", send_what(database), node="scp"))
    assert (job.state, job.done) == ("paused", 1)
    assert len(peer.received) == 1
    queue.resume(job.id)
    assert queue.wait(PATIENCE)
    total = len(database.instances())
    assert queue.job(job.id).state == "done"
    assert len(queue.result(job.id).outcomes) == total - 1  # one was there already
    report = queue.job(job.id).report
    assert report is not None
    assert (report["instances"], report["sent"]) == (total, total)


def test_send_goes_on_after_a_kill(database: Database, storescp: Callable[..., Any]) -> None:
    peer = storescp()
    add_node(peer.node)
    with JobQueue(database) as queue:
        job = queue.add("send", send_what(database), node="scp")
    child = subprocess.Popen(
        [sys.executable, str(HERE / "sender.py"), str(database.path), "7"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "killable\n"
    child.kill()
    child.communicate()
    assert len(peer.received) == 7
    with JobQueue(database) as queue:
        ended = done(queue, job)
        total = len(database.instances())
        assert (ended.state, ended.done) == ("done", total)
        assert len(queue.result(job.id).outcomes) == total - 7
    assert len(peer.received) == total


def test_send_is_tried_again_when_the_node_is_there(
    queue: JobQueue, database: Database, storescp: Callable[..., Any], proxy: Callable[..., Any]
) -> None:
    peer = storescp()
    add_node(free_node("scp"))
    job = done(queue, queue.add("send", send_what(database), node="scp"))
    assert (job.state, job.reason, job.attempts) == ("failed", "refused", 3)
    add_node(replace(peer.node, name="scp"), replacing="scp")
    queue.retry(job.id)
    assert queue.wait(PATIENCE)
    assert queue.job(job.id).state == "done"
    assert len(peer.received) == len(database.instances())


def test_what_is_not_here_any_more_is_told(
    queue: JobQueue, database: Database, storescp: Callable[..., Any]
) -> None:
    add_node(storescp().node)
    series = [*database.series()[:1], *database.series()[:1]]
    what = {"series": [series[0].uid, "1.2.3.4"]}
    job = done(queue, queue.add("send", what, node="scp"))
    assert (job.state, job.reason, job.done) == ("failed", "not-found", series[0].instance_count)
    assert job.report is not None
    assert job.report["missing"] == ["1.2.3.4"]


# -- import and export ------------------------------------------------------------------------


def test_import(tmp_path: Path, phantom_paths: list[Path]) -> None:
    secret = tmp_path / "scans of Qxzvkw"
    secret.mkdir()
    for path in phantom_paths[:5]:
        (secret / path.name).write_bytes(path.read_bytes())
    (secret / "letter.txt").write_text("no DICOM")
    with Database.open(tmp_path / "other") as other, JobQueue(other, delays=()) as queue:
        job = done(queue, queue.add("import", {"paths": [secret], "copy": True}))
        assert job.state == "done"
        assert job.report is not None
        assert (job.report["added"], job.report["reasons"]) == (5, {"not-dicom": 1})
        assert "Qxzvkw" not in json.dumps(job.to_json())
        assert len(other.instances()) == 5
        assert b"Qxzvkw" not in b"".join(p.read_bytes() for p in other.path.glob("jobs*"))


def test_import_of_what_is_not_there(queue: JobQueue, tmp_path: Path) -> None:
    job = done(queue, queue.add("import", {"paths": [tmp_path / "Qxzvkw"]}))
    assert job.is_finished
    assert "Qxzvkw" not in job.error + job.text


def test_export(queue: JobQueue, database: Database, tmp_path: Path) -> None:
    series = database.series()[0]
    target = tmp_path / "out"
    job = done(queue, queue.add("export", {"series": [series.uid], "to": target}))
    assert (job.state, job.reason) == ("done", ""), job
    written = [path for path in target.rglob("*") if path.is_file()]
    assert {path.read_bytes() for path in written} == {
        instance.path.read_bytes() for instance in database.instances(series)
    }


def test_export_that_cannot_be_written(
    queue: JobQueue, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "Qxzvkw.zip").write_bytes(b"there")
    what = {"series": [database.series()[0].uid], "to": tmp_path / "Qxzvkw.zip", "archive": True}
    job = done(queue, queue.add("export", what))
    assert job.state == "failed"
    assert job.error
    assert "Qxzvkw" not in job.error
    assert (tmp_path / "Qxzvkw.zip").read_bytes() == b"there"


def test_errors_that_name_a_key_or_a_path_are_told_in_general() -> None:
    find = Job(1, "find", what={"keys": {"PatientName": "DOE*"}})
    assert error_text(find, "the node knows no DOE", "x") == "it failed for the reason 'x'"
    assert error_text(find, "no answer", "timeout") == "no answer"
    export = Job(1, "export", what={"to": "/out"})
    assert error_text(export, "/out: the disk is full", "disk-full") == "the disk is full"


def test_commitment_of_all_attempts(
    queue: JobQueue,
    database: Database,
    storescp: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = storescp()
    add_node(peer.node)
    asked: list[int] = []

    def commit(report: SendReport, instances: Any, node: Node, *, progress: Any) -> None:
        asked.append(len(report.outcomes))
        denied = len(asked) == 1
        report.outcomes = [
            replace(o, committed="failed" if denied and not n else "committed")
            for n, o in enumerate(report.outcomes)
        ]

    monkeypatch.setattr(committing, "commit_sent", commit)
    what = send_what(database) | {"commitment": True}
    job = done(queue, queue.add("send", what, node="scp"))
    total = len(database.instances())
    assert (job.state, job.reason) == ("failed", "not-committed")
    assert job.report is not None
    assert job.report["committed"] == {"failed": 1, "committed": total - 1}
    queue.retry(job.id)
    assert queue.wait(PATIENCE)
    assert asked == [total, total]
    again = queue.job(job.id)
    assert again.state == "done"
    assert again.report is not None
    assert again.report["committed"] == {"committed": total}
    # Only what the node did not keep was sent once more.
    assert queue.result(job.id).associations == 1
    assert [o.attempts for o in queue.result(job.id).outcomes].count(1) == 1


def test_a_node_without_commitment(
    queue: JobQueue, database: Database, storescp: Callable[..., Any]
) -> None:
    add_node(storescp().node)
    what = send_what(database) | {"commitment": True}
    job = done(queue, queue.add("send", what, node="scp"))
    assert job.state == "done"
    assert job.report is not None
    assert job.report["committed"] == {"not-offered": len(database.instances())}
