"""All frames at once; types that stay narrow until a value does not fit."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.eager import read_all
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.reading import FrameReader

COUNT = 12


def write_slices(series, dtype, extremes=None, **attributes):
    """Slices of -24 to 4000; `extremes`: {slice: stored value of one pixel}."""
    attributes = {"RescaleSlope": 1, "RescaleIntercept": -1024, **attributes}
    rng = np.random.default_rng(3)
    for k in range(COUNT):
        image = rng.integers(1000, 5024, (6, 5)).astype(dtype)
        if extremes and k in extremes:
            image[2, 3] = extremes[k]
        series.slice((0, 0, k), image, **attributes)


def by_pydicom(series):
    datasets = [pydicom.dcmread(path) for path in series.paths]
    return np.stack([apply_modality_lut(ds.pixel_array, ds) for ds in datasets])


def loaded(series, records, *, lazy=False):
    return examine(records(series.paths))[0].load(lazy=lazy)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_sixteen_stored_bits_stay_sixteen(series, records, dtype, lazy):
    write_slices(series, dtype)
    volume = loaded(series, records, lazy=lazy)
    assert volume.dtype == np.int16
    assert np.array_equal(volume.numpy(), by_pydicom(series))
    assert volume.findings == ()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "extremes"),
    [
        (np.int16, {9: -32768}),
        (np.int16, {0: -31745, 4: -32000}),
        (np.uint16, {11: 33792}),
        (np.uint16, dict.fromkeys(range(COUNT), 65535)),
    ],
)
def test_the_type_widens_when_one_value_does_not_fit(series, records, dtype, extremes, workers):
    write_slices(series, dtype, extremes)
    reader = FrameReader(FrameSet.of(records(series.paths)), compact=True)
    assert reader.dtype == np.int16
    steps = []
    values = read_all(reader, workers=workers, progress=lambda *step: steps.append(step[0]))
    assert values.dtype == reader.dtype == np.int32
    assert np.array_equal(values, by_pydicom(series))
    assert steps == sorted(steps)
    assert steps[-1] == COUNT


@pytest.mark.parametrize(("dtype", "edge"), [(np.int16, -31744), (np.uint16, 33791)])
def test_what_just_fits_widens_nothing(series, records, dtype, edge):
    write_slices(series, dtype, {5: edge})
    volume = loaded(series, records)
    assert volume.dtype == np.int16
    assert np.array_equal(volume.array, by_pydicom(series))


@pytest.mark.parametrize("lazy", [True, False])
def test_padding_beyond_the_type_becomes_its_end(series, records, lazy):
    write_slices(series, np.int16, {3: -32768, 6: -32768}, PixelPaddingValue=-32768)
    volume = loaded(series, records, lazy=lazy)
    assert volume.dtype == np.int16
    assert volume.meta["padding"] == (-32768, -32768)
    assert np.array_equal(volume.numpy(), np.maximum(by_pydicom(series), -32768))
    assert volume.findings == ()


def test_padding_is_the_same_everywhere_after_widening(series, records):
    extremes = {0: -32768, 3: -32768, COUNT - 1: -32000}
    write_slices(series, np.int16, extremes, PixelPaddingValue=-32768)
    volume = loaded(series, records)
    assert volume.dtype == np.int32
    assert np.array_equal(volume.array, by_pydicom(series))
    assert volume.meta["padding"] == (-33792, -33792)


def test_a_lazy_volume_takes_its_type_from_the_middle_slice(series, records):
    write_slices(series, np.uint16, {COUNT // 2: 60000})
    volume = loaded(series, records, lazy=True)
    assert volume.dtype == np.int32
    assert np.array_equal(volume.numpy(), by_pydicom(series))


def test_a_lazy_volume_clips_and_says_so(series, records):
    write_slices(series, np.uint16, {2: 60000})
    volume = loaded(series, records, lazy=True)
    assert volume.dtype == np.int16
    assert volume.findings == ()  # nobody has looked at that slice
    assert np.array_equal(volume.array[2], np.minimum(by_pydicom(series)[2], 32767))
    (finding,) = volume.findings
    assert finding.code is FindingCode.VALUES_CLIPPED
    assert finding.severity is Severity.ERROR
    assert "0002.dcm" in finding.text


def test_resampled_volumes_are_computed_with_all_values(series, records):
    rng = np.random.default_rng(3)
    for z in (0, 1, 3, 4):  # one is missing
        series.slice(
            (0, 0, z),
            rng.integers(-32768, 4000, (6, 5)).astype(np.int16),
            RescaleSlope=1,
            RescaleIntercept=-1024,
        )
    offers = examine(records(series.paths))
    (filled,) = [one for one in offers if "fill" in one.options["remedy"]]
    expected = by_pydicom(series)
    for lazy in (True, False):
        values = filled.load(lazy=lazy).numpy()
        assert values.dtype == np.int32
        assert np.array_equal(values[[0, 1, 3, 4]], expected)


def test_a_compressed_series_stays_narrow_too(series, records):
    write_slices(series, np.int16, {1: -32768})
    for path in series.paths:
        ds = pydicom.dcmread(path)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        ds.save_as(path)
    expected = by_pydicom(series)
    volume = loaded(series, records)
    assert volume.dtype == np.int32
    assert np.array_equal(volume.array, expected)
    lazy = loaded(series, records, lazy=True)
    assert lazy.dtype == np.int16
    assert np.array_equal(lazy.numpy(), np.maximum(expected, -32768))
