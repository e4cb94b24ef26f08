"""Whole slides against their original, and against the pixels that were cut into tiles."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.loaders.whole_slide import WholeSlideLoader

tifffile = pytest.importorskip("tifffile")


def test_a_pyramid_is_the_svs_it_was_made_of(reference_data, records):
    folder = reference_data / "wsi"
    expected = json.loads((folder / "ref" / "expected.json").read_text())
    offers = examine(records((folder / "cmu-1-small-region").glob("*.dcm")))
    assert [o.kind for o in offers] == ["whole-slide"]
    volume = offers[0].load()
    columns, rows = expected["level0_total_matrix_xy"]
    assert volume.shape == offers[0].shape == (rows, columns, 3)
    assert [list(v.shape[1::-1]) for v in volume.levels] == sorted(
        expected["levels"].values(), reverse=True
    )
    assert volume.levels[0] is volume.array
    svs = tifffile.imread(folder / "ref" / "CMU-1-Small-Region.svs")
    whole = volume.numpy()
    assert whole.shape == svs.shape
    assert np.abs(whole.astype(int) - svs).mean() == pytest.approx(3.44, abs=0.01)
    np.testing.assert_allclose(whole.mean(axis=(0, 1)), expected["svs_rgb_mean"], atol=1)
    for level in volume.levels[1:4]:
        # A smaller level is the same picture.
        np.testing.assert_allclose(np.asarray(level).mean(axis=(0, 1)), svs.mean((0, 1)), atol=2)
    assert volume.geometry.spacing[1:] == pytest.approx(tuple(expected["pixel_spacing_mm"]))
    assert volume.geometry.in_slide
    assert not volume.geometry.in_patient


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
def test_tiles_make_the_image_that_was_cut(slide, records, lazy, colour, sparse):
    grid = [(t, c) for t in (1, 9) for c in (1, 9, 17)][::-1] if sparse else None
    slide((13, 21), tile=(8, 8), colour=colour, positions=grid)
    (offer,) = examine(records(slide.paths))
    volume = offer.load(lazy=lazy)
    assert isinstance(volume.array, np.ndarray) is not lazy
    np.testing.assert_array_equal(volume.numpy(), slide.whole[0, 0])
    assert volume.is_rgb is colour
    assert volume.levels == ()
    assert volume.dims == offer.dims == ("row", "column")


def test_optical_paths_and_focal_planes_are_axes(slide, records):
    slide((13, 21), tile=(8, 8), planes=3, paths=("DAPI", "FITC"), SpacingBetweenSlices=0.002)
    (offer,) = examine(records(slide.paths))
    volume = offer.load()
    assert volume.dims == ("optical_path", "focal_plane", "row", "column")
    assert volume.coords["optical_path"].values == ("DAPI", "FITC")
    assert volume.coords["focal_plane"].values == (0, 0.002, 0.004)
    assert volume.coords["focal_plane"].unit == "mm"
    np.testing.assert_array_equal(volume.numpy(), slide.whole)
    assert offer.shape == volume.shape


def test_label_and_overview_are_apart(slide, records):
    slide((40, 60), tile=(16, 16))
    slide((20, 30), tile=(16, 16), spacing=1.0)
    for flavour in ("LABEL", "OVERVIEW", "THUMBNAIL"):
        slide((10, 15), flavour=flavour, spacing=2.0)
    offers = examine(records(slide.paths))
    assert all(o.selected for o in offers)
    assert sorted(o.kind for o in offers) == [
        "slide-label",
        "slide-overview",
        "slide-thumbnail",
        "whole-slide",
    ]
    pyramid = next(o for o in offers if o.kind == "whole-slide")
    assert [v.shape for v in pyramid.load().levels] == [(40, 60), (20, 30)]


def test_place_on_the_slide_is_the_standards(slide, records):
    slide((8, 8), origin=(20.5, 40.25), spacing=0.25, ImageOrientationSlide=[0, -1, 0, -1, 0, 0])
    affine = examine(records(slide.paths))[0].load().geometry.affine
    # Columns go along -y, rows along -x; the origin is the centre of the first pixel.
    np.testing.assert_allclose(affine @ [0, 2, 3, 1], [20.5 - 0.5, 40.25 - 0.75, 0, 1])


def test_absent_tiles_are_glass(slide, records):
    slide((16, 16), tile=(8, 8), colour=True, lost=1)
    (offer,) = examine(records(slide.paths))
    assert FindingCode.MULTIFRAME_INCONSISTENT in {f.code for f in offer.findings}
    values = offer.load().numpy()
    np.testing.assert_array_equal(values[:8], slide.whole[0, 0][:8])
    assert (values[8:, 8:] == 255).all()


def test_unknown_place_and_size_are_told(slide, records):
    slide((8, 8), origin=None)
    slide((9, 9), spacing=None)
    first, second = examine(records(slide.paths))
    codes = [{f.code for f in one.findings} for one in (first, second)]
    assert FindingCode.NO_GEOMETRY in codes[0]
    assert FindingCode.NO_SPACING in codes[1]
    assert second.load().geometry.spacing_label == "pixel"


def test_a_level_that_is_gone_leaves_the_others(slide, records):
    slide((40, 60), tile=(16, 16))
    slide((20, 30), tile=(16, 16), spacing=1.0)
    known = records(slide.paths)
    slide.paths[1].unlink()
    volume = examine(known)[0].load()
    assert volume.shape == (40, 60)
    assert volume.levels == ()
    assert FindingCode.FILE_MISSING in {f.code for f in volume.findings}
    slide.paths[0].unlink()
    with pytest.raises(LoadError, match="none of its files") as caught:
        examine(known)[0].load()
    assert caught.value.reason == "file-missing"


def test_other_images_are_left_to_others(series, records):
    series.axial([0, 2])
    assert WholeSlideLoader().examine(records(series.paths)) == []
