"""Archives of scenes: what is written is read, and hostile ones do nothing."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from napari_dicomdb.errors import Cancelled, ExportError, LoadError
from napari_dicomdb.export import scene_archive
from napari_dicomdb.export.scene_archive import (
    Scene,
    SceneLayer,
    read_manifest,
    read_scene,
    write_scene,
)


def _scene():
    rng = np.random.default_rng(0)
    volume = rng.integers(-1000, 3000, (40, 260, 512), dtype=np.int16)  # more than a chunk
    return Scene(
        layers=[
            SceneLayer("image", "CT", {"scale": (2.5, 1, 1), "gamma": 0.5}, {}, volume),
            SceneLayer("image", "pyramid", {}, {}, [volume[0], volume[0, ::2, ::2]]),
            SceneLayer("labels", "Größe", {"features": {"index": np.arange(3)}}, {"contour": 2},
                       np.zeros((3, 4), bool)),
            SceneLayer("shapes", "", {}, {}, [np.eye(2), np.ones((100, 2), np.float32)]),
            SceneLayer("surface", "s", {}, {}, (np.ones((3, 3)), np.array([[0, 1, 2]]))),
            SceneLayer("points", "none", {}, {}, np.empty((0, 3))),
            SceneLayer("image", "there", {}, {}, None, {"loader": "x", "series": []}),
        ],
        viewer={"camera": {"zoom": 2.0, "center": (0.0, 1.0, float("nan"))}},
        picture=rng.integers(0, 255, (30, 40, 3), dtype=np.uint8),
        name="morning",
        measurements=[{"layer": "", "length_mm": 5.0}],
    )  # fmt: skip


def _same(one, other):
    if isinstance(one, (list, tuple)):
        assert type(one) is type(other)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            _same(a, b)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        _same(list(one.values()), list(other.values()))
    else:
        assert one == other or one != one


def test_what_is_written_is_read(tmp_path):
    scene = _scene()
    path = write_scene(scene, tmp_path / "x.dicomscene")
    read = read_scene(path)
    for name in ("layers", "viewer", "picture", "name", "measurements", "notes"):
        one, other = getattr(scene, name), getattr(read, name)
        if name == "layers":
            slots = SceneLayer.__slots__
            one = [[getattr(x, s) for s in slots] for x in one]
            other = [[getattr(x, s) for s in slots] for x in other]
        _same(one, other)
    assert [p.name for p in tmp_path.iterdir()] == ["x.dicomscene"]
    assert read_manifest(path)["version"] == 1


def test_chunks_are_plain_numbers(tmp_path):
    """As docs/scenes.md says, without a line of ours."""
    scene = _scene()
    with zipfile.ZipFile(write_scene(scene, tmp_path / "x")) as archive:
        entry = json.loads(archive.read("manifest.json"))["layers"][0]["data"]["$array"]
        rows, place = entry["rows"], entry["place"]
        raw = b"".join(archive.read(f"{place}/{k}") for k in range(-(-40 // rows)))
    assert rows < 40
    assert np.array_equal(np.frombuffer(raw, entry["dtype"]).reshape(40, 260, 512),
                          scene.layers[0].data)  # fmt: skip


def test_a_stopped_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.dicomscene"
    path.write_bytes(b"before")

    def stop(done, total, text):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_scene(_scene(), path, progress=stop)
    assert path.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_such_folder(tmp_path):
    with pytest.raises(ExportError, match="cannot be written"):
        write_scene(_scene(), tmp_path / "no" / "x")


def test_what_cannot_be_kept_is_told(tmp_path):
    scene = Scene([SceneLayer("image", "a", {"metadata": {"f": print}}, {}, np.zeros(2))])
    (note,) = read_scene(write_scene(scene, tmp_path / "x")).notes
    assert note.startswith("metadata of layer 'a' is not kept")


def _changed(tmp_path, change):
    """An archive whose manifest, or other members, somebody has changed."""
    path = write_scene(_scene(), tmp_path / "good")
    made = tmp_path / "bad"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(made, "w") as other:
        members = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(members["manifest.json"])
        change(manifest, members)
        if isinstance(members["manifest.json"], bytes):
            members["manifest.json"] = json.dumps(manifest)
        for name, raw in members.items():
            other.writestr(name, raw)
    return made


def _array(manifest):
    return manifest["layers"][0]["data"]["$array"]


HOSTILE = {
    "another format": lambda m, _: m.update(format="x"),
    "no version": lambda m, _: m.update(version="1"),
    "no layers": lambda m, _: m.update(layers={}),
    "unknown layer": lambda m, _: m["layers"][0].update(type="os.system"),
    "huge shape": lambda m, _: _array(m).update(shape=[2**40, 2**40]),
    "negative shape": lambda m, _: _array(m).update(shape=[-1, 3]),
    "bool shape": lambda m, _: _array(m).update(shape=[True, 3]),
    "larger than there": lambda m, _: _array(m).update(shape=[41, 260, 512]),
    "objects": lambda m, _: _array(m).update(dtype="|O"),
    "void": lambda m, _: _array(m).update(dtype="|V8"),
    "outside": lambda m, _: _array(m).update(place="../../etc/passwd"),
    "no rows": lambda m, _: _array(m).update(rows=0),
    "unknown value": lambda m, _: m["layers"][0]["state"].update(x={"$pickle": "gASV"}),
    "unhashable key": lambda m, _: m["layers"][0]["state"].update(x={"$dict": [[[1], 2]]}),
    "missing chunk": lambda m, members: members.pop("data/0/1"),
    "longer chunk": lambda m, members: members.update({"data/0/0": bytes(9 * 2**20)}),
    "not a picture": lambda m, members: members.update({"picture.png": b"GIF89a"}),
    "state is a list": lambda m, _: m["layers"][0].update(state=[1]),
    "deep": lambda m, _: m.update(viewer=json.loads('{"a":' * 300 + "1" + "}" * 300)),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_archives_do_nothing(tmp_path, how):
    with pytest.raises(LoadError) as caught:
        read_scene(_changed(tmp_path, HOSTILE[how]))
    assert caught.value.reason in ("bad-scene", "scene-too-large")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad", "good"]


def test_a_bomb_is_not_unpacked(tmp_path):
    """1000 times smaller than what it unpacks to, and announced in full."""
    scene = Scene([SceneLayer("image", "zeros", {}, {}, np.zeros(10**8, np.uint8))])
    path = write_scene(scene, tmp_path / "x")
    assert path.stat().st_size < 2 * 10**6
    with pytest.raises(LoadError) as caught:
        read_scene(path, limit=10**8 - 1)
    assert caught.value.reason == "scene-too-large"
    assert read_scene(path, limit=10**8).layers[0].data.size == 10**8


def test_a_pickle_is_never_opened(tmp_path):
    class Bad:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    def change(manifest, members):
        members["data/0/0"] = pickle.dumps(Bad())

    with pytest.raises(LoadError):
        read_scene(_changed(tmp_path, change))
    assert not (tmp_path / "owned").exists()


def test_a_newer_version_says_so(tmp_path):
    with pytest.raises(LoadError, match="update napari-dicomdb") as caught:
        read_scene(_changed(tmp_path, lambda m, _: m.update(version=2)))
    assert caught.value.reason == "scene-version"


@pytest.mark.parametrize("raw", [b"", b"PK\3\4", b"PK\5\6" + bytes(18), bytes(1000)])
def test_no_archive(raw):
    with pytest.raises(LoadError) as caught:
        read_scene(io.BytesIO(raw))
    assert caught.value.reason == "bad-scene"


def test_any_damaged_byte_is_an_error_or_harmless(tmp_path):
    layers = [SceneLayer("image", "a", {}, {}, np.arange(5000))]
    scene = Scene(layers, picture=np.zeros((4, 4, 3), np.uint8))
    good = write_scene(scene, tmp_path / "x").read_bytes()
    rng = np.random.default_rng(1)
    for at in rng.integers(0, len(good), 300):
        bad = bytearray(good)
        bad[at] ^= 1 + int(rng.integers(255))
        try:
            read = read_scene(io.BytesIO(bytes(bad)))
        except LoadError as error:
            assert error.reason in ("bad-scene", "scene-too-large", "scene-version")
        else:
            assert len(read.layers) == 1


_WILD = (
    None, True, -1, 0, 2**31, 2**63, 1e308, "", "x" * 300, "../../etc/passwd", [], {}, [[]],
    {"$array": {}}, {"$array": {"dtype": "<f8", "shape": [2**47], "values": []}},
    {"$array": {"dtype": "|O8", "shape": [1], "place": "data/0", "rows": 1}},
    {"$array": {"dtype": "<i4", "shape": [2**40, 0], "place": "data/0", "rows": 1}},
    {"$texts": {"shape": [2**40], "values": ["a"]}}, {"$dict": [[{"a": 1}, 2]]}, {"$float": "x"},
    {"$tuple": {"$tuple": []}}, {"$pickle": "gASV"},
)  # fmt: skip


def _places(value, path=()):
    """Every place of a manifest where something stands."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)):
        inner = value[key]
        yield from (
            _places(inner, (*path, key)) if isinstance(inner, (dict, list)) else [(*path, key)]
        )


def test_wild_values_anywhere_are_an_error_or_harmless(tmp_path):
    """Seeded: 1500 manifests, each with something else where it does not belong."""
    scene = Scene(
        [
            SceneLayer("image", "a", {"scale": (1.0, 2.0), "texts": np.array(["a", "b"])},
                       {"o": {"x": 1}}, np.arange(100.0)),
            SceneLayer("shapes", "b", {}, {}, [np.eye(2)]),
            SceneLayer("image", "c", {}, {}, None, {"loader": "x", "series": [{"uid": "1.2"}]}),
        ],
        viewer={"camera": {"zoom": 1.0, "center": (1, 2)}},
        measurements=[{"layer": "b", "length_mm": 1.0}],
    )  # fmt: skip
    with zipfile.ZipFile(write_scene(scene, tmp_path / "x")) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members.pop("manifest.json")
    places = [p for p in _places(json.loads(text)) if p]
    rng = np.random.default_rng(6)
    for _ in range(1500):
        manifest = json.loads(text)
        place = places[rng.integers(len(places))]
        inside = manifest
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = _WILD[rng.integers(len(_WILD))]
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as other:
            for name, raw in members.items():
                other.writestr(name, raw)
            other.writestr("manifest.json", json.dumps(manifest))
        try:
            read_scene(made, limit=10**6)
        except LoadError as error:
            assert error.reason in ("bad-scene", "scene-too-large", "scene-version"), place


def test_a_manifest_that_could_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(scene_archive, "MANIFEST_LIMIT", 1000)
    many = [SceneLayer("shapes", "s", {}, {}, [np.eye(2)] * 100)]
    with pytest.raises(ExportError, match="fewer shapes"):
        write_scene(Scene(many), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
