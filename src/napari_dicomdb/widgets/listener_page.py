"""The listener: on or off, for whom, and what it has received."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QGuiApplication, QPainter
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QToggleSwitch

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.listener_settings import load_listener_settings
from napari_dicomdb.widgets._listener_form import ListenerForm
from napari_dicomdb.widgets._network_page import NetworkPage
from napari_dicomdb.widgets._text import file_size, number
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets._upkeep_page import make_button, make_label
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from napari_dicomdb.network.listener_events import ListenerEvent, ListenerStatistics
    from napari_dicomdb.network.listener_settings import ListenerSettings
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["Counter", "ListenerPage"]

_LIVE = 500  # ms between looks at the counters
_STATES = {"off": "Off", "starting": "Starting…", "on": "Listening", "stopping": "Stopping…"}
_COUNTERS = ("Received", "Refused", "Open associations", "Rejected")


class Counter(QFrame):
    """A number with words below it."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.value = QLabel("0")
        self.value.setObjectName("heading")
        self.more = QLabel(words)
        self.more.setObjectName("dim")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 5, 8, 5)
        layout.setSpacing(0)
        layout.addWidget(self.value)
        layout.addWidget(self.more)
        self.setAccessibleName(words)

    def show_value(self, value: int, more: str = "") -> None:
        """Show a number, and something about it."""
        self.value.setText(number(value))
        words = self.accessibleName()
        self.more.setText(f"{words} · {more}" if more else words)


class Switch(QToggleSwitch):
    """A switch that shows when it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.switchWidth, self.switchHeight, self.handleSize = 34, 16, 18

    def sizeHint(self) -> QSize:
        """Return room for the switch and the ring around it."""
        return QSize(44, 26)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the switch, and a ring when keys go to it."""
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(self.palette().text().color())
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
            painter.end()


class ListenerPage(NetworkPage):
    """A switch, what it does, and for whom.

    The settings are saved when it is started; they can be changed while it is off.
    """

    title = "Listener"

    def __init__(
        self,
        session: NetworkSession,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, runner, palette, parent)
        self._network = session
        self._listening = session.listening
        self.switch = Switch()
        self.switch.setAccessibleName("Listen")
        self.switch.setToolTip("Take what others send (Space)")
        self.switch.clicked.connect(lambda _=False: self._toggle())
        self.state = QLabel("Off")
        self.state.setObjectName("title")
        self.where = make_label("", "dim")
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = make_button(
            "Copy address", self.copy_address, "Copy what others must enter to reach us"
        )
        self.copy_button.setObjectName("barButton")
        self.notice = NoticeBox("warning")
        self.notice.hide()
        self.counters = {words: Counter(words) for words in _COUNTERS}
        self.last = make_label("", "dim")
        self.wrong = NoticeBox("warning", closable=True)
        self.wrong.hide()
        self.form = ListenerForm()
        self.form.edited.connect(self._on_edited)
        self.at_launch = QCheckBox("Start with napari")
        self.at_launch.setToolTip("Listen as soon as a database is open")
        self.at_launch.setChecked(self._listening.at_launch)
        self.at_launch.toggled.connect(self._keep_at_launch)
        self._build()
        self.live = QTimer(self)
        self.live.setInterval(_LIVE)
        self.live.timeout.connect(self._show_numbers)
        self._listening.changed.connect(self._show_state)
        self._listening.went_wrong.connect(self._show_wrong)
        session.switched.connect(self._show_state)
        self.apply_palette(palette)
        runner.submit(
            load_listener_settings,
            returned=self._show_saved,
            failed=lambda error: self._tell(str(error)),
        )
        self._show_state()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.switch)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.state)
        words.addWidget(self.where)
        head.addLayout(words, 1)
        head.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        self._numbers = QWidget()
        grid = QGridLayout(self._numbers)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(5)
        for place, counter in enumerate(self.counters.values()):
            grid.addWidget(counter, place // 2, place % 2)
        grid.addWidget(self.last, 2, 0, 1, 2)
        inner = QWidget()
        inner.setObjectName("cards")
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 2, 6, 2)
        column.setSpacing(8)
        column.addLayout(head)
        for part in (self.notice, self._numbers, self.wrong, self.form, self.at_launch):
            column.addWidget(part)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inner)
        self.column.addWidget(area, 1)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        super().apply_palette(palette)
        self.notice.apply_palette(palette)
        self.wrong.apply_palette(palette)
        self.switch.onColor = QColor(SEVERITY_COLOURS["info"])
        self.switch.offColor = palette.dim
        self.switch.handleColor = QColor("white")

    def focus_first(self) -> None:
        """Give the focus to the switch."""
        self.switch.setFocus()

    # -- on and off -----------------------------------------------------------------------

    def _toggle(self) -> None:
        if self._listening.state == "off":
            self.start()
        else:
            self.stop()

    def start(self) -> None:
        """Start with what the form says, and remember that."""
        try:
            settings = self.form.settings()
        except DicomDbError as error:
            self._tell(str(error))
            self.switch.setChecked(False)
            return
        self.wrong.hide()
        self._listening.start(settings)
        self._show_state()

    def stop(self) -> None:
        """Stop; what was acknowledged stays."""
        self._listening.stop()

    def _keep_at_launch(self, value: bool) -> None:
        self._listening.at_launch = value

    def _tell(self, text: str) -> None:
        self.notice.show_text(text, "error")
        self.notice.show()

    # -- what is shown --------------------------------------------------------------------

    def _show_saved(self, settings: ListenerSettings) -> None:
        if self._listening.listener is None:
            self.form.show_settings(settings)

    def _show_state(self, *_: object) -> None:
        state = self._listening.state
        is_off = state == "off"
        self.switch.setChecked(state in ("on", "starting"))
        self.switch.setEnabled(state in ("off", "on"))
        self.state.setText(_STATES[state])
        self.form.set_editable(is_off)
        listener = self._listening.listener
        if state == "on" and listener is not None:
            # It may have been started elsewhere, with other settings than the form's.
            self.form.show_settings(listener.settings)
        self.copy_button.setVisible(state == "on")
        self._numbers.setVisible(state == "on")
        if state == "on":
            self.live.start()
            self._show_numbers()
        else:
            self.live.stop()
        self._on_edited()
        if self._listening.error is not None:
            self._tell(str(self._listening.error))

    def _on_edited(self) -> None:
        """Say where we are, and warn when others than this computer reach us."""
        state, database = self._listening.state, self._network.database
        listener = self._listening.listener
        if state == "on" and listener is not None:
            self.where.setText(f"{self._address()}, into {_named(database)}")
        else:
            self.where.setText(f"What others send goes into {_named(database)}.")
        try:
            settings = self.form.settings()
        except DicomDbError:
            self.notice.hide()
            return
        warning, severity = _warning(settings)
        self.notice.show_text(warning or " ", severity)
        self.notice.setVisible(bool(warning))

    def _address(self) -> str:
        settings = self.form.settings()
        host = socket.gethostname() if settings.bind in ("0.0.0.0", "::") else settings.bind
        return f"{settings.aet} at {host}:{settings.port}"

    def copy_address(self) -> None:
        """Copy AE title, host and port."""
        QGuiApplication.clipboard().setText(self._address())

    def _show_numbers(self) -> None:
        numbers: ListenerStatistics | None = self._listening.statistics
        if numbers is None:
            return
        size = file_size(numbers.size) if numbers.size else ""
        values: tuple[tuple[int, str], ...] = (
            (numbers.stored, size),
            (numbers.refused, ""),
            (numbers.open_associations, f"{number(numbers.associations)} in all"),
            (numbers.rejected_associations, ""),
        )
        for counter, (value, more) in zip(self.counters.values(), values, strict=True):
            counter.show_value(value, more)
        last = self._listening.last
        if last is None:
            self.last.setText("Nothing was received yet.")
        else:
            at = time.strftime("%H:%M:%S", time.localtime(last.at))
            self.last.setText(f"Last received at {at} from {last.peer}")

    def _show_wrong(self, event: ListenerEvent) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(event.at))
        whom = f" {event.peer}" if event.peer else ""
        self.wrong.show_text(f"{at}{whom}: {event.text}", "warning")
        self.wrong.show()


def _warning(settings: ListenerSettings) -> tuple[str, str]:
    """Return what to say about who may reach us."""
    if settings.is_local:
        return "", "info"
    open_to_all = not settings.allowed_addresses and not (settings.tls and settings.tls.ca)
    parts = ["Other computers reach this listener."]
    if open_to_all:
        parts.append("Anybody on the network may send: name the addresses that may come.")
    if settings.tls is None:
        parts.append("It is not encrypted: what is sent can be read on the way.")
    return " ".join(parts), "warning" if len(parts) > 1 else "info"


def _named(database: Any) -> str:
    if database is None:
        return "the database, when one is open"
    return "a database in memory" if database.path is None else f"“{database.path.name}”"
