"""What is sheared or uneven: asked before, and refused before where it cannot be done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.export.sources import anybody, made_up, oblique

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.right_angles import (
    check_resampling,
    geometry_need,
    resampled_if_asked,
)
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.progress import no_progress

RESAMPLE = {"geometry": "resample"}


def sheared(row_by_column: float = 0.0, slice_by_row: float = 0.0) -> ExportSource:
    shear = np.eye(4)
    shear[2, 1], shear[1, 0] = row_by_column, slice_by_row
    array = np.arange(3 * 9 * 9, dtype=np.int16).reshape(3, 9, 9)
    return made_up(array, oblique() @ shear)


def choices(source: ExportSource) -> list[str]:
    return [value for need in geometry_need(source) for value, _ in need.choices]


def test_only_what_can_be_done_is_offered() -> None:
    assert geometry_need(made_up(np.zeros((3, 4, 5)))) == ()
    assert choices(sheared(0.2)) == ["resample"]
    assert choices(sheared(0.0, 0.2)) == ["keep", "resample"]
    tilted = sheared(0.0, 90.0)
    assert choices(tilted) == ["keep"]
    assert "too oblique" in geometry_need(tilted)[0].tip
    assert resampled_if_asked(tilted, {"geometry": "keep"}, anybody(), no_progress) is tilted


def test_what_cannot_be_written_is_refused_when_it_is_examined() -> None:
    # The grid that holds it has more than eight times its voxels: known at writing only, before.
    offers = examine_for_export(sheared(60.0))
    assert offers
    for one in offers:
        assert "too oblique to be resampled" in one.refusal
    for one in examine_for_export(sheared(0.2)):
        assert not one.refusal
    for one in examine_for_export(sheared(0.0, 90.0)):
        assert not one.refusal
        assert any("too oblique" in finding.text for finding in one.findings)


def test_it_is_refused_before_it_is_written() -> None:
    far = sheared(60.0)
    with pytest.raises(ExportError) as refused:
        check_resampling(far, RESAMPLE, anybody())
    assert refused.value.reason == "too-large"
    check_resampling(far, {}, anybody())
    (one, *_) = examine_for_export(sheared(0.2))
    assert one.with_options(**RESAMPLE).foresee(anybody()) == ()
    source = sheared(0.2)
    assert source.geometry is not None
    uneven = replace(source, geometry=replace(source.geometry, is_regular=False))
    with pytest.raises(ExportError) as refused:
        check_resampling(uneven, RESAMPLE, anybody())
    assert refused.value.reason == "no-source"
