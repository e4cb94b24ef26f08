"""The line that offers series that something refers to."""

from __future__ import annotations

from napari_dicomdb.widgets.referenced import ReferencedSeries


class Series:
    """As much of a `SeriesRecord` as is named."""

    modality = "CT"
    protocol = body_part = ""

    def __init__(self, description):
        self.description = description


def test_each_series_is_a_link(qtbot, palette):
    line = ReferencedSeries()
    qtbot.addWidget(line)
    assert line.isHidden()
    series = [Series("Thorax <b>"), Series("Abdomen")]
    line.show_series(series)
    line.apply_palette(palette)
    assert not line.isHidden()
    assert "CT Thorax &lt;b&gt;" in line.text()
    assert palette.link.name() in line.text()
    with qtbot.waitSignal(line.chosen) as caught:
        line.linkActivated.emit("1")
    assert caught.args == [series[1]]
    line.show_series([Series(str(k)) for k in range(9)])
    assert line.text().endswith("and 5 more")
    line.show_series([])
    assert line.isHidden()
