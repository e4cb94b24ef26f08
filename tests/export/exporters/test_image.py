"""Images written and read again: by dciodvfy, by us, by SimpleITK, highdicom, dcm2niix."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from tests.export.sources import anybody, errors_of, made_up, oblique, of_data

from napari_dicomdb import Database, Volume
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.exporters.image import ImageExporter
from napari_dicomdb.export.registry import examine_for_export, exporter_named
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.volume import Coord, VolumeGeometry

RNG = np.random.default_rng(7)


def offers(source: ExportSource) -> dict[str, Exportable]:
    return {str(one.options["form"]): one for one in ImageExporter().examine(source)}


def written(one: Exportable, target: StudyTarget, folder: Path, **options) -> list[Path]:
    report = write_results(None, [one.with_options(**options)], target, folder=folder)
    return [Path(path) for path in report.files]


def read(paths: list[Path]) -> Volume:
    with Database.in_memory() as database:
        database.import_paths(paths, workers=0)
        (series,) = database.series()
        (offer,) = (o for o in database.examine(series) if o.selected)
        return offer.load(lazy=False)


def by_simpleitk(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Array and affine from (k, row, column) to LPS."""
    image = SimpleITK.ReadImage([str(p) for p in paths] if len(paths) > 1 else str(paths[0]))
    turned = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = turned[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image), affine


def same(volume: Volume, source: ExportSource, error: float = 0.0) -> None:
    """Compare voxels and their places, whichever way the slices run."""
    array, affine = np.asarray(volume.array, np.float64), volume.geometry.affine
    wanted, place = source.numpy().astype(np.float64), source.geometry.affine
    assert array.size == wanted.size
    if affine[:3, 0] @ place[:3, 0] < 0:
        array = np.flip(array, -3)
        affine = affine @ np.array(
            [[-1, 0, 0, source.grid[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        )
    np.testing.assert_allclose(affine, place, atol=1e-4, rtol=0)
    np.testing.assert_allclose(array.reshape(wanted.shape), wanted, atol=error * 1.0001, rtol=0)


def by_dcm2niix(
    command: str, folder: Path, source: ExportSource, out: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Values of the voxels of `source` by dcm2niix, and how far off they are, in voxels."""
    out.mkdir()
    flags = ["-b", "n", "-z", "n", "-m", "y", "-f", "x", "-o", str(out), str(folder)]
    subprocess.run([command, *flags], check=True, capture_output=True)
    (path,) = out.glob("*.nii")
    image = nibabel.load(path)
    # NIfTI is RAS, DICOM LPS; rows are turned around: compare place by place.
    lps = np.diag([-1.0, -1, 1, 1]) @ image.affine
    k, r, c = np.indices(source.grid).reshape(3, -1)
    at = np.linalg.solve(lps, source.geometry.affine @ np.stack([k, r, c, np.ones_like(k)]))[:3]
    index = np.rint(at).astype(int)
    data = np.asarray(image.dataobj).reshape(*image.shape[:3], -1)
    values = [volume[tuple(index)] for volume in np.moveaxis(data, -1, 0)]
    return np.array(values).reshape(source.shape), np.abs(at - index)


@cache
def loaded(folder: Path) -> tuple[ExportSource, StudyTarget]:
    """Load once for all forms, twelve slices at most."""
    with Database.in_memory() as database:
        source, target = of_data(database, folder)
    if source.leading or source.grid[0] <= 12:
        return source, target
    geometry = replace(source.geometry, shape=(12, *source.grid[1:]))
    return source.with_array(source.numpy()[:12], geometry), target


SERIES = {
    "ct": "rt_dvh_slicerrt/ct",
    "mr": "ctmrpet_rtstruct/STS_002_MR_T1/dicom",
    "pet": "ctmrpet_rtstruct/STS_002_PET/dicom",
    "echoes": "multiecho",
    "fmri": "4d_fmri/dcm_qa_nih__EPI_PEAP_3",
}


@pytest.mark.parametrize("form", ["classic", "enhanced", "secondary-capture", "multi-frame"])
@pytest.mark.parametrize("name", SERIES)
def test_reference_data(
    name: str, form: str, reference_data: Path, tmp_path: Path, program
) -> None:
    source, target = loaded(reference_data / SERIES[name])
    one = offers(source)[form]
    paths = written(one, target, tmp_path / "out")
    told = [loss for loss in one.losses if "to within" in loss]
    error = float(told[0].split("to within ")[1].split()[0]) * 1.01 if told else 0.0
    assert (error > 0) == (name == "pet")
    for path in {paths[0], paths[-1]}:
        assert errors_of(program, path) == []
    volume = read(paths)
    same(volume, source, error)
    if form == "classic":
        assert volume.units == source.units
        assert volume.meta["modality"] == source.modality
        for dim, coord in source.coords.items():
            assert volume.coords[dim].values == pytest.approx(coord.values)
    if not source.leading:
        values, affine = by_simpleitk(paths)
        np.testing.assert_allclose(affine, source.geometry.affine, atol=1e-4)
        np.testing.assert_allclose(values, source.numpy(), atol=error * 1.0001, rtol=0)
    if name != "echoes":  # of which it makes a file each
        values, off = by_dcm2niix(program("dcm2niix"), tmp_path / "out", source, tmp_path / "nii")
        assert off.max() < 1e-3
        np.testing.assert_allclose(values, source.numpy(), atol=error * 1.001, rtol=0)
    header = pydicom.dcmread(paths[-1])
    assert header.StudyInstanceUID == target.study_uid
    refers = {str(i.ReferencedSOPInstanceUID) for i in header.get("SourceImageSequence", ())}
    if form == "enhanced":
        refers = {
            str(f.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID)
            for f in header.PerFrameFunctionalGroupsSequence
        }
    assert refers
    assert refers <= set(source.references)


def test_the_best_is_the_class_of_the_modality(reference_data: Path) -> None:
    with Database.in_memory() as database:
        source, _ = of_data(database, reference_data / SERIES["ct"])
    assert isinstance(exporter_named("image"), ImageExporter)
    found = ImageExporter().examine(source)
    assert max(found, key=lambda one: one.confidence).options["form"] == "classic"
    assert ImageExporter().examine(replace(source, role="labels")) == []
    no_sources = replace(source, references=())
    assert set(offers(no_sources)) == {"classic", "secondary-capture", "multi-frame"}


@pytest.mark.parametrize("compression", ["none", "deflated", "rle", "jpeg-ls", "jpeg-2000"])
@pytest.mark.parametrize("kind", ["i2", "u2", "u1", "f4", "rgb"])
def test_lossless_compressions(kind: str, compression: str, tmp_path: Path, program) -> None:
    if kind == "rgb":
        array = RNG.integers(0, 256, (5, 6, 7, 3)).astype(np.uint8)
    elif kind == "f4":
        array = RNG.normal(0, 1, (5, 6, 7)).astype(np.float32)
    else:
        limits = np.iinfo(kind)
        array = RNG.integers(limits.min, limits.max, (5, 6, 7), endpoint=True).astype(kind)
    source = made_up(array, is_rgb=kind == "rgb")
    for form, one in offers(source).items():
        paths = written(one, anybody(), tmp_path / form, compression=compression)
        syntax = pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID
        assert syntax.is_encapsulated == (compression not in ("none", "deflated"))
        assert syntax.is_deflated == (compression == "deflated")
        checked = paths[-1]
        if compression == "deflated":  # which dciodvfy does not read
            checked = tmp_path / f"{form}.dcm"
            subprocess.run([program("dcmconv"), "+te", str(paths[-1]), str(checked)], check=True)
        assert errors_of(program, checked) == []
        quantum = np.ptp(array) / 65535 / 2 + np.abs(array).max() * 2.0**-23
        error = quantum * 1.001 if kind == "f4" else 0.0
        same(read(paths), source, error)
        if kind != "rgb":
            continue
        pixels = [pydicom.dcmread(p).pixel_array.tobytes() for p in paths]
        wanted = [plane.tobytes() for plane in array]
        assert sorted(pixels) == sorted(wanted) if len(paths) > 1 else len(pixels[0]) == array.size


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_peers_agree_on_oblique_images(modality: str, tmp_path: Path, program) -> None:
    array = RNG.integers(-1000, 3000, (5, 6, 7)).astype(np.int16)
    source = made_up(array, units="HU" if modality == "CT" else "", meta={"modality": modality})
    paths = written(offers(source)["classic"], anybody(), tmp_path / "out")
    assert errors_of(program, paths[2]) == []
    same(read(paths), source)
    values, affine = by_simpleitk(paths)
    np.testing.assert_array_equal(values, array)
    np.testing.assert_allclose(affine, source.geometry.affine, atol=1e-4)
    volume = highdicom.get_volume_from_series([pydicom.dcmread(p) for p in paths])
    matched = volume.match_geometry(
        highdicom.Volume.from_components(
            array,
            spacing=np.linalg.norm(source.geometry.affine[:3, :3], axis=0),
            position=source.geometry.affine[:3, 3],
            direction=source.geometry.affine[:3, :3]
            / np.linalg.norm(source.geometry.affine[:3, :3], axis=0),
            coordinate_system="PATIENT",
        ).get_geometry(),
        tol=1e-4,
    )
    np.testing.assert_array_equal(matched.array, array)
    values, off = by_dcm2niix(program("dcm2niix"), tmp_path / "out", source, tmp_path / "nifti")
    assert off.max() < 1e-3
    np.testing.assert_array_equal(values, array)


def test_positions_keep_their_digits(tmp_path: Path) -> None:
    source = made_up(np.zeros((3, 4, 5), np.uint8))
    for path in written(offers(source)["secondary-capture"], anybody(), tmp_path):
        raw = pydicom.dcmread(path)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            assert all(len(str(v)) <= 16 for v in raw[keyword].value)
        at = np.array(raw.ImagePositionPatient, float)
        along = np.linalg.lstsq(oblique()[:3, :1], at - oblique()[:3, 3], rcond=None)[0]
        np.testing.assert_allclose(along, np.rint(along), atol=1e-9)


def test_values_out_of_range_are_rescaled_and_said(tmp_path: Path) -> None:
    wide = made_up(np.linspace(-1e7, 5e9, 60).reshape(3, 4, 5).astype(np.int64))
    one = offers(wide)["secondary-capture"]
    (loss,) = (x for x in one.losses if "to within" in x)
    stated = float(loss.split()[-1])
    assert stated == pytest.approx(5.01e9 / 65535 / 2, rel=0.02)
    same(read(written(one, anybody(), tmp_path / "wide")), wide, stated * 1.01)
    shifted = made_up((np.arange(60).reshape(3, 4, 5) + 2_000_000).astype(np.int32))
    assert offers(shifted)["secondary-capture"].losses == ()
    same(read(written(offers(shifted)["secondary-capture"], anybody(), tmp_path / "s")), shifted)


def test_what_is_no_number_becomes_padding(tmp_path: Path, program) -> None:
    array = RNG.normal(0, 1, (3, 4, 5))
    array[1, 2, 3], array[0, 0, 0] = np.nan, np.inf
    source = made_up(array, meta={"modality": "MR"})
    one = offers(source)["classic"]
    assert [f.numbers["voxels"] for f in one.findings if f.numbers] == [2]
    paths = written(one, anybody(), tmp_path)
    assert errors_of(program, paths[0]) == []
    headers = [pydicom.dcmread(p) for p in paths]
    padding = sum(int((h.pixel_array == h.PixelPaddingValue).sum()) for h in headers)
    assert padding == 2


def test_a_sheared_layer_is_resampled_only_when_told(tmp_path: Path, program) -> None:
    k, r, c = np.indices((6, 8, 9)).astype(float)
    affine = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    affine[0, 1] = 0.4  # rows lean over
    source = made_up((10 * c + 3 * r + k).astype(np.float32), affine)
    one = offers(source)["secondary-capture"]
    with pytest.raises(ExportError) as error:
        one.check()
    assert error.value.reason == "unanswered"
    with pytest.raises(ExportError, match="use one of resample"):
        one.with_options(geometry="keep").check()
    volume = read(written(one, anybody(), tmp_path / "a", geometry="resample"))
    # A linear field stays linear: each voxel inside says where it is.
    array, at = np.asarray(volume.array), volume.geometry.affine
    k, r, c = np.indices(array.shape).reshape(3, -1)
    back = np.linalg.solve(affine, at @ np.stack([k, r, c, np.ones_like(k)]))
    inside = (back[:3] >= 0).all(axis=0) & (back[:3] <= np.array([[5], [7], [8]])).all(axis=0)
    wanted = 10 * back[2] + 3 * back[1] + back[0]
    assert inside.sum() > 300
    np.testing.assert_allclose(array[k, r, c][inside], wanted[inside], atol=2e-3)
    # A tilted gantry may be written as it is, or at right angles.
    tilted = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    tilted[1, 0] = 0.5
    source = made_up(np.arange(432, dtype=np.uint16).reshape(6, 8, 9), tilted)
    one = offers(source)["secondary-capture"]
    assert [n.key for n in one.unanswered] == ["geometry"]
    paths = written(one, anybody(), tmp_path / "b", geometry="keep")
    assert errors_of(program, paths[0]) == []
    places = sorted(tuple(map(float, pydicom.dcmread(p).ImagePositionPatient)) for p in paths)
    np.testing.assert_allclose(places, sorted((0, 0.5 * k, 2.0 * k) for k in range(6)))


def test_2d_colours_and_pixels_without_a_size(tmp_path: Path, program) -> None:
    floats = RNG.random((1, 4, 5, 4)).astype(np.float32)
    source = made_up(floats, is_rgb=True, geometry=None)
    one = offers(source)["secondary-capture"]
    assert {"transparency is not kept", "colours are kept to within 1/510 of full brightness"} <= {
        *one.losses
    }
    (path,) = written(one, anybody(), tmp_path)
    assert errors_of(program, path) == []
    header = pydicom.dcmread(path)
    assert "PixelSpacing" not in header
    assert "FrameOfReferenceUID" not in header
    np.testing.assert_allclose(header.pixel_array / 255, floats[0, ..., :3], atol=1 / 509)
    geometry = VolumeGeometry(np.diag([1.0, 0.5, 0.25, 1]), (1, 4, 5), in_patient=False)
    source = made_up(np.zeros((1, 4, 5), np.uint8), geometry=geometry)
    (path,) = written(offers(source)["secondary-capture"], anybody(), tmp_path)
    assert list(pydicom.dcmread(path).PixelSpacing) == [0.5, 0.25]


def test_names_and_frames_of_reference(reference_data: Path, tmp_path: Path) -> None:
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / SERIES["ct"])
    long = replace(source, name="Größe " * 20)
    one = offers(long)["classic"]
    assert "its name is cut to 64 characters" in one.losses
    (path, *_) = written(one, target, tmp_path)
    assert pydicom.dcmread(path).SeriesDescription == ("Größe " * 20)[:64].strip()
    with pytest.raises(ExportError, match="at most 64"):
        written(one, target, tmp_path / "x", description="x" * 65)
    elsewhere = replace(source.geometry, frame_of_reference_uid="1.2.3")
    with pytest.raises(ExportError) as error:
        written(offers(replace(source, geometry=elsewhere))["classic"], target, tmp_path / "y")
    assert error.value.reason == "mixed-frame-of-reference"
    assert not (tmp_path / "y").exists() or not list((tmp_path / "y").iterdir())
    singular = replace(source.geometry, affine=np.zeros((4, 4)))
    assert offers(replace(source, geometry=singular))["classic"].refusal


def test_time_and_unknown_axes(tmp_path: Path) -> None:
    array = RNG.integers(0, 4096, (3, 4, 5, 6)).astype(np.uint16)
    coords = {"time": Coord((0.0, 1.5, 3.0), "s")}
    source = made_up(array, dims=("time", "slice", "row", "column"), coords=coords,
                     meta={"modality": "MR"})  # fmt: skip
    assert offers(source)["classic"].losses == ()
    volume = read(written(offers(source)["classic"], anybody(), tmp_path / "t"))
    same(volume, source)
    assert volume.dims[0] == "time"
    assert volume.coords["time"].values == pytest.approx((0, 1.5, 3))
    source = made_up(array, meta={"modality": "MR"})
    assert offers(source)["classic"].losses == ()
    volume = read(written(offers(source)["classic"], anybody(), tmp_path / "u"))
    same(volume, source)
    assert volume.dims[0] == "axis_0"
    # A second axis that no attribute is for has no place for its name.
    source = made_up(array.reshape(3, 1, 4, 5, 6), meta={"modality": "MR"})
    assert "axis_1" in offers(source)["classic"].losses[0]


def test_the_window_is_kept(tmp_path: Path) -> None:
    source = made_up(RNG.random((3, 4, 5)).astype(np.float32), window=(0.25, 0.75),
                     meta={"modality": "MR"})  # fmt: skip
    volume = read(written(offers(source)["classic"], anybody(), tmp_path))
    window = volume.meta["windows"][0]
    # PS3.3 C.11.2.1.2: c - 0.5 - (w - 1) / 2 and c - 0.5 + (w - 1) / 2
    low = window.center - 0.5 - (window.width - 1) / 2
    high = window.center - 0.5 + (window.width - 1) / 2
    assert (low, high) == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize(
    ("array", "rgb", "words"),
    [
        (np.zeros((1, 4, 5), np.complex64), False, "magnitude and phase"),
        (np.zeros((1, 4, 5), "U3"), False, "numbers can"),
        (np.zeros((1, 4, 5, 3), np.int16), True, "uint8"),
        (np.zeros((1, 0, 5)), False, "empty"),
        (np.full((1, 4, 5), 1e300), False, "float32"),
        (np.array([[[-1.7e308, 1.7e308]]]), False, "float32"),
        (np.full((1, 4, 5), 1e-310), False, "float32"),
        (np.broadcast_to(np.uint8(1), (1, 1, 70000)), False, "65535"),
    ],
)
def test_values_that_cannot_be_written_are_said(array, rgb: bool, words: str) -> None:
    (one,) = ImageExporter().examine(made_up(array, is_rgb=rgb, geometry=None))
    assert words in one.refusal
    with pytest.raises(ExportError) as error:
        one.check()
    assert error.value.reason == "cannot-be-written"


def test_any_name_becomes_a_description(tmp_path: Path, program) -> None:
    name = "a\\b\ud800\n  Größe\x07"
    one = offers(made_up(np.zeros((1, 4, 5), np.uint8), name=name))["secondary-capture"]
    assert any("characters of its name" in loss for loss in one.losses)
    (path,) = written(one, anybody(), tmp_path)
    assert errors_of(program, path) == []
    assert pydicom.dcmread(path).SeriesDescription == "a/b Größe"


@pytest.mark.parametrize("kind", ["u4", "i4"])
@pytest.mark.parametrize("compression", ["none", "deflated"])
def test_whole_numbers_of_32_bits_are_exact(
    kind: str, compression: str, tmp_path: Path, program
) -> None:
    limits = np.iinfo(kind)
    array = RNG.integers(limits.min, limits.max, (3, 4, 5), endpoint=True).astype(kind)
    array[0, 0, :2] = limits.min, limits.max
    one = offers(made_up(array))["secondary-capture"]
    assert one.losses == ()
    paths = written(one, anybody(), tmp_path / "32", compression=compression)
    same(read(paths), one.source)
    np.testing.assert_array_equal(by_simpleitk(paths)[0], array)
    if compression == "none":
        assert errors_of(program, paths[0]) == []
        (need,) = (n for n in one.needs if n.key == "bits")
        stated = float(dict(need.choices)["16"].split()[-1])
        same(read(written(one, anybody(), tmp_path / "16", bits="16")), one.source, stated * 1.01)
        with pytest.raises(ExportError, match="32 bits"):
            written(one, anybody(), tmp_path / "x", compression="rle")
        assert not (tmp_path / "x").exists() or not list((tmp_path / "x").iterdir())


def test_axes_that_frames_cannot_tell_apart(tmp_path: Path) -> None:
    # Three axes of no known meaning came back in another order.
    array = RNG.integers(0, 255, (2, 2, 2, 2, 4, 5)).astype(np.uint8)
    found = offers(made_up(array))
    assert "too many axes" in found["multi-frame"].refusal
    assert found["secondary-capture"].refusal == ""
    five = offers(made_up(array[0]))["multi-frame"]
    same(read(written(five, anybody(), tmp_path)), five.source)


def test_chunks_of_dask_are_computed_twice(tmp_path: Path) -> None:
    # Once for the range, once for the file; not once for each slice of a chunk.
    dask = pytest.importorskip("dask.array")
    array, computed = RNG.random((8, 4, 5)), []

    def block(part: np.ndarray) -> np.ndarray:
        computed.append(part.shape)
        return part

    lazy = dask.from_array(array, chunks=(4, 4, 5)).map_blocks(
        block, dtype=array.dtype, meta=array
    )
    source = replace(made_up(array), array=lazy)
    computed.clear()
    exporter = exporter_named("image")
    (one,) = (o for o in exporter.examine(source) if o.options["form"] == "secondary-capture")
    assert len(computed) == 2
    stated = float(one.losses[0].split("to within ")[1])
    paths = written(one, anybody(), tmp_path)
    assert len(computed) == 4
    same(read(paths), made_up(array), stated * 1.01)


def test_a_rescale_that_is_none_of_mr_images_is_said() -> None:
    floats = made_up(RNG.random((2, 3, 4)), meta={"modality": "MR"})
    assert any("extension of MR" in reason for reason in offers(floats)["classic"].reasons)
    whole = made_up(np.ones((2, 3, 4), np.uint16), meta={"modality": "MR"})
    assert not any("extension" in reason for reason in offers(whole)["classic"].reasons)


def test_frames_of_nowhere_are_as_far_apart_as_their_slices(tmp_path: Path) -> None:
    # They were said to be 1 mm apart.
    geometry = VolumeGeometry(
        np.diag([2.5, 0.5, 0.25, 1.0])[[2, 1, 0, 3]], (3, 4, 5), in_patient=False
    )
    flat = made_up(np.zeros((3, 4, 5), np.uint8), geometry=geometry)
    (path,) = written(offers(flat)["multi-frame"], anybody(), tmp_path / "flat")
    header = pydicom.dcmread(path)
    assert [float(v) for v in header.SliceLocationVector] == [0, 2.5, 5]
    assert [float(v) for v in header.PixelSpacing] == [0.5, 0.25]


@pytest.mark.parametrize("keyword", ["DecayFactor", "ActualFrameDuration", "SeriesType"])
def test_what_a_pet_image_lacks_is_said_when_it_is_examined(
    reference_data: Path, tmp_path: Path, keyword: str
) -> None:
    # It was offered as PET, and refused when it was to be written.
    folder = tmp_path / "pet"
    folder.mkdir()
    every = sorted((reference_data / SERIES["pet"]).glob("*.dcm"))[:3]
    for k, path in enumerate(every):
        header = pydicom.dcmread(path)
        if k == 1 or keyword == "SeriesType":  # of one image alone, not of the first
            del header[keyword]
        header.save_as(folder / path.name)
    with Database.in_memory() as database:
        source, target = of_data(database, folder)
    found = offers(source)
    for form in ("classic", "enhanced"):
        assert f"({keyword})" in found[form].refusal
        with pytest.raises(ExportError) as refused:
            write_results(None, [found[form]], target, folder=tmp_path / "out")
        assert refused.value.reason == "cannot-be-written"
    assert examine_for_export(source)[0].refusal == ""
    assert found["secondary-capture"].refusal == found["multi-frame"].refusal == ""


def test_a_whole_pet_image_lacks_nothing(reference_data: Path, tmp_path: Path) -> None:
    for path in sorted((reference_data / SERIES["pet"]).glob("*.dcm"))[:3]:
        header = pydicom.dcmread(path)
        header.DecayCorrection = "NONE"  # then it needs no factor
        header.FrameReferenceTime = 0  # and nothing is a value
        del header.DecayFactor
        header.save_as(tmp_path / path.name)
    with Database.in_memory() as database:
        source, _ = of_data(database, tmp_path)
    assert offers(source)["classic"].refusal == ""
