"""Retrieving by command, from a real dcmqrscp."""

from __future__ import annotations

import os
import signal
import subprocess

import pydicom
import pytest
from tests.servers import free_port, running

from napari_dicomdb.network import retrieve_watch
from napari_dicomdb.network.retrieve_watch import Watch


@pytest.fixture
def files(phantom):
    """Files of one series of the phantom."""
    series = sorted(p for p in phantom.iterdir() if p.is_dir())[0]
    return sorted(p for p in series.rglob("*") if p.is_file())


@pytest.fixture
def server(tmp_path, program, dicomdb, files):
    """A running dcmqrscp with these files, which is the node "pacs"."""
    store = tmp_path / "STORE"
    store.mkdir()
    for number, path in enumerate(files):
        (store / f"{number}.dcm").write_bytes(path.read_bytes())
    settings = tmp_path / "dcmqrscp.cfg"
    settings.write_text(
        "MaxPDUSize = 65536\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\nAETable BEGIN\n"
        f"STORE {store} RW (200, 512mb) ANY\nAETable END\n"
    )
    subprocess.run([program("dcmqridx"), str(store), *map(str, store.iterdir())], check=True)
    port = free_port()
    with running([program("dcmqrscp"), "-c", str(settings), str(port)], [port], tmp_path):
        dicomdb("nodes", "add", "pacs", "--host", "127.0.0.1", "--port", port, "--aet", "STORE")
        yield port


def test_by_keys_and_by_query(dicomdb, server, files):
    ds = pydicom.dcmread(files[0])
    done = dicomdb(
        "get",
        "pacs",
        f"StudyInstanceUID={ds.StudyInstanceUID}",
        f"SeriesInstanceUID={ds.SeriesInstanceUID}",
        f"SOPInstanceUID={ds.SOPInstanceUID}",
    )
    assert (done.code, done.err) == (0, "")
    assert "1 instance retrieved from pacs" in done.out
    done = dicomdb("get", "pacs", f"PatientName={str(ds.PatientName)[:3]}*", "--json")
    assert done.code == 0
    assert (done.json["received"], done.json["already"]) == (len(files) - 1, 1)
    assert len(dicomdb("ls", "instances", "--json").json) == len(files)
    done = dicomdb("get", "pacs", f"PatientID={ds.PatientID}", "--all", "--json")
    assert (done.json["received"], done.json["already"]) == (len(files), 0)
    done = dicomdb("get", "pacs", f"PatientID={ds.PatientID}", "--level", "series", "--json")
    assert (done.json["received"], done.json["already"]) == (0, len(files))


def test_into_a_folder(dicomdb, server, files, tmp_path):
    target = tmp_path / "out"
    study = pydicom.dcmread(files[0]).StudyInstanceUID
    done = dicomdb("get", "pacs", f"StudyInstanceUID={study}", "--to", target)
    assert (done.code, done.err) == (0, "")
    written = {pydicom.dcmread(p).SOPInstanceUID: p for p in target.rglob("*") if p.is_file()}
    assert len(written) == len(files)
    for path in files:
        ds = pydicom.dcmread(path)
        assert pydicom.dcmread(written[ds.SOPInstanceUID]) == ds
    assert not list(target.glob(".*"))


def test_what_goes_wrong(dicomdb, server, files, tmp_path):
    done = dicomdb("get", "pacs", "StudyInstanceUID=1.2.3", "--json")
    assert done.code == 1
    assert done.json["failed"][0]["reason"] == "not-found"
    assert "[not-found]" in done.err
    assert dicomdb("get", "pacs", "PatientName=Nobody*").code == 1
    assert dicomdb("get", "pacs").code == 2
    assert dicomdb("get", "pacs", "nonsense").code == 2
    assert dicomdb("get", "pacs", "StudyInstanceUID=").code == 2
    assert dicomdb("get", "pacs", "NoSuchKeyword=1").code == 2
    assert dicomdb("get", "nobody", "StudyInstanceUID=1.2.3").code == 1
    done = dicomdb("get", "pacs", "StudyInstanceUID=1.2.3", "--to", tmp_path, "--all")
    assert done.code == 2


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one's own process")
@pytest.mark.parametrize("into", ["database", "folder"])
def test_ctrl_c_says_what_has_come(dicomdb, server, files, monkeypatch, tmp_path, into):
    first = []

    def keep(watch, uid, *args, **more):
        kept(watch, uid, *args, **more)
        if not first:
            first.append(uid)
            os.kill(os.getpid(), signal.SIGINT)
            watch.tell()

    kept = Watch.keep
    monkeypatch.setattr(Watch, "keep", keep)
    monkeypatch.setattr(retrieve_watch, "_TURN", 0.0)  # asks whether to go on each time
    study = f"StudyInstanceUID={pydicom.dcmread(files[0]).StudyInstanceUID}"
    words = ["get", "pacs", study, *(["--to", tmp_path / "out"] if into == "folder" else [])]
    before = signal.getsignal(signal.SIGINT)
    done = dicomdb(*words, "--json")
    assert signal.getsignal(signal.SIGINT) is before
    assert done.code == 130
    assert done.json["cancelled"]
    came = done.json["received"]
    assert 1 <= came < len(files)
    assert first[0] in done.json["received_uids"]
    assert "goes on with the rest [cancelled]" in done.err
    assert "Traceback" not in done.err
    monkeypatch.setattr(Watch, "keep", kept)
    again = dicomdb(*words, "--json")
    assert (again.code, again.json["already"]) == (0, came)
    if into == "folder":
        written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
        assert len(written) == len(files)


def test_as_a_job(dicomdb, server, files):
    study = pydicom.dcmread(files[0]).StudyInstanceUID
    job = dicomdb("get", "pacs", f"StudyInstanceUID={study}", "--queue", "--json").json
    assert (job["kind"], job["node"], job["state"]) == ("retrieve", "pacs", "waiting")
