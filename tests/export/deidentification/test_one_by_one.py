"""One file after the other: what is done to its pixels, and what it then claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGLSLossless
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.api import Database
from napari_dicomdb.export.deidentification.one_by_one import Deidentification
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.regions import BlackoutPreset, Rectangle
from napari_dicomdb.export.deidentification.report import DeidentificationReport
from napari_dicomdb.progress import no_progress


def _run(path: Path, folder: Path, profile: Profile) -> tuple[DeidentificationReport, list[Any]]:
    folder.mkdir()
    report = DeidentificationReport(target=str(folder))
    with Database.in_memory() as database:
        database.import_paths([path], workers=0)
        run = Deidentification(database, profile, open_project(), report)
        made = run.run(database.instances(), folder, no_progress)
    copies = [pydicom.dcmread(p) for p in sorted(folder.iterdir())]
    assert {c.SOPInstanceUID for c in copies} == made.keys()
    return report, copies


def _codes(dataset: Dataset) -> list[str]:
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


def _regions(*corners: tuple[int, int, int, int]) -> Any:
    items = []
    for x0, y0, x1, y1 in corners:
        item = Dataset()
        item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
        item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
        items.append(item)
    return Sequence(items)


def test_all_outside_of_ultrasound_regions(tmp_path: Path) -> None:
    regions = _regions((5, 3, 14, 9), (20, 10, 29, 19))
    path = write_ultrasound(tmp_path / "1.dcm", SequenceOfUltrasoundRegions=regions)
    held, none = _run(path, tmp_path / "held", Profile())
    assert [r[1] for r in held.rejected] == ["burned-in"]
    assert none == []
    report, (copy,) = _run(path, tmp_path / "out", Profile(outside_regions=True))
    expected = np.zeros((20, 30), "u1")
    expected[3:10, 5:15] = 200
    expected[10:20, 20:30] = 200
    np.testing.assert_array_equal(copy.pixel_array, expected)
    assert (copy.BurnedInAnnotation, _codes(copy)) == ("NO", ["113100", "113101"])
    assert copy.DerivationDescription
    assert report.blackened == 1


def test_without_regions_it_stays_held_back(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "1.dcm")
    report, copies = _run(path, tmp_path / "out", Profile(outside_regions=True))
    assert ([r[1] for r in report.rejected], copies) == (["burned-in"], [])


def test_presets_of_the_device(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "1.dcm", Manufacturer="ACME")
    rectangles = (Rectangle(0, 0, 30, 4),)
    fitting = BlackoutPreset("p", "US", "acme", "", 20, 30, rectangles)
    other = BlackoutPreset("q", "US", "", "", 480, 640, (Rectangle(0, 0, 640, 480),))
    _, (copy,) = _run(path, tmp_path / "out", Profile(presets=(fitting, other)))
    assert not copy.pixel_array[:4].any()
    assert (copy.pixel_array[4:] == 200).all()
    report, _ = _run(path, tmp_path / "none", Profile(presets=(other,)))
    assert [r[1] for r in report.rejected] == ["burned-in"]


@pytest.mark.parametrize("again", [True, False])
def test_compressed_again_by_choice(tmp_path: Path, again: bool) -> None:
    path = write_ultrasound(tmp_path / "1.dcm", LossyImageCompression="01")
    image = pydicom.dcmread(path)
    image.compress(JPEGLSLossless, generate_instance_uid=False)
    image.save_as(path)
    profile = Profile(blackout=(Rectangle(0, 0, 5, 5),), recompress=again)
    _, (copy,) = _run(path, tmp_path / "out", profile)
    assert (copy.file_meta.TransferSyntaxUID == JPEGLSLossless) is again
    assert copy.LossyImageCompression == "01"
    expected = np.full((20, 30), 200, "u1")
    expected[:5, :5] = 0
    np.testing.assert_array_equal(copy.pixel_array, expected)


def test_only_a_face_that_was_removed_is_claimed(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "1.dcm", BurnedInAnnotation="NO")

    def blank(header: Dataset, pixels: Any) -> Any:
        return pixels * 0

    for number, (deface, claimed) in enumerate(
        ((blank, True), (lambda *_: None, False), (lambda _, pixels: pixels, False), (None, False))
    ):
        _, (copy,) = _run(path, tmp_path / f"out{number}", Profile(deface=deface))
        assert ("113102" in _codes(copy)) is claimed
        assert ("RecognizableVisualFeatures" in copy) is claimed
        assert not claimed or not copy.pixel_array.any()


def test_a_defacer_that_fails_leaves_the_rest(tmp_path: Path, source: Path) -> None:
    def fail(header: Dataset, pixels: Any) -> Any:
        raise RuntimeError("Doe^Jane") if header.InstanceNumber == 2 else TypeError

    report, copies = _run(source / "a", tmp_path / "out", Profile(deface=fail))
    assert copies == []
    assert {r[1] for r in report.rejected} == {"bad-deface"}
    assert "Jane" not in str(report)


def test_overlays_in_the_high_bits_of_pixels(tmp_path: Path) -> None:
    pixels = np.full((20, 30), 0x8123, "<u2")
    path = write_ultrasound(
        tmp_path / "1.dcm", BitsAllocated=16, BitsStored=12, HighBit=11, Modality="CT",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2", PixelData=pixels.tobytes(),
    )  # fmt: skip
    image = pydicom.dcmread(path)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    for element, vr, value in (
        (0x10, "US", 20), (0x11, "US", 30), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
        (0x100, "US", 16), (0x102, "US", 15),
    ):  # fmt: skip
        image.add_new(0x60000000 | element, vr, value)
    image.save_as(path)
    _, (copy,) = _run(path, tmp_path / "out", Profile())
    assert set(np.frombuffer(copy.PixelData, "<u2")) == {0x0123}
    assert (0x6000, 0x0102) not in copy


def test_no_log_names_the_patient(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(UserWarning, match="Invalid value"):
        path = write_ultrasound(
            tmp_path / "1.dcm", StudyDate="Canary", CodingSchemeUID="Canary", PatientAge="Canary"
        )
    assert "Canary" in caplog.text  # pydicom's own, when it writes
    caplog.clear()
    _run(path, tmp_path / "out", Profile(blackout=(Rectangle(0, 0, 3, 3),), dates="shift"))
    assert "Canary" not in caplog.text


def test_a_rectangle_beside_the_image_blackens_nothing(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "1.dcm")
    for corner in ((30, 0), (0, 20)):
        profile = Profile(blackout=(Rectangle(*corner, 10, 10),))
        report, copies = _run(path, tmp_path / f"out{corner[0]}", profile)
        assert ([r[1] for r in report.rejected], copies) == (["burned-in"], [])


@pytest.mark.parametrize("group", [True, False])
def test_what_is_drawn_in_unused_bits_goes(tmp_path: Path, group: bool) -> None:
    pixels = np.arange(600, dtype="<u2").reshape(20, 30)
    drawn = pixels.copy()
    drawn[4:9, 3:20] |= 0x8000
    path = write_ultrasound(
        tmp_path / "1.dcm", Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        BitsAllocated=16, BitsStored=12, HighBit=11, PixelData=drawn.tobytes(),
    )  # fmt: skip
    if group:
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x60000102, "US", 15)
        dataset.save_as(path)
    report, (copy,) = _run(path, tmp_path / "out", Profile())
    np.testing.assert_array_equal(copy.pixel_array, pixels)
    # Nobody has looked for texts in the image itself.
    assert "BurnedInAnnotation" not in copy
    assert _codes(copy) == ["113100"]
    assert report.blackened == 0


def test_a_voice_is_left_out(tmp_path: Path) -> None:
    path = write_ultrasound(
        tmp_path / "1.dcm", Modality="AU", SOPClassUID="1.2.840.10008.5.1.4.1.1.9.4.1"
    )
    report, copies = _run(path, tmp_path / "out", Profile(pixels_confirmed=True))
    assert ([r[1] for r in report.rejected], copies) == (["voice"], [])
