"""dicomdb scene: info, extract, save, view."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_dicomdb import Database
from napari_dicomdb.cli import scenes as module
from napari_dicomdb.cli.app import app
from napari_dicomdb.export.scene_archive import Scene, SceneLayer, read_scene, write_scene
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture
def home(tmp_path):
    write_phantom_study(tmp_path / "phantom", ("axial-ct",), matrix=16, slices=4)
    with Database.open(tmp_path / "db") as made:
        made.import_paths([tmp_path / "phantom"], workers=0)
    picture = np.arange(600, dtype=np.uint8).reshape(10, 20, 3)
    scene = Scene(
        [SceneLayer("image", "numbers", data=np.zeros((3, 4)))],
        picture=picture,
        name="board",
        measurements=[{"layer": "lines", "kind": "line", "length_mm": 5.0}],
        notes=["metadata 'x' is not kept"],
    )
    write_scene(scene, tmp_path / "x.dicomscene")
    return tmp_path


@pytest.fixture
def dicomdb(home):
    def run(*words):
        return CliRunner().invoke(app, ["scene", *map(str, words)])

    return run


def test_info(dicomdb, home):
    said = dicomdb("info", home / "x.dicomscene").stdout
    assert "board" in said
    assert "numbers  3 x 4" in said
    assert "lines: line length_mm 5.0" in said
    assert "not kept: metadata 'x'" in said
    told = json.loads(dicomdb("info", home / "x.dicomscene", "--json").stdout)
    assert told["layers"] == [
        {"name": "numbers", "type": "image", "shape": [3, 4], "by_reference": False, "series": []}
    ]


def test_save_into_the_database_and_get_it_out_again(dicomdb, home):
    with Database.open(home / "db") as database:
        (study,) = database.studies()
    there = ("--db", home / "db")
    done = dicomdb(
        "save", home / "x.dicomscene", "--study", study.uid, "--into-db", "--to", home / "out",
        "--description", "Tumour board", "--json", *there,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    (uid,), (file,) = report["series_uids"], report["files"]
    for source in (uid, report["instance_uids"][0], file):
        assert "board" in dicomdb("info", source, *there).stdout
    assert dicomdb("extract", uid, "--to", home / "y.dicomscene", *there).exit_code == 0
    assert (home / "y.dicomscene").read_bytes() == (home / "x.dicomscene").read_bytes()
    assert dicomdb("extract", uid, "--to", home / "y.png", *there).exit_code == 0
    picture = read_scene(home / "x.dicomscene").picture
    assert np.array_equal(np.asarray(Image.open(home / "y.png")), picture)
    with Database.open(home / "db") as database:
        assert [s.description for s in database.series(study=study.uid)].count("Tumour board") == 1
        (other,) = (s for s in database.series() if s.uid != uid)
    refused = dicomdb("info", other.uid, *there)
    assert refused.exit_code == 1
    assert "no scene" in str(refused.exception)


def test_wrong_usage(dicomdb, home):
    assert dicomdb("save", home / "x.dicomscene", "--study", "1.2").exit_code == 2
    assert dicomdb("extract", home / "x.dicomscene", "--to", home / "y.jpg").exit_code == 2
    for verb in ("info", "extract", "save", "view"):
        assert dicomdb(verb, "--help").exit_code == 0


def test_refusals(dicomdb, home):
    there = ("--db", home / "db")
    no_study = dicomdb("save", home / "x.dicomscene", "--study", "1.2", "--into-db", *there)
    assert "no study 1.2" in str(no_study.exception)
    assert "neither a file" in str(dicomdb("info", "1.2.3", *there).exception)
    (home / "bad.dicomscene").write_bytes(b"PK\3\4")
    assert "cannot be opened" in str(dicomdb("info", home / "bad.dicomscene").exception)


def test_an_existing_file_stays(dicomdb, home):
    (home / "y.png").write_bytes(b"mine")
    assert dicomdb("extract", home / "x.dicomscene", "--to", home / "y.png").exit_code != 0
    assert (home / "y.png").read_bytes() == b"mine"
    assert dicomdb("extract", home / "x.dicomscene", "--to", home / "y.png", "-f").exit_code == 0


def test_view(dicomdb, home, monkeypatch):
    opened = []
    monkeypatch.setattr(module, "view_scene", lambda path, db: opened.append((path, db)))
    assert dicomdb("view", home / "x.dicomscene", "--db", home / "db").exit_code == 0
    assert opened == [(home / "x.dicomscene", home / "db")]


def test_a_file_that_is_not_there(dicomdb, home):
    """It is no matter of a database."""
    done = dicomdb("info", home / "gone.dicomscene", "--db", home / "none")
    assert done.exit_code == 1
    assert "there is no file" in str(done.exception or done.output)
    assert "database" not in done.output
