"""The form of one node: address, sign-in, encryption, how to retrieve, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.secrets import forget_secret, keep_secret
from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._node_fields import (
    FileLine,
    choice,
    choose,
    chosen,
    line,
    number,
    seconds,
)
from napari_dicomdb.widgets._session import end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets._upkeep_page import make_button
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NodeForm"]

_KINDS = {"dimse": "DICOM (DIMSE)", "dicomweb": "DICOMweb"}
_SIGN_INS = {"none": "Not needed", "basic": "User and password", "bearer": "Token"}
_RETRIEVES = {
    "get": "C-GET: over the same connection",
    "move": "C-MOVE: the node sends to our listener",
}
_CHARACTER_SETS = ("", "ISO_IR 192", "ISO_IR 100", "ISO_IR 101", "ISO_IR 144", "GB18030")
_AUTOMATIC = "As the text needs"
_KEPT = "Kept in the keyring; type to replace it"


class NodeForm(QDialog):
    """Asks for a node, new or known, and keeps it.

    Only what matters for the chosen kind is shown; Return saves, Esc leaves.
    Files and keyring are used on a thread.

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
        self.setStyleSheet(style_sheet(palette))
        self._old = node
        self.node: Node | None = None
        self._runner = TaskRunner("node")
        self._fit = QTimer(self)  # once the layout knows which rows there are
        self._fit.setSingleShot(True)
        self._fit.setInterval(0)
        self._fit.timeout.connect(self.adjustSize)
        self._make_fields()
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(6)
        for label, field in self._rows():
            self._form.addRow(label, field)
        self.notice = NoticeBox("error")
        self.notice.apply_palette(palette)
        self.notice.hide()
        self.save_button = make_button("Save", self.save, "Keep the node (Return)")
        self.save_button.setObjectName("primaryButton")
        self.save_button.setDefault(True)
        self.cancel_button = make_button("Cancel", self.reject, "Leave it as it was (Esc)")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(self._form)
        layout.addWidget(self.notice)
        layout.addStretch(1)
        layout.addLayout(row_of(None, self.cancel_button, self.save_button))
        self.setMinimumWidth(470)
        for box in (self.kind, self.sign_in, self.retrieve):
            box.currentIndexChanged.connect(lambda _: self._adapt())
        self.tls.toggled.connect(lambda _: self._adapt())
        end_with(self, TaskRunner.close, self._runner)
        self._show(node or Node("new", host="host"), is_new=node is None)

    def _make_fields(self) -> None:
        self.kind = choice("Kind", _KINDS, "How it is spoken to")
        self.name = line("Name", "For example: hospital PACS")
        self.host = line("Host", "pacs.example.org, or an address")
        self.port = number("Port", 1, 65_535)
        self.called = line("AE title of the node", "Its administrator knows it")
        self.calling = line("Our AE title", "Many nodes want to know it beforehand")
        self.url = line("URL", "https://pacs.example.org/dicom-web")
        self.sign_in = choice("Sign in", _SIGN_INS, "What the node wants to know of us")
        self.user = line("User", "")
        self.password = line("Password", "Kept in the system's keyring")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.token = line("Token", "Kept in the system's keyring")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.tls = QCheckBox("Encrypted (TLS)")
        self.ca = FileLine("Trusted certificates", "Those that the system trusts")
        self.certificate = FileLine("Our certificate", "Only where the node wants one")
        self.key = FileLine("Key of our certificate", "")
        self.check_hostname = QCheckBox("The certificate must be for this host")
        self.retrieve = choice("Retrieve", _RETRIEVES, "How series are fetched from it")
        self.destination = line("Move destination", "Our AE title, as above")
        self.destination.setToolTip("The AE title to which the node is told to send")
        self.move_port = number("Port for C-MOVE", 1, 65_535, "Where the node sends to us")
        self._is_more = False
        self.more = make_button("More…", self._toggle_more, "Time limits, sizes, character set")
        self.character_set = QComboBox()
        self.character_set.setEditable(True)
        self.character_set.setAccessibleName("Character set of queries")
        self.character_set.setToolTip("In which character set queries are asked")
        self.character_set.addItems([_AUTOMATIC, *_CHARACTER_SETS[1:]])
        self.connect_seconds = seconds("Wait for a connection", "For the connection")
        self.answer_seconds = seconds("Wait for an answer", "For each answer after that")
        self.max_pdu = number(
            "Largest PDU", 4_096, 16 * 1024 * 1024, "What we take at once", " bytes"
        )
        self.max_results = number(
            "Answers to a query", 1, 1_000_000, "Then it is stopped, with a message", " at most"
        )

    def _rows(self) -> tuple[tuple[str, QWidget], ...]:
        return (
            ("Kind", self.kind),
            ("Name", self.name),
            ("Host", self.host),
            ("Port", self.port),
            ("Its AE title", self.called),
            ("Our AE title", self.calling),
            ("URL", self.url),
            ("Sign in", self.sign_in),
            ("User", self.user),
            ("Password", self.password),
            ("Token", self.token),
            ("", self.tls),
            ("Trust", self.ca),
            ("Certificate", self.certificate),
            ("Key", self.key),
            ("", self.check_hostname),
            ("Retrieve by", self.retrieve),
            ("Send to", self.destination),
            ("At port", self.move_port),
            ("", self.more),
            ("Character set", self.character_set),
            ("Connection", self.connect_seconds),
            ("Answer", self.answer_seconds),
            ("Largest PDU", self.max_pdu),
            ("Answers", self.max_results),
        )

    def _show(self, node: Node, *, is_new: bool) -> None:
        if not is_new:
            self.name.setText(node.name)
            self.host.setText(node.host)
            self.url.setText(node.url)
            self.called.setText(node.called_aet)
        choose(self.kind, node.kind)
        self.port.setValue(node.port)
        self.calling.setText(node.calling_aet)
        choose(self.sign_in, node.credentials)
        self.user.setText(node.user)
        if node.secret:
            field = self.token if node.credentials == "bearer" else self.password
            field.setPlaceholderText(_KEPT)
        tls = node.tls or Tls()
        self.tls.setChecked(node.tls is not None)
        for field_, path in (
            (self.ca, tls.ca), (self.certificate, tls.certificate), (self.key, tls.key),
        ):  # fmt: skip
            field_.setText(path)
        self.check_hostname.setChecked(tls.check_hostname)
        choose(self.retrieve, node.retrieve)
        self.destination.setText(node.move_destination)
        self.move_port.setValue(node.move_port)
        self.character_set.setCurrentText(node.character_set or _AUTOMATIC)
        limits = node.limits
        self.connect_seconds.setValue(limits.connect_seconds)
        self.answer_seconds.setValue(limits.answer_seconds)
        self.max_pdu.setValue(limits.max_pdu)
        self.max_results.setValue(limits.max_results)
        self._is_more = bool(node.character_set) or limits != Limits()
        self._adapt()

    def _toggle_more(self) -> None:
        self._is_more = not self._is_more
        self._adapt()

    def _adapt(self) -> None:
        """Show what matters for what is chosen."""
        is_dimse = chosen(self.kind) == "dimse"
        sign_in, is_more = chosen(self.sign_in), self._is_more
        moves = is_dimse and chosen(self.retrieve) == "move"
        encrypted = self.tls.isChecked()
        self.tls.setText("Encrypted (TLS)" if is_dimse else "Trust or show other certificates")
        shown = {
            self.host: is_dimse, self.port: is_dimse, self.called: is_dimse,
            self.calling: is_dimse, self.url: not is_dimse,
            self.user: sign_in == "basic", self.password: sign_in == "basic",
            self.token: sign_in == "bearer",
            self.ca: encrypted, self.certificate: encrypted, self.key: encrypted,
            self.check_hostname: encrypted,
            self.retrieve: is_dimse, self.destination: moves, self.move_port: moves,
            self.character_set: is_more and is_dimse, self.connect_seconds: is_more,
            self.answer_seconds: is_more, self.max_pdu: is_more and is_dimse,
            self.max_results: is_more,
        }  # fmt: skip
        for field, is_shown in shown.items():
            self._form.setRowVisible(field, is_shown)
        self.more.setText("Less" if is_more else "More…")
        self._fit.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Save by Return: which button is the default one depends on the focus's history."""
        is_return = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_return and not (self.cancel_button.hasFocus() or self.more.hasFocus()):
            self.save()
            event.accept()
            return
        super().keyPressEvent(event)

    def save(self) -> None:
        """Keep what was typed; say what is wrong with it otherwise."""
        if not self.save_button.isEnabled():
            return
        try:
            node = self._typed()
        except DicomDbError as error:
            self._tell(error)
            return
        sign_in = chosen(self.sign_in)
        field = {"basic": self.password, "bearer": self.token}.get(sign_in)
        old = None if self._old is None else self._old.name
        self.save_button.setEnabled(False)
        self._runner.submit(
            _keep,
            node,
            "" if field is None else field.text(),
            old,
            keep_late_result=True,
            returned=self._kept,
            failed=self._tell,
            finished=lambda: self.save_button.setEnabled(True),
        )

    def _kept(self, node: Node) -> None:
        self.node = node
        self.accept()

    def _tell(self, error: Exception) -> None:
        self.notice.show_text(str(error), "error")
        self.notice.show()

    def _typed(self) -> Node:
        old, sign_in = self._old, chosen(self.sign_in)
        is_dimse = chosen(self.kind) == "dimse"
        kept = old.secret if old is not None and old.credentials == sign_in else ""
        tls = None
        if self.tls.isChecked():
            tls = Tls(
                self.ca.text(),
                self.certificate.text(),
                self.key.text(),
                self.check_hostname.isChecked(),
            )
        character_set = self.character_set.currentText().strip()
        where: dict[str, Any] = {"url": self.url.text().strip()}
        if is_dimse:
            where = {
                "host": self.host.text().strip(),
                "port": self.port.value(),
                "called_aet": self.called.text().strip(),
                "calling_aet": self.calling.text().strip(),
                "retrieve": chosen(self.retrieve),
                "move_destination": self.destination.text().strip(),
                "move_port": self.move_port.value(),
            }
        return Node(
            self.name.text().strip(),
            kind=chosen(self.kind),
            tls=tls,
            credentials=sign_in,
            user=self.user.text().strip() if sign_in == "basic" else "",
            secret=kept,
            limits=Limits(
                self.connect_seconds.value(),
                self.answer_seconds.value(),
                self.max_pdu.value(),
                self.max_results.value(),
            ),
            character_set="" if character_set == _AUTOMATIC else character_set,
            **where,
        )


def _keep(node: Node, secret: str, replacing: str | None) -> Node:
    """Put the secret into the keyring and the node into the list; both or none."""
    made = keep_secret(secret) if secret else ""
    try:
        wanted = replace(node, secret=made or node.secret)
        add_node(wanted, replacing=replacing)
    except (DicomDbError, OSError):
        if made:
            forget_secret(made)
        raise
    return wanted
