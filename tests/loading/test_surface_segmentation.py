"""Surface segmentations: what is offered, what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb import examine as examine_paths
from napari_dicomdb.errors import LoadError


def test_it_is_offered_before_its_content(surface_file):
    best, other = examine_paths(surface_file("triangles", "fan"))
    assert (best.kind, best.selected) == ("surface-segmentation", True)
    assert (other.kind, other.selected) == ("content", False)
    volume = best.load()
    assert volume.shape == (16, 3)
    assert volume.array.min(axis=0) == pytest.approx([10, 0, -5])
    assert volume.geometry.frame_of_reference_uid
    assert "2 surfaces" in repr(volume)


@pytest.mark.parametrize("way", ["to_nifti", "to_nrrd", "to_zarr"])
def test_it_is_not_converted(surface_file, tmp_path, way):
    (best, _) = examine_paths(surface_file("fan"))
    with pytest.raises(LoadError, match="no voxels"):
        getattr(best.load(), way)(tmp_path / "x")
    assert not (tmp_path / "x").exists()
    for other in ("to_sitk", "to_xarray"):
        with pytest.raises(LoadError):
            getattr(best.load(), other)()


def test_several_objects_of_a_series_have_names_of_their_own(surface_file, records):
    from napari_dicomdb.loading.loaders.surface_segmentation import SurfaceSegmentationLoader

    both = records([surface_file("fan"), surface_file("strip")])
    loader = SurfaceSegmentationLoader()
    (alone,) = loader.examine(both[:1])
    assert alone.name == "4: Surfaces"
    series = {record.series_uid for record in both}
    assert len(series) == 2
    assert np.unique([one.name for one in loader.examine(both)]).tolist() == ["4: Surfaces"]
