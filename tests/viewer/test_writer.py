"""napari's Save: through the manifest's writers, read back by other programs' libraries."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread

from napari_dicomdb import Database
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.writer import write_dicom, write_volume

nibabel = pytest.importorskip("nibabel")
nrrd = pytest.importorskip("nrrd")


@pytest.fixture
def phantom(tmp_path, user_folders):
    (series,) = write_phantom_study(tmp_path / "phantom", ("axial-ct",), matrix=16, slices=4)
    return series


@pytest.fixture
def layer_data(phantom):
    with Database.in_memory() as database:
        database.import_paths(phantom.paths, workers=0)
        loadable = next(x for x in database.examine(phantom.series_uid) if x.selected)
        return loadable.to_layers(loadable.load())[0]


def slices_of(phantom):
    found = sorted((dcmread(p) for p in phantom.paths), key=lambda d: d.ImagePositionPatient[2])
    hu = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in found]
    return found, np.stack(hu)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_volume_keeps_values_and_place(layer_data, phantom, tmp_path, ending):
    path = str(tmp_path / f"out{ending}")
    assert write_volume(path, layer_data[0], layer_data[1]) == [path]
    found, hu = slices_of(phantom)
    if ending == ".nrrd":
        values, header = nrrd.read(path)
        directions, origin = header["space directions"], header["space origin"]
        to_lps = np.vstack([np.asarray(directions, float), origin]).T
    else:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        to_lps = (np.diag([-1.0, -1, 1, 1]) @ image.affine)[:3]
    for k, place in enumerate(d.ImagePositionPatient for d in found):
        index = np.linalg.solve(to_lps[:, :3], np.array(place, float) - to_lps[:, 3])
        i, j, s = np.round(index).astype(int)
        assert np.allclose(index, [i, j, s], atol=1e-3)
        assert values[i, j, s] == hu[k, 0, 0]
    assert np.array_equal(np.sort(values.ravel()), np.sort(hu.ravel()))


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_volume_with_findings_is_saved(layer_data, tmp_path, ending):
    data, attributes, _ = layer_data
    finding = Finding(FindingCode.MISSING_SLICES, Severity.WARNING, "1 slice is missing")
    known = {**attributes["metadata"]["dicomdb"], "findings": [finding.to_json(), {"code": "?"}]}
    path = str(tmp_path / f"out{ending}")
    assert write_volume(path, data, {**attributes, "metadata": {"dicomdb": known}}) == [path]
    read = nrrd.read(path)[0] if ending == ".nrrd" else nibabel.load(path).dataobj
    assert sorted(np.shape(read)) == sorted(data.shape)
    assert Finding.from_json(finding.to_json()) == finding


def test_dicom_into_a_folder(layer_data, phantom, tmp_path):
    written = write_dicom(str(tmp_path / "out.dcm"), [layer_data])
    found, hu = slices_of(phantom)
    assert len(written) == len(found)
    again = sorted((dcmread(p) for p in written), key=lambda d: d.ImagePositionPatient[2])
    assert {d.StudyInstanceUID for d in again} == {found[0].StudyInstanceUID}
    assert {d.SOPInstanceUID for d in again}.isdisjoint({d.SOPInstanceUID for d in found})
    back = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in again]
    assert np.array_equal(np.stack(back), hu)


def test_labels_saved_with_their_image_refer_to_it(layer_data, phantom, tmp_path):
    data, kwargs, _ = layer_data
    drawn = np.zeros(data.shape, np.uint8)
    drawn[1:3, 4:9, 5:7] = 1
    placing = {key: kwargs[key] for key in ("scale", "translate", "rotate", "affine", "units")
               if key in kwargs}  # fmt: skip
    labels = (drawn, {"name": "drawn", **placing}, "labels")
    written = write_dicom(str(tmp_path / "both.dcm"), [layer_data, labels])
    (made,) = [d for d in map(dcmread, written) if d.Modality == "SEG"]
    found, _ = slices_of(phantom)
    assert made.StudyInstanceUID == found[0].StudyInstanceUID
    assert made.FrameOfReferenceUID == found[0].FrameOfReferenceUID
    (series,) = made.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == phantom.series_uid
    assert made.pixel_array.sum() == drawn.sum()


def test_drawn_labels_saved_alone_refer_to_the_image_that_is_shown(
    make_napari_viewer, layer_data, phantom, tmp_path
):
    viewer = make_napari_viewer()
    data, kwargs, _ = layer_data
    image = viewer.add_image(data, **kwargs)
    viewer._new_labels()  # the button above the list of layers
    labels = viewer.layers[-1]
    labels.paint(labels.world_to_data(image.data_to_world((1, 5, 6))), 1)
    viewer.layers.selection = {labels}
    written = viewer.layers.save(
        str(tmp_path / "drawn.dcm"), selected=True, plugin="napari-dicomdb"
    )
    (made,) = map(dcmread, written)
    assert made.Modality == "SEG"
    assert made.StudyInstanceUID == dcmread(phantom.paths[0]).StudyInstanceUID
    assert made.ReferencedSeriesSequence[0].SeriesInstanceUID == phantom.series_uid


def test_a_layer_from_nowhere_is_for_the_dock(user_folders, tmp_path):
    with pytest.raises(ExportError) as caught:
        write_dicom(str(tmp_path / "x.dcm"), [(np.zeros((4, 5)), {"name": "x"}, "image")])
    assert caught.value.reason == "no-study"
    assert not (tmp_path / "x").exists()


def test_an_unknown_ending(user_folders, tmp_path):
    with pytest.raises(ExportError) as caught:
        write_volume(str(tmp_path / "x.tif"), np.zeros((4, 5)), {"name": "x"})
    assert caught.value.reason == "unknown-ending"


def test_napari_saves_by_them(make_napari_viewer, layer_data, tmp_path):
    viewer = make_napari_viewer()
    viewer.add_image(layer_data[0], **layer_data[1])
    path = str(tmp_path / "saved.nii.gz")
    assert viewer.layers.save(path, plugin="napari-dicomdb") == [path]
    assert nibabel.load(path).shape == (16, 16, 4)
    written = viewer.layers.save(str(tmp_path / "saved.dcm"), plugin="napari-dicomdb")
    assert len(written) == 4
