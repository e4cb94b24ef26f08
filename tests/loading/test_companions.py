"""What loaders offer once the series that something refers to are known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from napari_dicomdb.loading import examine, failures
from napari_dicomdb.loading.companions import further


def test_loaders_are_asked_only_where_there_is_an_index(series, records):
    (one, *_) = examine(records(series.axial([0, 3, 6])))
    asked = []

    def ask(loadable):
        asked.append(loadable)
        return [replace(loadable, name="more")]

    able = SimpleNamespace(name="able", version="1", further=ask)
    alone = replace(one, loader=able)
    assert further([one, alone]) == []
    found = further([replace(alone, companions=lambda _uids: ())])
    assert [loadable.name for loadable in found] == ["more"]
    assert len(asked) == 1


def test_a_loader_that_fails_is_noted(series, records):
    (one, *_) = examine(records(series.axial([0, 3, 6])))

    def fail(_loadable):
        raise RuntimeError("out of order")

    broken = SimpleNamespace(name="broken-further", version="1", further=fail)
    assert further([replace(one, loader=broken, companions=lambda _uids: ())]) == []
    assert any(f.name == "broken-further" and "out of order" in f.text for f in failures())
