"""Options of anonymised copies: what they become, and what contradicts itself."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from napari_dicomdb.cli.profile_options import (
    PASSPHRASE_VARIABLE,
    Anonymising,
    asked_passphrase,
    may_anonymise,
    profile_of,
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


@pytest.fixture
def ask():
    """Run a verb of the command with the options of anonymised copies; give what it got."""
    got: list[Anonymising] = []
    app = typer.Typer()

    @app.command()
    @may_anonymise
    def verb(
        word: Annotated[str, typer.Argument()],
        anonymising: Anonymising = ...,  # type: ignore[assignment]
        last: Annotated[bool, typer.Option("--last")] = False,
    ) -> None:
        """Do nothing."""
        assert (word, last) == ("word", True)
        got.append(anonymising)

    def call(*words):
        got.clear()
        ended = CliRunner().invoke(app, ["word", *map(str, words), "--last"])
        return got[0] if got else ended.output

    return call


def test_only_when_it_is_wanted(ask):
    assert ask() == Anonymising(None)
    assert ask().options == {"deidentify": None, "mapping": None, "passphrase": ""}
    assert ask("--deidentify", "--project", "P").profile == Profile(project="P")
    for option in ("--shift-dates", "--mapping m"):
        told = " ".join(ask(*option.split()).replace("│", " ").split())
        assert f"{option.split()[0]} is for anonymised copies: give --deidentify" in told


def test_a_mapping_and_its_passphrase(ask, monkeypatch, tmp_path):
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    file = tmp_path / "who.json"
    assert ask("--deidentify", "--mapping", file) == Anonymising(Profile(), file)
    encrypted = ask("--deidentify", "--mapping", file, "--encrypt")
    assert encrypted == Anonymising(Profile(), file, "correct horse")
    assert "correct horse" not in repr(encrypted)
    assert "--encrypt is for the --mapping" in ask("--deidentify", "--encrypt")


def test_passphrase_of_the_environment(monkeypatch):
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    assert asked_passphrase(again=True) == "correct horse"
