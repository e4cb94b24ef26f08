"""Options of anonymised copies: what they become, and what contradicts itself."""

from __future__ import annotations

import pytest
import typer
from pydicom.dataset import Dataset

from napari_dicomdb.cli.profile_options import (
    PASSPHRASE_VARIABLE,
    asked_passphrase,
    profile_of,
    profile_when,
)
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.regions import (
    BlackoutPreset,
    Rectangle,
    save_preset,
)


def test_nothing_asked_is_the_basic_profile():
    assert profile_of() == Profile()


def test_each_option():
    image = Dataset()
    image.Rows = image.Columns = 9
    save_preset(preset := BlackoutPreset.of_image("p", image, [Rectangle(0, 0, 1, 1)]))
    made = profile_of(
        retain=["device, uids", "graphics"], shift_dates=True, project="P",
        blackout=["1,2,3,4@US"], outside_regions=True, presets=True, recompress=False,
        pixels_checked=True,
    )  # fmt: skip
    assert made == Profile(
        dates="shift", retain_device=True, retain_uids=True, clean_graphics=True, project="P",
        blackout=(Rectangle(1, 2, 3, 4, "US"),), outside_regions=True, presets=(preset,),
        recompress=False, pixels_confirmed=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"retain_dates": True, "shift_dates": True},
        {"retain": ["all"]},
        {"blackout": ["1"]},
        {"deface": "nobody"},
        {"patient_id": "{x}"},
    ],
)
def test_wrong_usage(wrong):
    with pytest.raises(typer.BadParameter):
        profile_of(**wrong)


def test_texts_that_are_allowed(tmp_path):
    (tmp_path / "texts.txt").write_text("Head Routine\n\n  T1 MPRAGE \n")
    made = profile_of(retain=["descriptors"], allowed_texts=tmp_path / "texts.txt")
    assert made.allowed_texts == {"Head Routine", "T1 MPRAGE"}
    with pytest.raises(typer.BadParameter):
        profile_of(allowed_texts=tmp_path / "absent")


def test_only_when_it_is_wanted():
    assert profile_when(False, retain=None, project="", presets=False) is None
    assert profile_when(True, project="P") == Profile(project="P")
    with pytest.raises(typer.BadParameter, match=r"--shift-dates .* --deidentify"):
        profile_when(False, shift_dates=True)


def test_passphrase_of_the_environment(monkeypatch):
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    assert asked_passphrase(again=True) == "correct horse"
