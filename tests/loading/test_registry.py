from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from napari_dicomdb import loading, plugins
from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.loading import registry
from napari_dicomdb.loading.loadable import Loadable


class Polite:
    name = "polite"
    version = "1"

    def examine(self, instances):
        return [
            Loadable(
                "polite", "scalar-volume", 0.99, (), (), tuple(instances), self, selected=True
            )
        ]

    def load(self, loadable, *, progress, lazy):
        raise LoadError("not today")


class RaisesOnExamine(Polite):
    name = "raises"

    def examine(self, instances):
        raise ZeroDivisionError("third-party trouble")


class SaysNonsense(Polite):
    name = "nonsense"

    def examine(self, instances):
        return [replace(super().examine(instances)[0], confidence=7.0)]


class NamesFramesThatAreNot(Polite):
    name = "too far"

    def examine(self, instances):
        return [replace(super().examine(instances)[0], options={"frames": [[99, 0]]})]


class FindsText(Polite):
    name = "text"

    def examine(self, instances):
        return [replace(super().examine(instances)[0], findings=("bad",))]


class NotALoader:
    name = "no"


@pytest.fixture
def installed(monkeypatch):
    """Pretend that other entry points are installed beside ours."""
    real = registry.entry_points

    def install(**values):
        def fake(*, group):
            extra = [EntryPoint(n, v, group) for n, v in values.items()]
            return [*real(group=group), *extra] if group == registry.LOADERS_GROUP else extra

        monkeypatch.setattr(registry, "entry_points", fake)
        monkeypatch.setattr(plugins, "entry_points", fake)
        registry.reload()

    yield install
    monkeypatch.undo()
    registry.reload()


def test_ours_are_found_by_their_entry_points():
    registry.reload()
    names = [loader.name for loader in registry.loaders()]
    assert {"scalar-volume", "image", "other-object"} <= set(names)
    assert registry.loader_named("image").name == "image"
    assert registry.failures() == ()


def test_loaders_that_cannot_be_imported_are_named_and_left_out(installed, caplog):
    installed(
        gone="package_that_is_not_there:Loader",
        broken="napari_dicomdb.loading.registry:nothing_of_that_name",
    )
    assert "scalar-volume" in {loader.name for loader in registry.loaders()}
    texts = {failure.name: failure.text for failure in registry.failures()}
    assert "ModuleNotFoundError" in texts["gone"]
    assert "gone" in caplog.text
    assert not any(r.exc_info for r in caplog.records if r.levelname == "WARNING")
    assert "AttributeError" in texts["broken"]
    with pytest.raises(LoadError, match="gone"):
        registry.loader_named("gone")


def test_what_is_no_loader_is_named(installed, monkeypatch):
    monkeypatch.setattr(registry, "NotALoader", NotALoader, raising=False)
    installed(odd="napari_dicomdb.loading.registry:NotALoader")
    assert "no version, examine, load" in registry.failures()[0].text


@pytest.mark.parametrize(
    "culprit", [RaisesOnExamine(), SaysNonsense(), NamesFramesThatAreNot(), FindsText()]
)
def test_a_loader_that_fails_leaves_the_others_alone(series, records, culprit):
    series.axial([0, 1, 2])
    registry.register(culprit)
    try:
        best = loading.examine(records(series.paths))[0]
        assert best.loader.name == "scalar-volume"
        told = [f for f in best.findings if f.code == FindingCode.LOADER_FAILED]
        assert culprit.name in told[0].text
        assert culprit.name in {failure.name for failure in registry.failures()}
        assert best.load(lazy=False).shape == (3, 6, 5)
    finally:
        registry.unregister(culprit.name)
        registry.reload()


def test_a_surer_third_party_loader_is_preferred(series, records):
    series.axial([0, 1, 2])
    registry.register(Polite())
    try:
        assert loading.examine(records(series.paths))[0].name == "polite"
    finally:
        registry.unregister("polite")
    assert loading.examine(records(series.paths))[0].loader.name == "scalar-volume"


def test_layers_come_from_an_entry_point(installed, series, records):
    installed()
    with pytest.raises(MissingLibraryError, match="reinstall"):
        registry.layer_maker()
    installed(volume="builtins:dict")
    assert registry.layer_maker() is dict
