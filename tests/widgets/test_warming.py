"""What the first layer needs is there before it, and units stay those of one registry."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.widgets import _warming
from napari_dicomdb.widgets._tasks import TaskRunner

pint = pytest.importorskip("pint")

_FIRST_LAYER = """
import sys
import numpy as np
from napari.layers import Image
from napari_dicomdb.widgets import _warming, browser, metadata_widget, network_dock

heavy = {"pydicom", "pandas", "xarray", "napari_dicomdb.widgets._export_work"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
_warming.use_registry(_warming.prepare(progress=lambda *_: None))
before = set(sys.modules)
layer = Image(np.zeros((3, 4, 5), np.int16), units="mm", scale=(1, 2, 3))
late = {name.partition(".")[0] for name in set(sys.modules) - before}
assert not late & {"xarray", "pandas", "scipy", "pint"}, late
before = set(sys.modules)
from napari_dicomdb.widgets import export_dock
late = {name for name in set(sys.modules) - before if name.startswith("napari_dicomdb.")}
late = {name for name in late if not name.startswith("napari_dicomdb.widgets.")}
assert not late, late
print(layer.units)
"""


def test_docks_and_the_first_layer_import_nothing_large():
    done = subprocess.run([sys.executable, "-c", _FIRST_LAYER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "millimeter" in done.stdout


def test_a_registry_in_use_stays():
    pint.get_application_registry().pixel  # noqa: B018  (it is made when first asked)
    used = pint.get_application_registry().get()
    _warming.use_registry(_warming.prepare(progress=lambda *_: None))
    assert pint.get_application_registry().get() is used


def test_what_is_not_installed_is_gone_without(monkeypatch):
    monkeypatch.setattr(_warming, "WARMED", ("no_such_module_anywhere",))
    assert _warming.prepare(progress=lambda *_: None).millimeter


def test_it_is_cancelled_between_modules():
    def progress(done, total, text):
        if done:
            raise Cancelled("test")

    with pytest.raises(Cancelled):
        _warming.prepare(progress=progress)


def test_once_in_a_process(qtbot, monkeypatch):
    monkeypatch.setattr(_warming, "_begun", [])
    runner = TaskRunner("test")
    try:
        assert _warming.warm_up(runner) is not None
        assert _warming.warm_up(runner) is None
        qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    finally:
        runner.close()
