"""The form of one node: address, AE titles, encryption."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.node import Node, Tls
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.secrets import forget_secret, keep_secret
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NodeForm"]


class NodeForm(QDialog):
    """Asks for a DIMSE node, new or known, and keeps it.

    Parameters
    ----------
    palette : Palette
    node : Node, optional
        To be changed; a new one otherwise.
    """

    def __init__(
        self, palette: Palette, node: Node | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a node" if node is None else f"Node {node.name}")
        self._old = node
        self.node: Node | None = None
        self.name = _line("Name", "For example: hospital PACS")
        self.host = _line("Host", "pacs.example.org, or an address")
        self.port = QSpinBox()
        self.port.setRange(1, 65_535)
        self.port.setAccessibleName("Port")
        self.called = _line("AE title of the node", "Its administrator knows it")
        self.calling = _line("Our AE title", "Many nodes want to know it beforehand")
        self.user = _line("User", "Only where the node wants one")
        self.password = _line("Password", "Kept in the system's keyring")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.tls = QCheckBox("Encrypted (TLS)")
        self.ca = _FileLine("Trusted certificates", "Those that the system trusts")
        self.certificate = _FileLine("Our certificate", "Only where the node wants one")
        self.key = _FileLine("Key of our certificate", "")
        self.check_hostname = QCheckBox("The certificate must be for this host")
        form = QFormLayout()
        for label, field in (
            ("Name", self.name),
            ("Host", self.host),
            ("Port", self.port),
            ("Its AE title", self.called),
            ("Our AE title", self.calling),
            ("User", self.user),
            ("Password", self.password),
            ("", self.tls),
            ("Trust", self.ca),
            ("Certificate", self.certificate),
            ("Key", self.key),
            ("", self.check_hostname),
        ):
            form.addRow(label, field)
        self.notice = NoticeBox("error")
        self.notice.apply_palette(palette)
        self.notice.hide()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.save_button = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.cancel_button = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self.save_button.setDefault(True)
        buttons.accepted.connect(self.save)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addLayout(form)
        layout.addWidget(self.notice)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self.tls.toggled.connect(self._adapt)
        self._show(node or Node("new", host="host"), is_new=node is None)

    def _show(self, node: Node, *, is_new: bool) -> None:
        if not is_new:
            self.name.setText(node.name)
            self.host.setText(node.host)
        self.port.setValue(node.port)
        self.called.setText("" if is_new else node.called_aet)
        self.calling.setText(node.calling_aet)
        self.user.setText(node.user)
        if node.secret:
            self.password.setPlaceholderText("Kept; type to replace it")
        tls = node.tls or Tls()
        self.tls.setChecked(node.tls is not None)
        self.ca.line.setText(tls.ca)
        self.certificate.line.setText(tls.certificate)
        self.key.line.setText(tls.key)
        self.check_hostname.setChecked(tls.check_hostname)
        self._adapt()

    def _adapt(self) -> None:
        for field in (self.ca, self.certificate, self.key, self.check_hostname):
            field.setEnabled(self.tls.isChecked())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Save by Return: which button is the default one depends on the focus's history."""
        is_return = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_return and not self.cancel_button.hasFocus():
            self.save()
            event.accept()
            return
        super().keyPressEvent(event)

    def save(self) -> None:
        """Keep what was typed; say what is wrong with it otherwise."""
        made = ""
        try:
            if self.user.text().strip() and self.password.text():
                made = keep_secret(self.password.text())
            node = self._typed(made)
            add_node(node, replacing=None if self._old is None else self._old.name)
        except (DicomDbError, OSError) as error:
            if made:
                forget_secret(made)
            self.notice.show_text(str(error), "error")
            self.notice.show()
            return
        self.node = node
        self.accept()

    def _typed(self, secret: str) -> Node:
        old, user = self._old, self.user.text().strip()
        kept = old.secret if old is not None else ""
        tls = None
        if self.tls.isChecked():
            tls = Tls(
                self.ca.line.text().strip(),
                self.certificate.line.text().strip(),
                self.key.line.text().strip(),
                self.check_hostname.isChecked(),
            )
        more: dict[str, Any] = {}
        if old is not None:
            more = {"retrieve": old.retrieve, "limits": old.limits}
            more["character_set"] = old.character_set
        token = old is not None and old.credentials == "bearer" and not user
        return Node(
            self.name.text().strip(),
            host=self.host.text().strip(),
            port=self.port.value(),
            called_aet=self.called.text().strip(),
            calling_aet=self.calling.text().strip(),
            tls=tls,
            credentials="basic" if user else "bearer" if token else "none",
            user=user,
            secret=(secret or kept) if user or token else "",
            **more,
        )


class _FileLine(QWidget):
    """A line for the path of a file, with a button to choose it."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self._name = name
        self.line = _line(name, hint)
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName(f"Choose: {name}")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)

    def _choose(self) -> None:
        folder = str(Path(self.line.text()).parent) if self.line.text() else ""
        path, _ = QFileDialog.getOpenFileName(
            self, self._name, folder, "PEM (*.pem *.crt *.key);;All (*)"
        )
        if path:
            self.line.setText(path)


def _line(name: str, hint: str) -> QLineEdit:
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(hint)
    return line
