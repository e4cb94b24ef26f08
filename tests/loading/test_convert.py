from __future__ import annotations

import gzip
import json

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import zarr

from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.loading import Coord, Volume, VolumeGeometry, convert, examine
from napari_dicomdb.loading.squaring import is_right_angled

OBLIQUE = np.array(
    [
        [0.6, 0.0, 0.56, -11.0],
        [0.0, 0.5, 0.0, 7.5],
        [0.8, 0.0, -0.42, 30.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
RAS = np.diag([-1, -1, 1, 1])


def volume(shape=(4, 5, 6), affine=OBLIQUE, dtype=np.int16, **options):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    dims = options.pop("dims", ("slice", "row", "column"))
    spatial = shape[len(dims) - 3 : len(dims)]
    return Volume(
        array,
        dims,
        VolumeGeometry(np.array(affine), spatial, options.pop("frame", "1.2.3")),
        **options,
    )


def probe(shape):
    """Voxels at the corners and inside."""
    return [(0, 0, 0), tuple(n - 1 for n in shape), (1, 2, 3), (2, 0, 5)]


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_nifti_keeps_every_voxel_in_its_place(tmp_path, name):
    v = volume()
    path = v.to_nifti(tmp_path / "new" / name)
    assert [p.name for p in path.parent.iterdir()] == [name]
    image = nib.load(path)
    data = np.asanyarray(image.dataobj)
    assert data.dtype == np.int16
    for k, r, c in probe(v.shape):
        assert data[c, r, k] == v.array[k, r, c]
        lps = v.geometry.affine @ (k, r, c, 1)
        assert np.allclose(image.affine @ (c, r, k, 1), RAS @ lps, atol=1e-5)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert int(image.header["sform_code"]) == 1
    assert np.allclose(image.header.get_qform(), image.affine, atol=1e-4)
    if name.endswith("gz"):
        assert gzip.decompress(path.read_bytes())


def test_nifti_takes_a_sheared_affine_as_it_is(tmp_path):
    sheared = OBLIQUE.copy()
    sheared[:3, 0] += 0.3 * OBLIQUE[:3, 1]
    image = nib.load(volume(affine=sheared).to_nifti(tmp_path / "s.nii"))
    assert np.allclose(image.get_sform(), RAS @ sheared[:, [2, 1, 0, 3]], atol=1e-6)


def test_nifti_of_integers_of_64_bits(tmp_path):
    """Unsigned 32 bits with an offset need them; nibabel wants to be told so."""
    large = volume(dtype=np.int64)
    large.array[0, 0, 0] = -(2**40)
    image = nib.load(large.to_nifti(tmp_path / "large.nii"))
    assert image.get_data_dtype() == np.int64
    assert int(np.asarray(image.dataobj)[0, 0, 0]) == -(2**40)


def test_nifti_of_colour_time_and_plain_pictures(tmp_path):
    colour = volume((2, 5, 6, 3), dtype=np.uint8, is_rgb=True)
    data = np.asanyarray(nib.load(colour.to_nifti(tmp_path / "c.nii")).dataobj)
    assert tuple(data[5, 4, 1]) == tuple(colour.array[1, 4, 5])

    dims = ("time", "slice", "row", "column")
    moving = volume((3, 4, 5, 6), dims=dims, coords={"time": Coord((0.0, 2.5, 5.0), "s")})
    image = nib.load(moving.to_nifti(tmp_path / "t.nii"))
    assert image.shape == (6, 5, 4, 3)
    assert image.header.get_zooms()[3] == 2.5
    assert image.header.get_xyzt_units()[1] == "sec"
    assert np.array_equal(np.asanyarray(image.dataobj).T, moving.array)

    flat = Volume(
        np.ones((5, 6), np.uint8),
        ("row", "column"),
        VolumeGeometry(
            np.diag([1.0, 2, 3, 1])[[2, 1, 0, 3]][:, [0, 1, 2, 3]], (1, 5, 6), in_patient=False
        ),
    )
    image = nib.load(flat.to_nifti(tmp_path / "f.nii"))
    assert image.shape == (6, 5, 1)
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 0

    assert nib.load(volume(dtype=bool).to_nifti(tmp_path / "b.nii")).get_data_dtype() == np.uint8
    with pytest.raises(LoadError, match="float16"):
        volume(dtype=np.float16).to_nifti(tmp_path / "h.nii")
    with pytest.raises(LoadError, match="8 bits"):
        volume((2, 5, 6, 3), dtype=np.uint16, is_rgb=True).to_nifti(tmp_path / "c16.nii")


def test_nifti_has_time_fourth_and_says_what_the_others_are(tmp_path):
    dims = ("time", "echo_time", "slice", "row", "column")
    coords = {"time": Coord((0, 2, 4), "s"), "echo_time": Coord((4.9, 9.8), "ms")}
    v = volume((3, 2, 4, 5, 6), dims=dims, coords=coords)
    image = nib.load(v.to_nifti(tmp_path / "v.nii"))
    assert image.shape == (6, 5, 4, 3, 2)
    assert image.header.get_zooms()[3:] == (2.0, 1.0)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert np.array_equal(np.asanyarray(image.dataobj)[..., 2, 1].T, v.array[2, 1])
    (comment,) = image.header.extensions
    said = json.loads(comment.get_content())
    assert said["axes"] == ["time", "echo_time"]
    assert said["coords"]["echo_time"] == {"values": [4.9, 9.8], "unit": "ms"}

    echoes = volume((2, 4, 5, 6), dims=dims[1:], coords={"echo_time": coords["echo_time"]})
    header = nib.load(echoes.to_nifti(tmp_path / "e.nii")).header
    # The distance between echoes is no repetition time.
    assert header.get_zooms()[3] == 1 and header.get_xyzt_units()[1] == "unknown"


def test_zarr_names_every_axis(tmp_path):
    dims = ("component", "time", "slice", "row", "column")
    coords = {"component": Coord(("real", "imaginary")), "time": Coord((0.0, 30.0, 60.0), "ms")}
    v = volume((2, 3, 4, 5, 6), dims=dims, coords=coords)
    group = zarr.open_group(str(v.to_zarr(tmp_path / "v.zarr")), mode="r")
    multiscale = group.attrs["ome"]["multiscales"][0]
    assert multiscale["axes"][:2] == [
        {"name": "component", "type": "other"},
        {"name": "time", "type": "time", "unit": "millisecond"},
    ]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale[:2] == [1.0, 30.0]
    assert group.attrs["dicomdb"]["coords"]["component"]["values"] == ["real", "imaginary"]
    assert np.array_equal(group["0"][:], v.array)


def test_nrrd_keeps_every_voxel_in_its_place(tmp_path):
    v = volume(units="HU")
    data, header = nrrd.read(str(v.to_nrrd(tmp_path / "v.nrrd")))
    assert header["space"] == "left-posterior-superior"
    assert header["dicomdb units"] == "HU"
    for k, r, c in probe(v.shape):
        assert data[c, r, k] == v.array[k, r, c]
        place = header["space origin"] + np.array([c, r, k]) @ header["space directions"]
        assert np.allclose(place, (v.geometry.affine @ (k, r, c, 1))[:3])
    image = sitk.ReadImage(str(tmp_path / "v.nrrd"))
    assert np.allclose(image.TransformIndexToPhysicalPoint((5, 0, 2)), OBLIQUE[:3] @ (2, 0, 5, 1))


def test_nrrd_of_a_name_in_other_letters(tmp_path):
    """Its header is ASCII: a name with an umlaut, or of two lines, ended the export."""
    v = volume(units="10\u207b\u2076 mm\u00b2/s", meta={"name": "M\u00fcller\n3 \u00d7 3 \u80f8"})
    data, header = nrrd.read(str(v.to_nrrd(tmp_path / "v.nrrd")))
    assert header["content"] == "Muller 3 x 3"
    assert np.array_equal(data.T, v.array)
    assert sitk.ReadImage(str(tmp_path / "v.nrrd")).GetSize() == v.array.shape[::-1]


def test_nrrd_of_colour_and_time(tmp_path):
    colour = volume((2, 5, 6, 3), dtype=np.uint8, is_rgb=True)
    data, header = nrrd.read(str(colour.to_nrrd(tmp_path / "c.nrrd")))
    assert header["kinds"][0] == "RGB-color"
    assert data[:, 5, 4, 1].tolist() == colour.array[1, 4, 5].tolist()
    dims = ("time", "slice", "row", "column")
    moving = volume((3, 4, 5, 6), dims=dims, coords={"time": Coord((0, 1, 2), "s")})
    data, header = nrrd.read(str(moving.to_nrrd(tmp_path / "t.nrrd")))
    assert header["kinds"][-1] == "list"
    assert header["labels"] == ["column", "row", "slice", "time"]
    assert header["units"] == ["", "", "", "s"]
    assert sitk.ReadImage(str(tmp_path / "t.nrrd")).GetSize()[:3] == (6, 5, 4)
    assert header["dicomdb axis 3"] == "time [s]: 0 1 2"
    assert np.array_equal(data.T, moving.array)


def test_zarr_has_scale_and_exact_affine(tmp_path):
    v = volume((4, 5, 6), units="HU", meta={"name": "CT"})
    path = v.to_zarr(tmp_path / "v.zarr")
    v.to_zarr(path)  # replaces
    assert [p.name for p in tmp_path.iterdir()] == ["v.zarr"]
    group = zarr.open_group(str(path), mode="r")
    assert np.array_equal(group["0"][:], v.array)
    multiscale = group.attrs["ome"]["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert np.allclose(scale, v.geometry.spacing)
    assert np.array_equal(group.attrs["dicomdb"]["affine_lps"], OBLIQUE)


def test_simpleitk_has_the_same_points():
    v = volume(dtype=np.float32)
    image = v.to_sitk()
    assert image.GetSize() == (6, 5, 4)
    for k, r, c in probe(v.shape):
        assert image[c, r, k] == v.array[k, r, c]
        place = image.TransformIndexToPhysicalPoint((c, r, k))
        assert np.allclose(place, (v.geometry.affine @ (k, r, c, 1))[:3], atol=1e-6)


def test_simpleitk_gets_right_angles():
    # The value is the y coordinate: resampling must keep that wherever voxels go.
    affine = np.array([[0, 0, 1, 0], [1, 0.5, 0, -3], [4, 0, 0, 10], [0, 0, 0, 1.0]])
    rows = np.arange(20)[None, :, None]
    slices = np.arange(4)[:, None, None]
    array = np.broadcast_to(affine[1, 0] * slices + 0.5 * rows - 3, (4, 20, 3)).astype("f4")
    v = Volume(
        np.ascontiguousarray(array),
        ("slice", "row", "column"),
        VolumeGeometry(affine, array.shape),
        meta={"padding": (-100.0, -100.0)},
    )
    assert not is_right_angled(affine)
    image = v.to_sitk()
    got = sitk.GetArrayFromImage(image)
    inside = 0
    for k, r, c in np.ndindex(got.shape):
        if got[k, r, c] > -50:
            _, y, _ = image.TransformIndexToPhysicalPoint((c, r, k))
            assert abs(got[k, r, c] - y) < 1e-4
            inside += 1
    assert inside >= array.size


def test_simpleitk_of_colour_and_time():
    colour = volume((2, 5, 6, 3), dtype=np.uint8, is_rgb=True).to_sitk()
    assert colour.GetNumberOfComponentsPerPixel() == 3
    dims = ("time", "slice", "row", "column")
    moving = volume((3, 4, 5, 6), dims=dims, coords={"time": Coord((0, 2, 4), "s")}).to_sitk()
    assert moving.GetSize() == (6, 5, 4, 3)
    assert moving.GetSpacing()[3] == 2
    with pytest.raises(LoadError, match="4 axes"):
        volume((2, 2, 4, 5, 6), dims=("a", *dims)).to_sitk()


def test_xarray_names_axes_and_keeps_the_affine():
    dims = ("time", "slice", "row", "column")
    v = volume((3, 4, 5, 6), dims=dims, coords={"time": Coord((0, 2, 4), "s")}, units="HU")
    data = v.to_xarray()
    assert data.dims == dims
    assert data.coords["time"].attrs["units"] == "s"
    assert np.allclose(data.coords["row"], np.arange(5) * 0.5)
    assert np.array_equal(data.attrs["affine_lps"], OBLIQUE)
    assert float(data.sel(time=2)[1, 2, 3]) == v.array[1, 1, 2, 3]


@pytest.mark.parametrize(
    ("library", "call", "extra"),
    [
        ("nibabel", lambda v, p: v.to_nifti(p / "x.nii"), "nifti"),
        ("nrrd", lambda v, p: v.to_nrrd(p / "x.nrrd"), "nrrd"),
        ("zarr", lambda v, p: v.to_zarr(p / "x.zarr"), "zarr"),
        ("SimpleITK", lambda v, p: v.to_sitk(), "sitk"),
        ("xarray", lambda v, p: v.to_xarray(), "xarray"),
    ],
)
def test_a_missing_library_is_named_with_the_remedy(tmp_path, monkeypatch, library, call, extra):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(MissingLibraryError, match=rf"pip install 'napari-dicomdb\[{extra}\]'"):
        call(volume(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = volume().to_nifti(tmp_path / "v.nii")
    before = path.read_bytes()

    def fails(image, name):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(nib, "save", fails)
    with pytest.raises(OSError, match="disk full"):
        volume(dtype=np.float32).to_nifti(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["v.nii"]


def test_simpleitk_reads_a_series_as_we_do(reference_data, records):
    folder = reference_data / "ctmrpet_rtstruct"
    for name in ("STS_002_CT", "STS_002_MR_T1", "STS_002_PET"):
        files = [str(p) for p in (folder / name / "dicom").iterdir()]
        known = records((folder / name / "dicom").iterdir())
        best = examine(known)[0]
        ours = best.load().to_sitk()
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(i.path) for i in best.instances])
        theirs = reader.Execute()
        assert len(files) == ours.GetSize()[2]
        assert ours.GetSize() == theirs.GetSize()
        assert np.allclose(ours.GetOrigin(), theirs.GetOrigin(), atol=1e-3)
        assert np.allclose(ours.GetSpacing(), theirs.GetSpacing(), atol=1e-3)
        assert np.allclose(ours.GetDirection(), theirs.GetDirection(), atol=1e-5)
        assert np.allclose(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs), rtol=1e-6)


def test_the_module_writes_what_the_methods_write(tmp_path):
    assert convert.write_nifti(volume(), tmp_path / "a.nii").is_file()
