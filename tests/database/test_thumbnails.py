"""Thumbnails: which image, which window, which proportions; and when there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_dicomdb.database import Database
from napari_dicomdb.database.thumbnails import LARGEST_SIDE, middle_instance, thumbnail_of


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
    line = picture[50].astype(int)
    left, right = (0, 255) if photometric == "MONOCHROME2" else (255, 0)
    assert (line[:28] == left).all() and (line[-28:] == right).all()
    # PS3.3 Section C.11.2.1.2: half way at the center, 64 columns from the left
    assert abs(line[64] - 127) <= 4


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


def test_made_once_and_removed_with_its_series(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    path = database.thumbnail(uid)
    assert path is not None
    with monkeypatch.context() as patched:
        patched.setattr("napari_dicomdb.database.thumbnails.render", None)
        assert database.thumbnail(uid) == path
    database.remove(series=uid)
    assert not path.exists()


def test_failure_is_remembered_with_its_reason(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_instance(tmp_path / "in" / "1", series=1, PixelData=None)
    write_instance(tmp_path / "in" / "2", series=2, Rows=65535, Columns=65535)
    database.import_paths([tmp_path / "in"])
    for series in database.series():
        assert database.thumbnail(series.uid) is None
    with database._connections.borrow() as connection:
        reasons = [row[0] for row in connection.execute("SELECT reason FROM thumbnail")]
    assert [reason.partition(":")[0] for reason in reasons] == ["no-image", "too-large"]
    monkeypatch.setattr("napari_dicomdb.database.thumbnails.render", None)
    assert database.thumbnail(database.series()[0].uid) is None


def test_file_that_is_away_for_now(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    away = ct.rename(ct.with_name("away"))
    assert database.thumbnail(uid) is None
    away.rename(ct)
    assert database.thumbnail(uid) is not None


def test_reference_data_has_pictures(database: Database, reference_data: Path) -> None:
    database.import_paths([reference_data / name for name in ("rgb_sc", "cine", "enhanced")])
    with_pixels = [
        series
        for series in database.series()
        if any(i.pixel_keyword and i.rows for i in database.instances(series))
    ]
    made = [series for series in with_pixels if database.thumbnail(series.uid) is not None]
    assert len(made) >= 0.9 * len(with_pixels) > 10


def test_no_picture_outlives_its_series(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    assert database.path is not None
    with Database.open(database.path, read_only=True) as reader:
        assert reader.thumbnail(uid) is None
    assert list(database.path.rglob("*.png")) == []
    made = database.thumbnail(uid)
    with Database.open(database.path, read_only=True) as reader:
        assert reader.thumbnail(uid) == made
    series = database.find_series(uid)
    database.remove(series=uid)
    # Somebody who began before the removal ends after it.
    instances = list(database.instances())
    connections, root = database._connections, database.path
    assert thumbnail_of(connections, root, series, lambda: instances) is None
    assert list(database.path.rglob("*.png")) == []
