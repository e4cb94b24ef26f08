from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from napari_dicomdb import plugins
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import Cancelled, ExportError
from napari_dicomdb.export import registry
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.source import ExportSource

SOURCE = ExportSource("x", np.zeros((1, 2, 2)), ("slice", "row", "column"))


class Sure:
    name = "sure"
    version = "1"

    def examine(self, source):
        best = Exportable("best", "any", 1.0, (), (), (), (), source, self)
        wrong = Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, "no")
        return [replace(best, name="refused", findings=(wrong,)), best]

    def write(self, exportable, target, folder, *, options, progress):
        return []


class Raises(Sure):
    name = "raises"

    def examine(self, source):
        raise ZeroDivisionError("third-party trouble")


class Stops(Sure):
    name = "stops"

    def examine(self, source):
        raise Cancelled("enough")


class NotAnExporter:
    name = "no"


@pytest.fixture
def installed(monkeypatch):
    """Pretend that these entry points are installed, and no others."""

    def install(**values):
        def fake(*, group):
            return [EntryPoint(n, v, group) for n, v in values.items()]

        monkeypatch.setattr(plugins, "entry_points", fake)
        registry.reload()

    yield install
    monkeypatch.undo()
    registry.reload()


@pytest.fixture(params=[Sure, Raises, Stops])
def registered(request):
    registry.register(request.param())
    yield request.param
    registry.unregister(request.param.name)
    registry.reload()


def test_best_first_refused_last_and_trouble_recorded(registered, installed) -> None:
    installed()
    if registered is Stops:
        with pytest.raises(Cancelled):
            registry.examine_for_export(SOURCE)
        return
    found = registry.examine_for_export(SOURCE)
    assert [one.name for one in found] == ([] if registered is Raises else ["best", "refused"])
    texts = [failure.text for failure in registry.failures()]
    assert texts == (["ZeroDivisionError: third-party trouble"] if registered is Raises else [])


def test_what_cannot_be_used_is_told(installed) -> None:
    installed(no=f"{__name__}:NotAnExporter", gone="no_such_module:X")
    registry.register(Sure())
    try:
        assert [one.name for one in registry.exporters()] == ["sure"]
        assert registry.exporter_named("sure").version == "1"
    finally:
        registry.unregister("sure")
    assert {failure.name for failure in registry.failures()} == {"no", "gone"}
    with pytest.raises(ExportError, match="gone") as error:
        registry.exporter_named("gone")
    assert error.value.reason == "no-exporter"
