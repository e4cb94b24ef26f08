"""Ways to black out, and rectangles kept for a device."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QInputDialog
from tests.export.deidentification.conftest import write_ultrasound
from tests.export.deidentification.test_one_by_one import _regions

from napari_dicomdb.export.deidentification.regions import blackout_presets
from napari_dicomdb.widgets.deidentify_form import DeidentifyForm


@pytest.fixture
def make(database, qtbot, tmp_path):
    write_ultrasound(
        tmp_path / "us" / "1.dcm", database, Manufacturer="ACME",
        SequenceOfUltrasoundRegions=_regions((5, 5, 9, 9)),
    )  # fmt: skip

    def form():
        made = DeidentifyForm(database, database.series())
        qtbot.addWidget(made)
        with qtbot.waitSignal(made.previewed, timeout=20_000):
            made.show()
        return made

    return form


def test_all_outside_of_regions(qtbot, make):
    form = make()
    assert form.blocked.count() == 1
    with qtbot.waitSignal(form.previewed, timeout=20_000) as caught:
        form.outside_regions.click()
    assert form.blocked.count() == 0
    assert caught.args[0].blackened == 1
    assert form.profile().outside_regions
    form.remember()
    assert make().outside_regions.isChecked()


def test_rectangles_are_kept_for_a_device(qtbot, make, monkeypatch):
    form = make()
    assert not form.presets.isVisible()
    told = []
    form.told.connect(lambda text, severity: told.append((text, severity)))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("Echo", True))
    form.preset_button.click()
    assert "Type rectangles" in told[-1][0]
    qtbot.keyClicks(form.blackout, "0,0,30,4@US")
    form.preset_button.click()
    qtbot.waitUntil(lambda: bool(blackout_presets()), timeout=20_000)
    qtbot.waitUntil(form.presets.isVisible)
    assert "Kept as Echo for images of 30 x 20 pixels" in told[-1][0]
    (preset,) = blackout_presets()
    assert (preset.manufacturer, preset.modality) == ("ACME", "US")
    form.blackout.clear()
    with qtbot.waitSignal(form.previewed, timeout=20_000) as caught:
        form.presets.click()
    assert caught.args[0].blackened == 1
    assert form.profile().presets == (preset,)


def test_compression_by_choice(make):
    form = make()
    assert form.profile().recompress
    form.recompress.click()
    assert not form.profile().recompress
