"""What the browser shows of servers: the way to the dock, what more of a study they have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count, number, one_line
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.remote_known import remote_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.browser import DicomBrowser
    from napari_dicomdb.widgets.remote_known import RemoteSeries

__all__ = ["BrowserNetwork"]

_CALM = 150  # ms


class BrowserNetwork(QObject):
    """Tells in the browser what queries of this session have found on servers.

    Rows of which a server has more say so in the column *Files*; a strip below the lists
    offers the series of a study that are not here at all.

    Parameters
    ----------
    browser : DicomBrowser
    """

    def __init__(self, browser: DicomBrowser) -> None:
        super().__init__(browser)
        self._browser = browser
        self._network = browser.session.network
        self.known = remote_known(self._network)
        self.widget: Any = None  # the dock, or a window of its own without a viewer
        self.strip = NoticeBox("info", action="Retrieve", closable=True)
        self.strip.button.setToolTip("Copy them into this database")
        self.strip.hide()
        self.missing: list[RemoteSeries] = []
        self._left: frozenset[str] = frozenset()
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._look)
        layout = browser.layout()
        layout.insertWidget(layout.indexOf(browser.load_bar), self.strip)
        browser.bar.network_requested.connect(self.open)
        browser.lists.series_model.elsewhere = self.words
        browser.actions_.add_entries(self.entries, "send")
        browser.views.series_selected.connect(self._look_soon)
        browser.session.changed.connect(self._look_soon)
        browser.session.opened.connect(self._look_soon)
        self.known.changed.connect(self._on_known)
        self.strip.triggered.connect(self.retrieve)
        self.strip.closed.connect(self._leave)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.strip.apply_palette(palette)

    # -- dock -------------------------------------------------------------------------

    def open(self, page: str = "") -> Any:
        """Open the network dock, or bring it to the front."""
        viewer = self._browser._viewer
        if viewer is not None:
            from napari_dicomdb.viewer.browse import show_network

            self.widget = show_network(viewer, page)
            return self.widget
        if self.widget is None:
            from napari_dicomdb.widgets.network_dock import DicomNetwork

            self.widget = DicomNetwork()
            self.widget.setWindowTitle("DICOM network")
            self.widget.destroyed.connect(self._forget)
        self.widget.show()
        self.widget.raise_()
        if page:
            self.widget.show_page(page)
        return self.widget

    def _forget(self, *_: object) -> None:
        self.widget = None

    def entries(self, records: Sequence[Any]) -> list[MenuEntry]:
        """Return what the menus of rows offer."""
        if len(records) != 1:
            return []
        tip = "Ask the nodes that are known for what they have of it"
        return [MenuEntry("Find on servers…", lambda: self.find(records[0]), tip=tip)]

    def find(self, record: PatientRecord | StudyRecord | SeriesRecord) -> None:
        """Ask servers for what they have of a patient or a study."""
        page = self.open("query").query
        if isinstance(record, PatientRecord):
            keys = {"PatientID": record.patient_id}
        else:
            uid = record.uid if isinstance(record, StudyRecord) else record.study_uid
            keys = {"StudyInstanceUID": uid}
        page.ask_for(keys)

    # -- rows -------------------------------------------------------------------------

    def words(self, series: SeriesRecord) -> str:
        """Say what of a series is only on a server; "" for nothing that is known."""
        more = self.known.more_of(series.uid, series.instance_count)
        if more is None:
            return ""
        here, there = number(series.instance_count), count(more.count or 0, "instance")
        return f"{here} of {there} here; the others are on {one_line(more.node)}"

    def _on_known(self) -> None:
        self._browser.lists.series_model.refresh_where()
        self._calm.start()

    # -- strip ------------------------------------------------------------------------

    def _look_soon(self, *_: object) -> None:
        self._calm.start()

    def _look(self) -> None:
        database = self._browser.database
        chosen = self._browser.views.selected_series()
        studies = list(dict.fromkeys(series.study_uid for series in chosen))
        remote = [one for uid in studies for one in self.known.of_study(uid)]
        if database is None or not remote:
            self._show([])
            return
        self._browser._queries.submit(
            _missing, database, studies, remote, returned=partial(self._found, studies)
        )

    def _found(self, studies: list[str], missing: list[RemoteSeries]) -> None:
        chosen = self._browser.views.selected_series()
        if {series.study_uid for series in chosen} == set(studies):
            self._show(missing)

    def _show(self, missing: list[RemoteSeries]) -> None:
        self.missing = missing
        uids = frozenset(one.series_uid for one in missing)
        if not missing or uids <= self._left:
            self.strip.hide()
            return
        nodes = ", ".join(dict.fromkeys(one_line(one.node) for one in missing))
        amount = count(len(missing), "more series", "more series")
        verb = "is" if len(missing) == 1 else "are"
        self.strip.show_text(f"{amount} of this study {verb} on {nodes}.", "info")
        self.strip.show()

    def _leave(self) -> None:
        self._left |= {one.series_uid for one in self.missing}

    def retrieve(self) -> None:
        """Retrieve the series that the strip tells of, as jobs."""
        by_node: dict[str, list[RemoteSeries]] = {}
        for one in self.missing:
            by_node.setdefault(one.node, []).append(one)
        for node, several in by_node.items():
            wanted = [
                {"level": "series", "study_uid": one.study_uid, "series_uid": one.series_uid}
                for one in several
            ]
            title = f"Retrieve {count(len(several), 'series', 'series')} from {one_line(node)}"
            self._network.add_job("retrieve", {"wanted": wanted}, title=title, node=node)
        self.strip.hide()


def _missing(
    database: Database, studies: Sequence[str], remote: Sequence[RemoteSeries]
) -> list[RemoteSeries]:
    here: set[str] = set()
    for uid in studies:
        try:
            here |= {series.uid for series in database.series(study=uid)}
        except NotFoundError:
            continue
    return [one for one in remote if one.series_uid not in here]
