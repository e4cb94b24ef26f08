"""The settings of the listener as a form: under which name, where, for whom, how much."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from napari_dicomdb.network.listener_settings import ListenerSettings, ListenerTls
from napari_dicomdb.widgets._node_fields import FileLine, line, number, seconds
from napari_dicomdb.widgets._upkeep_page import make_button

__all__ = ["ListenerForm"]

_LOCAL, _EVERYWHERE = "127.0.0.1", "0.0.0.0"
_PLACES = {_LOCAL: "This computer only (127.0.0.1)", _EVERYWHERE: "Every network (0.0.0.0)"}
_MEGABYTE = 1_000_000
_MOST_MEGABYTES = 1_000_000


class ListenerForm(QWidget):
    """Fields for `ListenerSettings`; what is rarely changed shows after More….

    Signals
    -------
    edited : no arguments
        Something was typed or chosen.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.aet = line("Our AE title", "DICOMDB")
        self.aet.setMaxLength(16)
        self.port = number("Port", 1, 65_535, "Others send to this port")
        self.bind = QComboBox()
        self.bind.setEditable(True)
        self.bind.setAccessibleName("Reachable from")
        self.bind.setToolTip("The address at which others reach us; an own one can be typed")
        for address, words in _PLACES.items():
            self.bind.addItem(words, address)
        self.aets = line("AE titles that may come", "All")
        self.aets.setToolTip("Calling AE titles, with commas between them")
        self.addresses = line("Addresses that may come", "All")
        self.addresses.setToolTip("Addresses and networks, for example 10.1.2.3, 10.1.0.0/16")
        self.bind.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.bind.setMinimumContentsLength(10)  # it may be narrower than its longest choice
        self._is_more = False
        self._set_bytes = 0
        self.more = make_button("More…", self.toggle_more, "Encryption and limits")
        self.any_called = QCheckBox("Others may call us by any AE title")
        self.tls = QCheckBox("Encrypted (TLS)")
        self.certificate = FileLine("Our certificate", "PEM file")
        self.key = FileLine("Key of our certificate", "In the same file")
        self.ca = FileLine("Certificates that clients must show", "They need none")
        self.associations = number(
            "Associations at once", 1, 1_000, "More are told to try again later"
        )
        self.largest = number(
            "Largest object", 1, _MOST_MEGABYTES, "A larger data set is refused", " MB"
        )
        self.idle = seconds("Idle", "A silent association is broken off after that")
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(5)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field in self._rows():
            if isinstance(field, QCheckBox):  # across both columns: it has a label of its own
                self._form.addRow(field)
            else:
                self._form.addRow(label, field)
        self._tls_fields = (self.certificate, self.key, self.ca)
        self._watch()
        self.show_settings(ListenerSettings())

    def _rows(self) -> tuple[tuple[str, QWidget], ...]:
        return (
            ("AE title", self.aet),
            ("Port", self.port),
            ("Reachable from", self.bind),
            ("AE titles", self.aets),
            ("Addresses", self.addresses),
            ("", self.more),
            ("", self.any_called),
            ("", self.tls),
            ("Certificate", self.certificate),
            ("Key", self.key),
            ("Clients show", self.ca),
            ("Associations", self.associations),
            ("Largest object", self.largest),
            ("Silent for", self.idle),
        )

    def _watch(self) -> None:
        for edit in (self.aet, self.aets, self.addresses, *(f.line for f in self._tls_fields)):
            edit.textChanged.connect(lambda _: self.edited.emit())
        for box in (self.port, self.associations, self.largest, self.idle):
            box.valueChanged.connect(lambda _: self.edited.emit())
        self.bind.currentTextChanged.connect(lambda _: self.edited.emit())
        self.tls.toggled.connect(lambda _: self._adapt())
        self.any_called.toggled.connect(lambda _: self.edited.emit())

    def toggle_more(self) -> None:
        """Show what is rarely changed, or hide it."""
        self._is_more = not self._is_more
        self._adapt()

    def set_editable(self, editable: bool) -> None:
        """Let the settings be changed, or only be looked at."""
        for _, field in self._rows():
            if field is not self.more:
                field.setEnabled(editable)
        self.setToolTip("" if editable else "Turn it off to change this")

    def _adapt(self) -> None:
        for field in (self.any_called, self.tls, self.associations, self.largest, self.idle):
            self._form.setRowVisible(field, self._is_more)
        for file in self._tls_fields:
            self._form.setRowVisible(file, self._is_more and self.tls.isChecked())
        self.more.setText("Less" if self._is_more else "More…")
        self.edited.emit()

    @property
    def address(self) -> str:
        """The address to bind to, as chosen or typed."""
        text = str(self.bind.currentText()).strip()
        for address, words in _PLACES.items():
            if text == words:
                return address
        return text

    def settings(self) -> ListenerSettings:
        """Return what was typed.

        Raises
        ------
        NodeError
            If it cannot be used; the message says why.
        """
        tls = None
        if self.tls.isChecked():
            tls = ListenerTls(self.certificate.text(), self.key.text(), self.ca.text())
        return ListenerSettings(
            aet=self.aet.text().strip(),
            port=self.port.value(),
            bind=self.address,
            any_called_aet=self.any_called.isChecked(),
            allowed_aets=_parts(self.aets.text()),
            allowed_addresses=_parts(self.addresses.text()),
            max_associations=self.associations.value(),
            max_object_bytes=self._largest_bytes(),
            idle_seconds=self.idle.value(),
            tls=tls,
        )

    def _largest_bytes(self) -> int:
        """Return what was set, to the byte, unless another number of megabytes was chosen."""
        chosen = self.largest.value()
        return self._set_bytes if chosen == _megabytes(self._set_bytes) else chosen * _MEGABYTE

    def show_settings(self, settings: ListenerSettings) -> None:
        """Show settings."""
        self.aet.setText(settings.aet)
        self.port.setValue(settings.port)
        self.bind.setCurrentText(_PLACES.get(settings.bind, settings.bind))
        self.bind.lineEdit().setCursorPosition(0)  # where it is narrow, show how it begins
        self.aets.setText(", ".join(settings.allowed_aets))
        self.addresses.setText(", ".join(settings.allowed_addresses))
        self.any_called.setChecked(settings.any_called_aet)
        self.associations.setValue(settings.max_associations)
        self._set_bytes = settings.max_object_bytes
        self.largest.setValue(_megabytes(self._set_bytes))
        self.idle.setValue(settings.idle_seconds)
        tls = settings.tls
        self.tls.setChecked(tls is not None)
        for field, path in zip(
            self._tls_fields,
            ("", "", "") if tls is None else (tls.certificate, tls.key, tls.ca),
            strict=True,
        ):
            field.setText(path)
        self._adapt()


def _megabytes(size: int) -> int:
    """Return a size as the field shows it."""
    return min(max(round(size / _MEGABYTE), 1), _MOST_MEGABYTES)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace(";", ",").replace(",", " ").split() if part)
