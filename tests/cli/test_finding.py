"""Asking by command: dcmqrscp, and the local database."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pydicom
import pytest
from tests.servers import free_port, running

FILES = ("chrFren", "chrGerm", "chrGreek", "chrRuss")


@pytest.fixture
def pacs(tmp_path, program, dicomdb, reference_data):
    """The node "pacs", a running dcmqrscp with a few names; returns its files' headers."""
    store = tmp_path / "STORE"
    store.mkdir()
    for name in FILES:
        raw = (reference_data / "charset" / f"{name}.dcm").read_bytes()
        (store / f"{name}.dcm").write_bytes(raw)
    port = free_port()
    settings = tmp_path / "dcmqrscp.cfg"
    settings.write_text(
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nSTORE {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    files = sorted(map(str, store.iterdir()))
    subprocess.run([program("dcmqridx"), str(store), *files], check=True)
    with running([program("dcmqrscp"), "-c", str(settings), str(port)], [port], tmp_path):
        dicomdb("nodes", "add", "pacs", "--host", "127.0.0.1", "--port", port, "--aet", "STORE")
        yield [pydicom.dcmread(path) for path in files]


def test_table_and_json(dicomdb, pacs):
    done = dicomdb("find", "pacs")
    assert (done.code, done.err) == (0, "")
    for head in pacs:
        assert head.StudyInstanceUID in done.out
    assert "Rüdiger, Äneas" in done.out or "Äneas, Rüdiger" in done.out
    assert f"{len(pacs)} studies" in done.out
    found = dicomdb("find", "pacs", "PatientID=SCSFREN", "PatientID=SCSGERM", "--json").json
    assert {m["patient_id"] for m in found["matches"]} == {"SCSFREN", "SCSGERM"}
    assert {m["held"] for m in found["matches"]} == {"none"}
    assert found["nodes"][0] == {
        "node": "pacs", "state": "done", "count": 2, "cut": False, "reason": "", "text": "",
    }  # fmt: skip
    assert found["query"]["keys"] == {"PatientID": "SCSFREN\\SCSGERM"}


@pytest.mark.parametrize("level", ["patient", "series", "instance"])
def test_levels(dicomdb, pacs, level):
    keyword = {
        "patient": "PatientID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID",
    }[level]  # fmt: skip
    done = dicomdb("find", "pacs", "--level", level, "--return", "PatientName")
    assert done.code == 0
    for head in pacs:
        assert head[keyword].value in done.out


def test_what_is_here(dicomdb, pacs, reference_data):
    (head,) = [h for h in pacs if h.PatientID == "SCSFREN"]
    assert dicomdb("find", "--here").code == 1  # there is no database yet
    dicomdb("import", reference_data / "charset" / "chrFren.dcm")
    found = dicomdb("find", "--all-nodes", "--here", "--level", "instance", "--json").json
    held = {(m["node"], m["instance_uid"]): m["held"] for m in found["matches"]}
    assert held.pop(("", head.SOPInstanceUID)) == "all"
    assert held.pop(("pacs", head.SOPInstanceUID)) == "all"
    assert set(held.values()) == {"none"}
    done = dicomdb("find", "--here", "PatientName=buc*")
    assert "1 study, 1 of them here" in done.out


def test_messages_and_codes(dicomdb, pacs):
    done = dicomdb("find", "pacs", "--limit", 2)
    assert done.code == 0
    assert "there are more" in done.err
    assert "[limit]" in done.err
    for words in (["find"], ["find", "PatientID=1"], ["find", "pacs", "--all-nodes"]):
        assert dicomdb(*words).code == 2
    assert dicomdb("find", "nobody").code == 1
    done = dicomdb("find", "pacs", "Modality=CT")
    assert done.code == 2
    assert "ModalitiesInStudy" in done.err
    dicomdb("nodes", "add", "gone", "--host", "127.0.0.1", "--port", 1)
    done = dicomdb("find", "--all-nodes", "--json")
    assert done.code == 1
    assert "gone: nothing listens" in done.err
    assert len(done.json["matches"]) == len(pacs)


def test_no_node_is_kept(dicomdb, tmp_path: Path):
    done = dicomdb("find", "--all-nodes")
    assert done.code == 1
    assert "nodes add" in done.err


def test_order_of_tables(dicomdb, phantom):
    dicomdb("import", phantom)
    lines = dicomdb("find", "--here", "--level", "instance").out.splitlines()
    numbers = [int(line.split()[0]) for line in lines[1:-1] if line.strip()]
    instances = dicomdb("ls", "instances", "--json").json
    assert sorted(numbers) == sorted(i["number"] for i in instances)
    runs = sum(b < a for a, b in itertools.pairwise(numbers)) + 1
    assert runs <= len({i["series_uid"] for i in instances})
