from __future__ import annotations

import threading

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.errors import Cancelled, LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.eager import read_all
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.reading import FrameReader


def random_slices(series, count=7, dtype=np.uint16, high=4000, **attributes):
    rng = np.random.default_rng(5)
    images = rng.integers(0, high, (count, 6, 5)).astype(dtype)
    for z, image in enumerate(images):
        series.slice((0, 0, z), image, **attributes)
    return images


def reader_of(series, records):
    return FrameReader(FrameSet.of(records(series.paths)))


def test_hounsfield_units_stay_integers(series, records):
    images = random_slices(series, RescaleSlope=1, RescaleIntercept=-1024, BitsStored=12)
    reader = reader_of(series, records)
    assert reader.dtype == np.int16
    assert reader.rescale() == [(1.0, -1024.0)]
    assert reader.value_range == (-1024, 3071)
    assert np.array_equal(read_all(reader), images.astype(np.int16) - 1024)


def test_each_slice_has_its_own_slope_as_in_pet(series, records):
    for z in range(5):
        pixels = np.arange(30, dtype=np.int16).reshape(6, 5)
        series.slice((0, 0, z), pixels, RescaleSlope=0.25 * (z + 1), RescaleIntercept=z)
    reader = reader_of(series, records)
    values = read_all(reader)
    assert values.dtype == np.float32
    for path, image in zip(series.paths, values, strict=True):
        ds = pydicom.dcmread(path)
        assert np.allclose(image, apply_modality_lut(ds.pixel_array, ds), rtol=1e-6)
    assert len(reader.rescale()) == 5


def test_signedness_may_differ_between_slices(series, records):
    series.slice((0, 0, 0), np.full((6, 5), 60000, np.uint16))
    series.slice((0, 0, 1), np.full((6, 5), -5, np.int16))
    values = read_all(reader_of(series, records))
    assert values.dtype == np.int32
    assert values[:, 0, 0].tolist() == [60000, -5]


def test_a_slope_of_zero_is_ignored(series, records):
    images = random_slices(series, RescaleSlope=0, RescaleIntercept=0)
    assert np.array_equal(read_all(reader_of(series, records)), images)


def test_a_modality_lookup_table_replaces_the_rescaling(series, records):
    item = pydicom.Dataset()
    item.LUTDescriptor = [16, 0, 16]
    item.LUTData = (np.arange(16) ** 2).astype("<u2").tolist()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "US"
    item.ModalityLUTType = "US"
    pixels = np.arange(30, dtype=np.uint16).reshape(6, 5)
    series.slice((0, 0, 0), pixels, ModalityLUTSequence=[item])
    values = read_all(reader_of(series, records))
    assert np.array_equal(values[0], np.minimum(pixels, 15) ** 2)


def test_padding_is_told_in_output_values(series, records):
    pixels = np.full((6, 5), -2000, np.int16)
    for z in range(2):
        series.slice(
            (0, 0, z), pixels, RescaleSlope=1, RescaleIntercept=-24, PixelPaddingValue=-2000
        )
    reader = reader_of(series, records)
    assert reader.padding == (-2024, -2024)
    assert reader.fill == -2024


def test_different_matrices_are_refused(series, records):
    series.slice((0, 0, 0))
    series.slice((0, 0, 1), np.zeros((3, 3), np.int16))
    with pytest.raises(LoadError, match="shapes"):
        reader_of(series, records)


def test_cancelling_stops_the_reading(series, records):
    random_slices(series, 40)
    calls = []

    def progress(done, total, text):
        calls.append((done, total))
        if done >= 8:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        examine(records(series.paths))[0].load(lazy=False, progress=progress)
    assert calls[0] == (0, 40)
    assert calls[-1][0] < 40
    assert not [t for t in threading.enumerate() if t.name.startswith("dicomdb-read")]


def test_progress_reaches_the_end_in_the_calling_thread(series, records):
    random_slices(series, 10)
    calls = []
    examine(records(series.paths))[0].load(
        lazy=False, progress=lambda *step: calls.append((threading.get_ident(), *step))
    )
    assert calls[-1][1:3] == (10, 10)
    assert {call[0] for call in calls} == {threading.get_ident()}


def truncate(path, remove):
    data = path.read_bytes()
    path.write_bytes(data[:-remove])


@pytest.mark.parametrize("lazy", [True, False])
def test_a_truncated_file_in_the_middle_leaves_the_rest(series, records, lazy):
    images = random_slices(series)
    truncate(series.paths[3], 20)
    best = examine(records(series.paths))[0]
    # It is told before any pixel is read ...
    told = [f for f in best.findings if f.code == FindingCode.TRUNCATED_PIXELS]
    assert told[0].severity is Severity.ERROR
    assert told[0].numbers["bytes"] == 20
    volume = best.load(lazy=lazy)
    values = volume.numpy()
    good = [0, 1, 2, 4, 5, 6]
    assert np.array_equal(values[good], images[good])
    assert np.array_equal(values[3].ravel()[:20], images[3].ravel()[:20])
    assert not values[3].ravel()[20:].any()
    assert FindingCode.TRUNCATED_PIXELS in {f.code for f in volume.findings}


def test_a_file_without_any_pixels_left_is_filled_and_told(series, records):
    images = random_slices(series, RescaleSlope=1, RescaleIntercept=-1024)
    known = records(series.paths)
    truncate(series.paths[2], 60)
    volume = examine(known)[0].load(lazy=False)
    assert np.array_equal(volume.array[[0, 6]], images[[0, 6]].astype(np.int32) - 1024)
    assert (volume.array[2] == -1024).all()
    told = [f for f in volume.findings if f.severity is Severity.ERROR]
    assert "0002.dcm" in told[0].text


def test_when_nothing_can_be_read_it_says_why(series, records):
    random_slices(series, 3)
    known = records(series.paths)
    for path in series.paths:
        path.unlink()
    for lazy in (True, False):
        with pytest.raises(LoadError, match=r"0000\.dcm") as caught:
            examine(known)[0].load(lazy=lazy)
        assert caught.value.reason == "file-missing"


def test_too_large_for_memory_advises_to_be_lazy(series, records):
    random_slices(series, 2)

    class Huge:
        frame_shape, dtype, fill = (1 << 20, 1 << 20), np.dtype(np.int16), 0

        def __len__(self):
            return 1 << 20

    with pytest.raises(LoadError, match="lazy=True"):
        read_all(Huge())  # type: ignore[arg-type]
