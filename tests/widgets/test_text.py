"""How facts are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.database.related import Related
from napari_dicomdb.widgets import _text

PATIENT = PatientRecord(1, "4711", "Doe^John", "1950-03-02", "M", "", 1, 2, 3, "2019-01-02", 0.0)
STUDY = StudyRecord(
    1, 1, "1.2", "77", "2019-01-02", "10:11:12", "CT Thorax", "", "", "", ("CT",), 1, 2, 0.0
)
SERIES = SeriesRecord(
    1, 1, 1, "1.2.3", "1.2", "CT", 4, "Thorax 1.0", "2019-01-02", "10:11", "LIVER", "", "", "",
    "", "", 512, 400, 10, 10, 5_242_880, "linked", 0.0,
)  # fmt: skip


def test_count_groups_digits():
    assert _text.count(1, "study", "studies") == "1 study"
    assert _text.count(0, "file") == "0 files"
    assert _text.count(1_234_567, "file") == "1\u2009234\u2009567 files"


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (4.2e12, "4.2 TB")],
)
def test_file_size(size, words):
    assert _text.file_size(int(size)) == words


def test_matrix_is_width_first():
    assert _text.matrix(400, 512) == "400 × 512"
    assert _text.matrix(0, 0) == ""


def test_namesakes_are_told_apart():
    assert _text.patient_facts(PATIENT) == "ID 4711 · M · 1950-03-02"
    bare = replace(PATIENT, patient_id="", sex="", birth_date="")
    assert _text.patient_facts(bare) == "no ID"


def test_titles_fall_back():
    assert _text.study_title(STUDY) == "CT Thorax"
    assert _text.study_title(replace(STUDY, description="")) == "Study 77"
    bare = replace(STUDY, description="", study_id="")
    assert _text.study_title(bare) == "Study without description"
    assert _text.series_title(SERIES) == "Thorax 1.0"
    assert _text.series_title(replace(SERIES, description="", protocol="Routine")) == "Routine"
    bare = replace(SERIES, description="", body_part="")
    assert _text.series_title(bare) == "CT without description"


def test_series_facts():
    assert _text.series_facts(SERIES) == "#4 · 2019-01-02 · Liver"
    copied = replace(SERIES, number=None, storage="copied", body_part="THORAX")
    assert _text.series_facts(copied) == "2019-01-02 · copied"


def test_hostile_text_fits_one_row():
    nasty = "a\nb\x00c\u202e" + "x" * 10_000
    shown = _text.one_line(nasty)
    assert "\n" not in shown
    assert "\x00" not in shown
    assert "\u202e" not in shown, "a right-to-left override would turn the rest of the row"
    assert len(shown) <= 300
    assert shown.endswith("…")


def test_tool_tips_take_nothing_for_markup():
    assert _text.tool_tip("a <b>b</b>\n<img src=x> & c") == (
        "<qt>a &lt;b&gt;b&lt;/b&gt;<br>&lt;img src=x&gt; &amp; c</qt>"
    )


def test_hostile_names_are_one_short_line():
    assert _text.one_line("a\x00b\n\x1b[31mc") == "a b [31mc"
    assert len(_text.one_line("x" * 10_000)) == 300
    assert _text.one_line("evil\u202etxt.exe") == "eviltxt.exe", "no mark turns what follows"
    assert _text.one_line("Z" + "\u0301" * 1000) == "Z" + "\u0301" * 4
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert _text.one_line(persian) == persian, "joiners belong to the script"


def test_right_to_left_moves_nothing_around_it():
    assert _text.isolated("Meyer") == "Meyer"
    assert _text.isolated("\u05d0\u05d1") == "\u2068\u05d0\u05d1\u2069"


def test_links_in_a_few_words_and_in_full():
    others = [replace(SERIES, key=k, number=k, description=f"T{k}") for k in range(2, 8)]
    unnumbered = replace(SERIES, number=None, description="AX")
    assert _text.related_line(Related()) == _text.related_tip(Related()) == ""
    assert _text.related_line(Related((unnumbered,))) == "of AX"
    assert _text.related_line(Related(tuple(others[:3]))) == "of 2: T2 and 2 more"
    assert _text.related_line(Related(results=tuple(others[:2]))) == "2 results"
    assert _text.related_line(Related(missing=2)) == "its source is not here"
    tip = _text.related_tip(Related((unnumbered,), tuple(others), 1)).splitlines()
    assert tip[0] == "Made from AX (CT)"
    assert tip[1].startswith("Part of what it was made from is not in the database")
    assert tip[2].startswith("Results: 2: T2 (CT); 3: T3 (CT)")
    assert tip[2].endswith(" and 2 more")
