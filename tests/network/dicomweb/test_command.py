"""`dicomdb` with a DICOMweb node: add, test, send, and open without importing."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import nibabel
import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.cli.app import run


@pytest.fixture
def dicomdb(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DICOMDB_DATABASE", str(tmp_path / "database"))

    def call(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            run([str(word) for word in words])
        said = capsys.readouterr()
        return SimpleNamespace(code=stopped.value.code or 0, out=said.out, err=said.err)

    return call


def test_from_adding_a_node_to_a_volume(web, dicomdb, phantom_paths, tmp_path) -> None:
    dataset = pydicom.dcmread(phantom_paths[0], stop_before_pixels=True)
    assert dicomdb("nodes", "add", "web", "--url", web.node.url).code == 0
    tested = dicomdb("nodes", "test", "web")
    assert tested.code == 0
    assert "search (QIDO-RS)" in tested.out
    assert json.loads(dicomdb("echo", "web", "--json").out)[0]["ok"]
    sent = dicomdb("send", "web", phantom_paths[0].parent, "--json")
    assert sent.code == 0
    assert json.loads(sent.out)["stored"] == 10 or '"sent": 10' in sent.out
    series = dataset.SeriesInstanceUID
    examined = json.loads(dicomdb("examine", "--node", "web", series, "--json").out)
    assert examined["loadables"][0]["shape"] == [10, 64, 64]
    target = tmp_path / "remote.nii.gz"
    done = dicomdb("convert", "--node", "web", series, "--to", target)
    assert done.code == 0, done.err
    with Database.in_memory() as database:
        database.import_paths([phantom_paths[0].parent], workers=0)
        local = tmp_path / "local.nii.gz"
        database.load(series).to_nifti(local)
    ours, theirs = nibabel.load(local), nibabel.load(target)
    np.testing.assert_array_equal(theirs.get_fdata(), ours.get_fdata())
    np.testing.assert_array_equal(theirs.affine, ours.affine)
    loaded = json.loads(dicomdb("load", "--node", "web", series, "--json").out)
    assert loaded["loaded"][0]["shape"] == [10, 64, 64]


def test_a_login_by_the_command(start_web, dicomdb, memory_keyring) -> None:
    web = start_web(AuthenticationEnabled=True, RegisteredUsers={"jo": "pw"})
    add = ("nodes", "add", "web", "--url", web.node.url)
    assert dicomdb(*add, "--user", "jo", typed="pw\n").code == 0
    assert dicomdb("nodes", "test", "web").code == 0
    assert dicomdb(*add, "--replace", "--no-login").code == 0
    refused = dicomdb("nodes", "test", "web")
    assert refused.code == 1
    assert "wants a login" in refused.err
    assert dicomdb(*add, "--token", "--replace", typed="t0k\n").code == 0
    assert dicomdb("nodes", "test", "web").code == 1
    assert "t0k" not in dicomdb("nodes", "ls", "--json").out


def test_what_is_not_there(web, dicomdb) -> None:
    dicomdb("nodes", "add", "web", "--url", web.node.url)
    missing = dicomdb("load", "--node", "web", "1.2.3.4")
    assert missing.code == 1
    assert "no series 1.2.3.4" in missing.err
    assert dicomdb("load", "--node", "nobody", "1.2.3.4").code == 1
    assert dicomdb("view", "--node", "web").code == 2
