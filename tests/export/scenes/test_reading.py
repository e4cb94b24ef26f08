"""Limits of reading; tests/export/test_scene_archive.py has hostile archives."""

import io
import json
import zipfile

import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.scenes import reading


def _archive(manifest, **members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", manifest)
        for name, raw in members.items():
            archive.writestr(name, raw)
    return made


GOOD = {"format": "napari-dicomdb scene", "version": 1, "layers": []}


def test_an_empty_scene():
    scene = reading.read_scene(_archive(json.dumps(GOOD)))
    assert (scene.layers, scene.viewer, scene.picture, scene.name) == ([], {}, None, "")


def test_a_manifest_larger_than_any_scene_needs(monkeypatch):
    monkeypatch.setattr(reading, "MANIFEST_LIMIT", 1000)
    with pytest.raises(LoadError, match="larger than announced"):
        reading.read_manifest(_archive(json.dumps({**GOOD, "name": "x" * 1000})))


def test_too_many_members(monkeypatch):
    monkeypatch.setattr(reading, "_MEMBERS_LIMIT", 2)
    with pytest.raises(LoadError, match="too many"):
        reading.read_scene(_archive(json.dumps(GOOD), a=b"", b=b""))


@pytest.mark.parametrize("manifest", ["", "[]", "{", "nul", "[" * 100_000, b"\xff"])
def test_manifests_that_are_none(manifest):
    with pytest.raises(LoadError) as caught:
        reading.read_scene(_archive(manifest))
    assert caught.value.reason == "bad-scene"
