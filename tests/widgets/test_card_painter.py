"""What is painted of series and studies: texts that fit, pictures, marks, words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPixmap

from napari_dicomdb.database.records import PatientIdentity
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.stored import LoadableSummary
from napari_dicomdb.widgets import _card_drawing, _card_text
from napari_dicomdb.widgets._card_drawing import BrokenTexts, FramedPictures, broken
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, current_palette
from napari_dicomdb.widgets.card_painter import LARGEST, SMALLEST, CardPainter, Look


def way(*, selected=True, findings=(), kind="scalar-volume"):
    return LoadableSummary(
        "A", kind, "x", 1.0, selected, (8, 32, 32), ("slice", "row", "column"),
        (2.5, 0.7, 0.7), tuple(findings), 8,
    )  # fmt: skip


@pytest.fixture
def series(database):
    return next(s for s in database.series() if s.frame_count == 8 and s.rows == 32)


@pytest.fixture
def painter(qtbot, palette):
    return CardPainter(palette, QFont())


def painted(draw, width=300, height=300, ratio=2.0):
    image = QImage(round(width * ratio), round(height * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.magenta)
    brush = QPainter(image)
    brush.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw(brush)
    brush.end()
    return image


def colours(image, rect=None):
    ratio = image.devicePixelRatio()
    rect = rect or QRect(0, 0, round(image.width() / ratio), round(image.height() / ratio))
    return {
        image.pixelColor(x, y).name()
        for x in range(round(rect.left() * ratio), round(rect.right() * ratio))
        for y in range(round(rect.top() * ratio), round(rect.bottom() * ratio))
    }


# -- words ----------------------------------------------------------------------------


def test_a_segmentation_counts_its_segments_and_slices(series):
    many = replace(series, frame_count=40, rows=16, columns=32)
    labels = replace(
        way(kind="segmentation"), loader="segmentation", parts="5 segments", shape=(8, 16, 32)
    )
    assert _card_text.images(many, [labels]) == "5 segments · 8 × 32 × 16"
    assert "5 segments · 8 × 32 × 16" in _card_text.series_tip(many, [labels])
    assert _card_text.facts(many, [labels], 3)[0] == "5 segments · 8 × 32 × 16"
    dims = ("segment", *labels.dims)
    shares = replace(labels, kind="segment-fractions", shape=(5, 8, 16, 32), dims=dims)
    assert _card_text.images(many, [shares]) == "5 segments · 8 × 32 × 16"
    over_time = replace(labels, shape=(3, 8, 16, 32), dims=("time", *labels.dims))
    assert _card_text.images(many, [over_time]) == "5 segments · time 3 × 8 × 32 × 16"
    # A label map does not say how many; before it was examined its frames are all that is known.
    assert _card_text.images(many, [replace(labels, parts="")]) == "8 × 32 × 16"
    assert _card_text.images(many) == "40 × 32 × 16"


def test_facts_fit_into_their_lines(series):
    ways = [way(), way(selected=False), way(selected=False)]
    all_ = ["8 × 32 × 32", "2.5 × 0.7 × 0.7 mm", "scalar volume · +2 ways"]
    assert _card_text.facts(series, ways, 3) == all_
    assert _card_text.facts(series, ways, 2) == [" · ".join(all_[:2]), all_[2]]
    assert _card_text.facts(series, ways, 1) == [" · ".join(all_)]
    assert _card_text.facts(series, [], 3)[0] == all_[0]


def test_ways(series):
    assert _card_text.way_line([way()]) == "scalar volume"
    assert _card_text.way_line([way(), way()]) == "scalar volume · +1 way"
    assert _card_text.way_line([way(selected=False)]) == "does not open by itself · +1 way"
    assert _card_text.way_line([]) == ""


def test_study_words(database):
    (study,) = database.studies()
    assert _card_text.study_line(study).startswith(study.date)
    assert _card_text.study_counts(4, 4, 31) == "4 series · 31 files"
    assert _card_text.study_counts(1, 4, 31) == "1 of 4 series"
    (patient,) = database.patients()
    assert patient.patient_id in _card_text.patient_tip(patient)
    assert patient.display_name in _card_text.study_tip(study, patient)
    other = PatientIdentity(9, "X99", "Doe^Jane", "1950-03-02", "F", "")
    merged = _card_text.patient_tip(replace(patient, others=(other,)))
    assert "merged with Doe, Jane · ID X99" in merged


def test_a_series_tells_all_in_its_tool_tip(series):
    tip = _card_text.series_tip(series, [way()], "No picture: its pixels cannot be decoded")
    for part in (series.description, "8 files", "linked", "No picture: its pixels", "1 way to"):
        assert part in tip


# -- texts and pictures ---------------------------------------------------------------


def test_long_texts_are_broken_where_they_may_be(qtbot):
    font = QFont()
    metrics = QFontMetrics(font)
    width = metrics.horizontalAdvance("m" * 10)
    assert broken("short", metrics, width, 2) == ("short",)
    assert broken("mmmmmm mmmmmm", metrics, width, 2) == ("mmmmmm", "mmmmmm")
    assert broken("mmmmmm_mmmmmm", metrics, width, 2) == ("mmmmmm_", "mmmmmm")
    first, second = broken("m" * 15, metrics, width, 2)
    assert first + second == "m" * 15
    (one,) = broken("mmmmmm mmmmmm", metrics, width, 1)
    assert one.endswith("…")
    for line in broken("mmm " * 99, metrics, width, 2):
        assert metrics.horizontalAdvance(line) <= width
    assert len(broken("mmmm", metrics, 1, 2)) == 2, "no room at all"


def test_texts_kept_are_bounded(qtbot, monkeypatch):
    monkeypatch.setattr(_card_drawing, "_TEXTS_KEPT", 3)
    texts = BrokenTexts()
    for k in range(9):
        assert texts.lines(f"text {k}", QFont(), 500, 1) == (f"text {k}",)
    assert len(texts._kept) == 3


def test_pictures_are_framed_once_and_bounded(qtbot, monkeypatch):
    source = QPixmap(64, 32)
    source.fill(QColor("red"))
    frames = FramedPictures()
    made = frames.picture(source, QSize(100, 80), 2.0)
    assert frames.picture(source, QSize(100, 80), 2.0) is made
    assert (made.width(), made.height(), made.devicePixelRatio()) == (200, 160, 2.0)
    image = made.toImage()
    assert image.pixelColor(100, 80) == QColor("red")
    assert image.pixelColor(100, 20) == QColor("black"), "the shape of the picture is kept"
    assert image.pixelColor(0, 0).alpha() == 0, "round corners"
    monkeypatch.setattr(_card_drawing, "_PIXELS_KEPT", 200 * 160 * 3)
    for width in range(90, 99):
        frames.picture(source, QSize(width, 80), 2.0)
    assert len(frames._kept) <= 3
    frames.clear()
    assert frames.picture(source, QSize(100, 80), 2.0) is not made


# -- tiles and headers ----------------------------------------------------------------


@pytest.mark.parametrize("side", [SMALLEST, 64, 128, LARGEST])
def test_tiles_show_picture_badge_and_selection(painter, series, side):
    painter.side = side
    sizes = painter.sizes()
    assert sizes.tile_height >= side
    rect = QRect(4, 4, sizes.tile_width, sizes.tile_height)
    picture = QPixmap(64, 64)
    picture.fill(QColor("#12ab34"))
    ways = [way(findings=[Finding(FindingCode.MISSING_SLICES, Severity.WARNING, "one is gone")])]

    def tile(look, picture=picture, ways=ways):
        return painted(
            lambda brush: painter.paint_tile(brush, rect, series, picture, ways, look),
            rect.right() + 6,
            rect.bottom() + 6,
        )

    plain = tile(Look())
    seen = colours(plain)
    assert "#12ab34" in seen
    assert SEVERITY_COLOURS["warning"] in seen
    assert painter.tile.name() in seen
    assert SEVERITY_COLOURS["warning"] not in colours(tile(Look(), ways=[way()]))
    assert painter.chosen.name() in colours(tile(Look(selected=True)))
    assert painter.hover.name() in colours(tile(Look(hovered=True)))
    assert tile(Look(focused=True)) != plain
    assert "#12ab34" not in colours(tile(Look(), picture=None))
    around = {plain.pixelColor(x, 3).name() for x in range(plain.width())}
    assert around == {"#ff00ff"}, "nothing is painted outside"


def test_where_the_files_are_is_marked(painter, series):
    sizes = painter.sizes()
    rect = QRect(0, 0, sizes.tile_width, sizes.tile_height)

    def tile(**changes):
        one = replace(series, **changes)
        return painted(lambda brush: painter.paint_tile(brush, rect, one, None, (), Look()))

    linked = tile(storage="linked")
    assert _card_text.place(series) == "linked"
    assert SEVERITY_COLOURS["error"] not in colours(linked)
    others = [tile(storage="copied"), tile(storage="mixed"), tile(storage="")]
    assert all(one != linked for one in others)
    missing = tile(missing_count=1)
    assert SEVERITY_COLOURS["error"] in colours(missing)
    gone = replace(series, missing_count=8)
    assert "its files are missing" in _card_text.series_tip(gone, ())
    assert "1 of its files is missing" in _card_text.series_tip(
        replace(series, missing_count=1), ()
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_headers(qtbot, database, theme):
    painter = CardPainter(current_palette(theme), QFont())
    (study,), (patient,) = database.studies(), database.patients()
    rect = QRect(0, 0, 300, painter.sizes().study)

    def study_header(card, *, named=True, folded=False, look=Look()):  # noqa: B008
        return painted(
            lambda brush: painter.paint_study(
                brush, rect, card, (2, 4), look, folded=folded, named=named
            )
        )

    open_ = study_header((study, patient))
    assert painter.palette.text.name() in colours(open_)
    assert study_header((study, patient), folded=True) != open_
    assert study_header((study, patient), named=False) != open_
    assert painter.chosen.name() in colours(study_header((study, patient), look=Look(True)))
    unread = colours(study_header(None))
    assert painter.palette.text.name() not in unread
    header = painted(lambda brush: painter.paint_patient(brush, rect, patient, Look()))
    assert painter.palette.text.name() in colours(header)
    more = painted(lambda brush: painter.paint_more(brush, rect, 300, Look()))
    assert more != painted(lambda brush: painter.paint_more(brush, rect, 0, Look()))
