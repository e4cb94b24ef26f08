"""Looking up pseudonyms, and presets of devices."""

from __future__ import annotations

import sys

import pydicom
import pytest
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node


@pytest.fixture
def image(tmp_path):
    return write_ultrasound(tmp_path / "us.dcm", Manufacturer="ACME", BurnedInAnnotation="NO")


@pytest.mark.parametrize("encrypt", [False, True])
def test_a_pseudonym_is_looked_up(dicomdb, tmp_path, image, monkeypatch, encrypt):
    monkeypatch.setenv("DICOMDB_PASSPHRASE", "correct horse")
    file = tmp_path / "map"
    words = ["deidentify", image, "--to", tmp_path / "out", "--mapping", file]
    done = dicomdb(*words, *(["--encrypt"] if encrypt else []))
    assert done.code == 0, done.err
    (copy,) = (pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm"))
    assert (b"4711" in file.read_bytes()) is not encrypt
    found = dicomdb("mapping", file, copy.PatientID, copy.SOPInstanceUID, "--json").json
    assert found == [
        {"kind": "patient", "original": "4711", "new": copy.PatientID},
        {"kind": "uid", "original": "1.2.3.6.1", "new": copy.SOPInstanceUID},
    ]
    everybody = dicomdb("mapping", file)
    assert "4711" in everybody.out
    assert copy.PatientID in everybody.out
    nobody = dicomdb("mapping", file, "nobody")
    assert nobody.code == 1
    monkeypatch.setenv("DICOMDB_PASSPHRASE", "another one")
    assert dicomdb("mapping", file).code == int(encrypt)


@pytest.mark.parametrize("verb", ["export", "send"])
def test_mappings_of_what_is_exported_and_sent(dicomdb, tmp_path, image, monkeypatch, verb):
    """`send` needs no node to answer: the mapping is there before anything leaves."""
    add_node(Node("peer", host="127.0.0.1", port=9, called_aet="X"))
    monkeypatch.setenv("DICOMDB_PASSPHRASE", "correct horse")
    file, out = tmp_path / "map", tmp_path / "out"
    how = ["--to", out] if verb == "export" else []
    what = [verb, *(["peer"] if verb == "send" else []), image, *how]
    alone = dicomdb(*what, "--mapping", file)
    assert (alone.code, "--deidentify" in alone.err) == (2, True)
    assert dicomdb(*what, "--deidentify", "--encrypt").code == 2
    done = dicomdb(*what, "--deidentify", "--mapping", file, "--encrypt")
    assert done.code == int(verb == "send"), done.err
    assert b"4711" not in file.read_bytes()
    assert sys.platform == "win32" or file.stat().st_mode & 0o077 == 0
    (found,) = dicomdb("mapping", file, "1.2.3.6.1", "--json").json
    assert found["original"] == "1.2.3.6.1"
    if verb == "export":
        (copy,) = (pydicom.dcmread(p) for p in out.rglob("*.dcm"))
        assert found["new"] == copy.SOPInstanceUID
        inside = dicomdb(*what[:2], "--to", tmp_path / "b", "--deidentify",
                         "--mapping", tmp_path / "b" / "m")  # fmt: skip
        assert "[mapping-inside]" in inside.err
    else:
        assert dicomdb(*what, "--deidentify", "--queue", "--mapping", file).code == 2


def test_what_is_no_mapping(dicomdb, image, tmp_path):
    for path in (image, tmp_path / "absent"):
        refused = dicomdb("mapping", path)
        assert refused.code == 1
        assert "[bad-mapping]" in refused.err
    words = ["deidentify", image, "--to", tmp_path / "out", "--encrypt"]
    assert dicomdb(*words).code == 2


def test_presets(dicomdb, image, tmp_path):
    added = dicomdb("blackout-presets", "add", "Echo", image, "--blackout", "0,0,30,4", "--json")
    assert added.code == 0, added.err
    assert added.json["manufacturer"] == "ACME"
    assert dicomdb("blackout-presets", "ls", "--json").json == [added.json]
    assert "ACME" in dicomdb("blackout-presets", "ls").out
    done = dicomdb("deidentify", image, "--to", tmp_path / "out", "--presets", "--json")
    assert done.json["blackened"] == 1
    (copy,) = (pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm"))
    assert not copy.pixel_array[:4].any()
    assert copy.pixel_array[4:].all()
    assert dicomdb("blackout-presets", "add", "x", image, "--blackout", "1").code == 2
    assert dicomdb("blackout-presets", "remove", "Echo").code == 0
    assert dicomdb("blackout-presets", "remove", "Echo").code == 1
    assert dicomdb("blackout-presets", "ls", "--json").json == []
