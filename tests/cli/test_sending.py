"""Sending by command, to a real storescp."""

from __future__ import annotations

import csv

import pydicom
import pytest
from tests.servers import free_port, running


@pytest.fixture
def received(tmp_path, program, dicomdb):
    """Folder that a running storescp, the node "peer", writes to."""
    port = free_port()
    folder = tmp_path / "received"
    folder.mkdir()
    with running([program("storescp"), "-od", str(folder), str(port)], [port], tmp_path):
        dicomdb("nodes", "add", "peer", "--host", "127.0.0.1", "--port", port)
        yield folder


def test_paths(dicomdb, received, phantom, tmp_path):
    assert dicomdb("echo", "peer").code == 0
    series = sorted(p for p in phantom.iterdir() if p.is_dir())[0]
    files = [p for p in series.rglob("*") if p.is_file()]
    table = tmp_path / "sent.csv"
    done = dicomdb("send", "peer", series, "--outcomes", table)
    assert (done.code, done.err) == (0, "")
    assert f"{len(files)} of {len(files)} instances sent to peer" in done.out
    assert len(list(received.iterdir())) == len(files)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["state"] for row in rows] == ["sent"] * len(files)


def test_what_the_database_holds(dicomdb, received, phantom):
    assert dicomdb("import", phantom).code == 0
    uid = dicomdb("ls", "series", "--json").json[0]["uid"]
    report = dicomdb("send", "peer", uid, "--json").json
    assert report["stored"] == len(report["outcomes"]) == len(list(received.iterdir()))
    assert report["rejected"] == []
    assert dicomdb("send", "peer", "1.2.3.4").code == 1
    assert dicomdb("send", "peer").code == 2
    assert dicomdb("send", "nobody", uid).code == 1


def test_file_that_is_gone_makes_exit_code_1(dicomdb, received, phantom, tmp_path):
    import shutil

    folder = tmp_path / "own"
    series = sorted(p for p in phantom.iterdir() if p.is_dir())[0]
    shutil.copytree(series, folder)
    dicomdb("import", folder)
    uid = dicomdb("ls", "series", "--json").json[0]["uid"]
    next(p for p in folder.rglob("*") if p.is_file()).unlink()
    done = dicomdb("send", "peer", uid)
    assert done.code == 1
    assert "[missing]" in done.err


def test_anonymised_copies(dicomdb, received, phantom):
    dicomdb("import", phantom)
    series = dicomdb("ls", "series", "--json").json[0]
    done = dicomdb("send", "peer", series["uid"], "--deidentify", "--shift-dates", "--json")
    assert done.code == 0, done.err
    files = list(received.iterdir())
    assert len(files) == done.json["stored"] == series["instance_count"]
    for file in files:
        copy = pydicom.dcmread(file)
        assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
        assert copy.SeriesInstanceUID != series["uid"]
    assert dicomdb("send", "peer", series["uid"], "--project", "x").code == 2
    queued = dicomdb("send", "peer", series["uid"], "--deidentify", "--queue")
    assert queued.code == 0, queued.err
    (job,) = dicomdb("jobs", "--json").json
    assert job["what"]["deidentify"] == {}
