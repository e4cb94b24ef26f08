"""The npe2 reader: what it takes, what it opens, what it hands to the browser."""

from __future__ import annotations

import shutil

import npe2
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_dicomdb.errors import LoadError
from napari_dicomdb.viewer import reader
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.reader import get_reader, is_dicom, read


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with two series of few small slices."""
    folder = tmp_path_factory.mktemp("study")
    write_phantom_study(folder, ("axial-ct", "oblique-mr"), matrix=32, slices=6)
    return folder


@pytest.fixture
def series(study):
    """Folders of the two series."""
    return sorted({file.parent for file in study.rglob("*") if file.is_file()})


@pytest.fixture
def files(series):
    """Files of the first series."""
    return sorted(p for p in series[0].iterdir() if p.is_file())


@pytest.fixture
def viewer(monkeypatch):
    """Let the reader believe that there is a viewer."""
    model = ViewerModel()
    monkeypatch.setattr(reader, "current_viewer", lambda: model)
    return model


@pytest.fixture
def browsed(monkeypatch):
    """What the browser was asked to show; it is not opened."""
    asked = []
    monkeypatch.setattr(
        "napari_dicomdb.viewer.browse.browse", lambda viewer, paths: asked.append(paths)
    )
    return asked


def test_dicom_is_known_by_its_first_bytes(files, tmp_path):
    assert is_dicom(files[0])
    bare = tmp_path / "bare"
    bare.write_bytes(files[0].read_bytes()[132:])
    assert is_dicom(bare)
    implicit = tmp_path / "implicit"
    implicit.write_bytes(b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100")
    assert is_dicom(implicit)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"DICM",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        bytes(300),
        b"II*\x00" + bytes(200),
        b"\x08\x00\xff\xffzz\xff\xff\xff\xff",
    ],
)
def test_other_files_are_left_to_others(content, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not is_dicom(file)
    assert get_reader(str(file)) is None
    assert get_reader(str(tmp_path)) is None


def test_what_is_not_there_is_not_ours(tmp_path):
    assert get_reader(str(tmp_path / "nothing")) is None
    assert get_reader([]) is None


def test_a_list_must_be_dicom_throughout(files, tmp_path):
    text = tmp_path / "notes"
    text.write_text("no image")
    assert get_reader([str(f) for f in files]) is read
    assert get_reader([str(files[0]), str(text)]) is None


def test_a_folder_needs_one_dicom_file(series, tmp_path):
    shutil.copytree(series[0], tmp_path / "mixed")
    (tmp_path / "mixed" / "0.txt").write_text("first")
    assert get_reader(str(tmp_path)) is read


def test_one_file_is_one_instance(files):
    [(data, kwargs, kind)] = read(str(files[2]))
    assert kind == "image" and data.shape == (1, 32, 32)
    assert len(kwargs["metadata"]["dicomdb"]["instance_uids"]) == 1


def test_files_of_a_series_make_one_volume(files):
    [(data, _, _)] = read([str(f) for f in files])
    assert data.shape == (6, 32, 32)


def test_without_a_viewer_a_folder_gives_all_series_in_one_frame(study):
    layers = read(str(study))
    assert len(layers) == 2
    frames = [kwargs["metadata"]["dicomdb"]["frame"] for _, kwargs, _ in layers]
    np.testing.assert_array_equal(frames[0], frames[1])


def test_npe2_finds_it_for_names_without_extension(files, tmp_path):
    plain = tmp_path / "IM000001"
    shutil.copy(files[0], plain)
    npe2.PluginManager.instance().discover()  # napari does it when it starts
    layers = npe2.read([str(plain)], stack=False)
    assert layers[0][1]["metadata"]["dicomdb"]["modality"] == "CT"


def test_in_a_viewer_a_folder_of_one_series_opens(viewer, browsed, series):
    [layer] = read(str(series[0]))
    assert isinstance(layer, Image) and layer.data.shape == (6, 32, 32)
    assert browsed == []
    low, high = layer.contrast_limits_range
    assert high - low > layer.contrast_limits[1] - layer.contrast_limits[0]


def test_in_a_viewer_several_series_go_to_the_browser(viewer, browsed, study):
    assert read(str(study)) == [(None,)]
    assert browsed == [[study]]


def test_in_a_viewer_too_many_files_go_to_the_browser(viewer, browsed, series, monkeypatch):
    monkeypatch.setattr(reader, "FILES_LOOKED_AT", 3)
    assert read(str(series[0])) == [(None,)]


def test_in_a_viewer_a_dicomdir_goes_to_the_browser(viewer, browsed, reference_data):
    found = sorted(reference_data.rglob("DICOMDIR"))
    if not found:
        pytest.skip("no DICOMDIR in the reference data")
    assert get_reader(str(found[0])) is read
    assert read(str(found[0])) == [(None,)]
    assert browsed == [[found[0]]]


def test_a_file_opens_its_series_when_the_user_has_said_so(viewer, files, monkeypatch):
    [layer] = read(str(files[3]))
    assert layer.data.shape[0] == 1
    monkeypatch.setattr(reader, "_whole_series", lambda: True)
    [layer] = read(str(files[3]))
    assert layer.data.shape == (6, 32, 32)


def test_nothing_to_show_is_said(tmp_path):
    file = tmp_path / "broken"
    file.write_bytes(bytes(128) + b"DICM" + b"\xff" * 20)
    assert get_reader(str(file)) is read
    with pytest.raises(LoadError, match="broken"):
        read(str(file))


def test_opening_a_folder_in_napari(make_napari_viewer, series):
    viewer = make_napari_viewer()
    [layer] = viewer.open(str(series[1]), plugin="napari-dicomdb")
    assert layer.metadata["dicomdb"]["native"]
    assert layer.source.reader_plugin == "napari-dicomdb"
    [second] = viewer.open(str(series[0]), plugin="napari-dicomdb")
    np.testing.assert_array_equal(
        second.metadata["dicomdb"]["frame"], layer.metadata["dicomdb"]["frame"]
    )
    assert not second.metadata["dicomdb"]["native"]


def test_opening_a_folder_of_several_series_in_napari(
    make_napari_viewer, study, qtbot, tmp_path, monkeypatch
):
    monkeypatch.setenv("DICOMDB_DATABASE", str(tmp_path / "db"))
    viewer = make_napari_viewer()
    assert viewer.open(str(study), plugin="napari-dicomdb") == []
    assert len(viewer.layers) == 0
    _, browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
    qtbot.waitUntil(
        lambda: browser.database is not None and len(browser.database.series()) == 2,
        timeout=30_000,
    )


def test_a_report_is_shown_and_makes_no_layers(viewer, monkeypatch):
    from pydicom.data import get_testdata_file

    shown = []
    monkeypatch.setattr(
        "napari_dicomdb.viewer.browse.show_content", lambda viewer, ways: shown.extend(ways)
    )
    report = get_testdata_file("test-SR.dcm")
    assert read(report) == [(None,)]
    assert [one.content().title for one in shown] == [
        "Comprehensive SR: Demonstration of SR Features"
    ]


def test_a_report_without_a_viewer_makes_no_layers(monkeypatch):
    from pydicom.data import get_testdata_file

    monkeypatch.setattr(reader, "current_viewer", lambda: None)
    assert read(get_testdata_file("test-SR.dcm")) == [(None,)]
