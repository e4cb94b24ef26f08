"""Stacks become volumes in the order of their positions, with other values when asked for."""

from __future__ import annotations

import numpy as np

from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loaders.scalar_volume import ScalarVolumeLoader
from napari_dicomdb.loading.stacks import STACK_DIMS, load_stack
from napari_dicomdb.loading.volumes import ChosenFrames
from napari_dicomdb.progress import no_progress


def loaded(loadable, **options):
    frames = FrameSet.of_loadable(loadable)
    return load_stack(loadable, frames, lazy=True, progress=no_progress, **options)


def test_slices_are_sorted_by_position(series, records):
    series.axial([4, 0, 2])
    volume = loaded(ScalarVolumeLoader().examine(records(series.paths))[0])
    assert volume.dims == STACK_DIMS
    assert volume.numpy()[:, 0, 0].tolist() == [1, 2, 0]
    np.testing.assert_allclose(volume.geometry.affine[:3, 3], [-10, -20, 0])
    assert volume.meta["slice_sources"] == [0, 1, 2]


def test_other_values_are_read_before_the_remedy(series, records):
    series.axial([0, 2, 4, 6, 10, 12, 14, 16])
    offers = ScalarVolumeLoader().examine(records(series.paths))
    fill = next(o for o in offers if o.options["remedy"] == "fill")

    def backwards(images):
        return ChosenFrames(images, np.arange(len(images))[::-1])

    volume = loaded(fill, values=backwards, units="mm2/s", meta={"quantity": "ADC"})
    assert volume.units == "mm2/s"
    assert volume.meta["quantity"] == "ADC"
    # Slice 4 is missing: half-way between the values of its neighbours.
    assert volume.numpy()[:, 0, 0].tolist()[:4] == [7, 6, 5, 4]
    assert volume.meta["filled_slices"] == [4]
