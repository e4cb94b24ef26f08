"""Pictures of images: which image, which window, which proportions, which colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_dicomdb.database import Database
from napari_dicomdb.database.thumbnail_pictures import LARGEST_SIDE, hot_iron, middle_instance


def ramp(rows: int, columns: int) -> bytes:
    """Values 0 to 1000 from left to right."""
    line = np.linspace(0, 1000, columns).astype("<u2")
    return np.tile(line, (rows, 1)).tobytes()


def shown(database: Database) -> np.ndarray:
    path = database.thumbnail(database.series()[0].uid)
    assert path is not None and path.parent.name == "thumbnails"
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_window_and_proportions(
    photometric: str, database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(
        tmp_path / "in" / "1",
        Rows=40,
        Columns=100,
        PixelSpacing=[2.0, 1.0],
        WindowCenter=500,
        WindowWidth=500,
        PhotometricInterpretation=photometric,
        PixelData=ramp(40, 100),
    )
    database.import_paths([tmp_path / "in"])
    picture = shown(database)
    # 40 rows of 2 mm by 100 columns of 1 mm
    assert picture.shape == (round(LARGEST_SIDE * 80 / 100), LARGEST_SIDE)
    line = picture[100].astype(int)
    left, right = (0, 255) if photometric == "MONOCHROME2" else (255, 0)
    assert (line[:60] == left).all() and (line[-60:] == right).all()
    # PS3.3 Section C.11.2.1.2: half way at the center, in the middle of the columns
    assert abs(line[LARGEST_SIDE // 2] - 127) <= 4


def test_a_slide_is_shown_whole(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    levels = [("VOLUME", 9, 64), ("VOLUME", 1, 50), ("VOLUME", 1, 8), ("LABEL", 1, 60)]
    for number, (flavour, frames, size) in enumerate(levels, 1):
        write_instance(
            tmp_path / "in" / str(number),
            number,
            SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6",
            ImageType=["ORIGINAL", "PRIMARY", flavour, "NONE"],
            NumberOfFrames=frames,
            Rows=size,
            Columns=size,
            PixelData=bytes(2 * frames * size * size),
        )
    database.import_paths([tmp_path / "in"])
    chosen = middle_instance(database.instances(database.series()[0]))
    assert chosen is not None and chosen.number == 2


def test_middle_instance(
    database: Database, tmp_path: Path, write_series: Callable[..., object]
) -> None:
    write_series(tmp_path / "in", 5)
    database.import_paths([tmp_path / "in"])
    middle = middle_instance(database.instances(database.series()[0]))
    assert middle is not None and middle.number == 3


def test_pet_glows_in_hot_iron(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    """Nothing is black, as around it; PS3.6 Section B.1.1 has the colours."""
    write_instance(
        tmp_path / "in" / "1",
        Modality="PT",
        Units="GML",
        Rows=16,
        Columns=64,
        PixelSpacing=[1, 1],
        RescaleSlope=0.01,
        RescaleIntercept=0,
        WindowCenter=9000,
        WindowWidth=10,
        PixelData=np.tile(np.linspace(0, 1200, 64).astype("<u2"), (16, 1)).tobytes(),
    )
    database.import_paths([tmp_path / "in"])
    picture = shown(database)
    assert picture.shape == (LARGEST_SIDE // 4, LARGEST_SIDE, 3)
    assert picture[30, 1].tolist() == [0, 0, 0]
    assert (picture[30, 132:] >= 250).all(), "SUV 6 and more is white"
    assert hot_iron()[[0, 64, 128, 192, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [255, 0, 0], [255, 128, 0], [255, 254, 252],
    ]  # fmt: skip


def test_window_of_the_middle_frame(database: Database, reference_data: Path) -> None:
    """An enhanced object says windows frame by frame."""
    import pydicom

    from napari_dicomdb.database import thumbnail_pictures

    database.import_paths([reference_data / "enhanced"])
    for record in database.instances():
        header = pydicom.dcmread(record.path, stop_before_pixels=True)
        frame = record.frame_count // 2
        groups = header.get("PerFrameFunctionalGroupsSequence")
        if not groups or "FrameVOILUTSequence" not in groups[frame]:
            continue
        window = groups[frame].FrameVOILUTSequence[0]
        found = thumbnail_pictures._of_frame(record, frame, "WindowCenter", "WindowWidth")
        if isinstance(window.WindowCenter, float):
            assert float(found["WindowCenter"]) == pytest.approx(float(window.WindowCenter))
            assert float(found["WindowWidth"]) == pytest.approx(float(window.WindowWidth))
            return
    pytest.fail("no frame has a window")


def test_reference_data_has_pictures(database: Database, reference_data: Path) -> None:
    database.import_paths([reference_data / name for name in ("rgb_sc", "cine", "enhanced")])
    with_pixels = [
        series
        for series in database.series()
        if any(i.pixel_keyword and i.rows for i in database.instances(series))
    ]
    made = [series for series in with_pixels if database.thumbnail(series.uid) is not None]
    assert len(made) >= 0.9 * len(with_pixels) > 10
