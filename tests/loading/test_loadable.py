from __future__ import annotations

import json
from dataclasses import replace

import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading import registry as registry_module


def test_json_says_all_that_examine_found(series, records):
    series.axial([0, 1, 2, 4])
    loadables = examine(records(series.paths))
    facts = json.loads(json.dumps([one.to_json() for one in loadables]))
    assert facts[0]["selected"]
    assert facts[0]["findings"][0]["code"] == "missing-slices"
    assert facts[0]["options"] == {"remedy": "fill"}
    assert facts[0]["shape"] == [5, 6, 5]
    assert len(facts[0]["instances"]) == 4


def test_layers_are_made_by_whoever_is_registered(series, records, monkeypatch):
    series.axial([0, 1])
    best = examine(records(series.paths))[0]
    monkeypatch.setattr(
        registry_module, "layer_maker", lambda: lambda volume, **how: [(volume.shape, how, "x")]
    )
    assert best.to_layers(frame=3) == [((2, 6, 5), {"frame": 3}, "x")]
    assert best.to_layers(best.load(lazy=False)) == [((2, 6, 5), {}, "x")]


def test_what_a_loader_raises(series, records):
    series.axial([0, 1])
    best = examine(records(series.paths))[0]

    class Broken:
        name, version = "broken", "1"

        def load(self, loadable, **how):
            raise KeyError("x")

    with pytest.raises(LoadError, match="the loader broken failed: KeyError: 'x'") as error:
        replace(best, loader=Broken()).load()
    assert error.value.reason == "loader-failed"
    assert isinstance(error.value.__cause__, KeyError)


def test_progress_is_optional(series, records):
    series.axial([0, 1])
    calls = []
    best = examine(records(series.paths))[0]
    best.load(progress=lambda *step: calls.append(step))
    assert calls == [(2, 2, "Ready")]
    with pytest.raises(TypeError):
        best.load(None)  # type: ignore[misc]
