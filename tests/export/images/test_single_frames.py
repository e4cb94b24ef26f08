"""Order and numbers of single frames; whole files are in exporters/test_image.py."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import DIMS, anybody, made_up, oblique

from napari_dicomdb.export.images.single_frames import (
    IMAGE_CLASSES,
    SECONDARY_CAPTURE,
    Drawing,
    single_frames,
)
from napari_dicomdb.export.images.stored_values import plan_stored, value_range
from napari_dicomdb.export.study import NewSeries
from napari_dicomdb.loading.volume import Coord


def test_numbers_go_along_the_normal() -> None:
    affine = oblique()
    affine[:3, 0] *= -1
    array = np.arange(2 * 3 * 4).reshape(2, 3, 2, 2).astype(np.uint16)
    source = made_up(array, affine)
    stored = plan_stored(source, value_range(source))
    drawing = Drawing(source, anybody(), NewSeries("OT"), SECONDARY_CAPTURE, stored, "x" * 2000)
    found = list(single_frames(drawing))
    assert [header.InstanceNumber for header, _ in found] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(
        [frame[0, 0] for _, frame in found], array[:, ::-1, 0, 0].ravel()
    )
    locations = [float(header.SliceLocation) for header, _ in found[:3]]
    assert locations == sorted(locations)
    assert [header.TemporalPositionIdentifier for header, _ in found] == [1, 1, 1, 2, 2, 2]
    assert len({header.SOPInstanceUID for header, _ in found}) == 6
    first = found[0][0]
    expected = affine @ [2, 0, 0, 1]
    assert [float(x) for x in first.ImagePositionPatient] == pytest.approx(expected[:3])
    assert len(first.DerivationDescription) == 1024


def test_inversion_times_are_of_an_inversion_recovery() -> None:
    # dciodvfy: InversionTime may be there with that sequence only.
    source = made_up(
        np.ones((2, 1, 2, 2), np.uint16),
        dims=("inversion_time", *DIMS),
        coords={"inversion_time": Coord((50.0, 400.0), "ms")},
        meta={"modality": "MR"},
    )
    stored = plan_stored(source, value_range(source))
    drawing = Drawing(source, anybody(), NewSeries("MR"), IMAGE_CLASSES["MR"], stored)
    headers = [header for header, _ in single_frames(drawing)]
    assert [h.ScanningSequence for h in headers] == ["IR", "IR"]
    assert [float(h.InversionTime) for h in headers] == [50, 400]
