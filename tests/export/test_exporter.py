from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import Cancelled, ExportError, PixelError
from napari_dicomdb.export.exporter import Exportable, Exporter, Need
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyForm
from napari_dicomdb.progress import no_progress


class Writer:
    name = "writer"
    version = "1"

    def examine(self, source):
        return []

    def write(self, exportable, target, folder, *, options, progress):
        (folder / "said").write_text(repr(sorted(options.items())))
        return [folder / "said"]


def exportable(findings: tuple[Finding, ...] = ()) -> Exportable:
    source = ExportSource("x", np.zeros((1, 2, 2)), ("slice", "row", "column"))
    needs = (
        Need("form", "form", "choice", "a", (("a", "A"), ("b", "B"))),
        Need("title", "the title", "text", required=True),
    )
    return Exportable(
        "X", "image", 0.5, ("because",), ("colour",), findings, needs, source, Writer()
    )


def test_what_is_asked_must_be_answered(tmp_path: Path) -> None:
    one = exportable()
    assert isinstance(one.exporter, Exporter)
    assert [need.key for need in one.unanswered] == ["title"]
    target = StudyForm(patient_id="7").target()
    with pytest.raises(ExportError, match="first say the title") as error:
        one.write(target, tmp_path, progress=no_progress)
    assert error.value.reason == "unanswered"
    with pytest.raises(ExportError, match="use one of a, b"):
        one.with_options(title="t", form="c").check()
    (path,) = one.with_options(title="t").write(target, tmp_path, progress=no_progress)
    assert path.read_text() == "[('form', 'a'), ('title', 't')]"
    assert one.options == {}


@pytest.mark.parametrize("number", ["5", 2.5, float("nan"), True, [1], 2**31])
def test_a_series_number_that_is_none_is_told_before(number: object) -> None:
    with pytest.raises(ExportError, match="series number") as error:
        exportable().with_options(title="t", series_number=number).check()
    assert error.value.reason == "bad-option"


def test_series_numbers_of_numpy_are_taken() -> None:
    exportable().with_options(title="t", series_number=np.int64(5)).check()


@pytest.mark.parametrize(
    ("raised", "told", "text"),
    [
        (KeyError("x"), ExportError, "the exporter writer failed: KeyError: 'x'"),
        (OSError(28, "No space left on device"), OSError, "No space left"),
        (PixelError("no pixels"), PixelError, "no pixels"),
        (Cancelled("enough"), Cancelled, "enough"),
    ],
)
def test_what_an_exporter_raises(
    raised: Exception,
    told: type[Exception],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: Writer, *given: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr(Writer, "write", fail)
    target = StudyForm(patient_id="7").target()
    with pytest.raises(told, match=text) as error:
        exportable().with_options(title="t").write(target, tmp_path, progress=no_progress)
    assert (error.value is raised) == (told is not ExportError)


def test_an_error_found_refuses_to_write() -> None:
    wrong = Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, "no pixel size")
    note = Finding(FindingCode.RESAMPLED, Severity.INFO, "resampled")
    one = exportable((note, wrong))
    assert one.refusal == "no pixel size"
    with pytest.raises(ExportError, match="no pixel size") as error:
        one.check()
    assert error.value.reason == "cannot-be-written"
    told = one.to_json()
    assert told["exporter"] == "writer"
    assert told["losses"] == ["colour"]
    assert [f["code"] for f in told["findings"]] == ["resampled", "no-geometry"]
