"""What can be done with selected patients, studies and series beside loading them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QUrl, Signal
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QMenu, QWidget

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.database.report import RemovalReport
from napari_dicomdb.errors import Cancelled, DatabaseError
from napari_dicomdb.viewer.preferences import preference
from napari_dicomdb.widgets._record_menu import MenuEntry, as_text, filled_menu
from napari_dicomdb.widgets._session import ImportRequest
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.remove_dialog import RemoveDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.widgets._record_menu import EntryProvider
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner

__all__ = ["RecordActions", "named", "outermost", "show_in_folder"]

Record = PatientRecord | StudyRecord | SeriesRecord

_GROUPS = ("view", "send", "copy", "files", "patients", "remove")


def show_in_folder(path: Path) -> None:
    """Open the folder that holds `path` in the desktop's file browser."""
    folder = path if path.is_dir() else path.parent
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class RecordActions(QObject):
    """Menu and actions for rows of the browser.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where questions to the database run.
    host : QWidget
        Parent of menus and dialogs.
    """

    failed = Signal(object)
    removed = Signal(object)  # RemovalReport
    progressed = Signal(str, object, object)  # what, how many are done, of how many
    idle = Signal()  # nothing is being removed any more
    pictures_dropped = Signal(object)  # UIDs of series whose pictures are to be drawn again

    def __init__(self, session: DatabaseSession, runner: TaskRunner, host: QWidget) -> None:
        super().__init__(host)
        self._session = session
        self._runner = runner
        self._host = host
        self.dialog: RemoveDialog | None = None
        self._providers: list[tuple[str, EntryProvider]] = []
        self._removal: Task | None = None
        self._removals = 0

    def add_entries(self, provider: EntryProvider, group: str = "send") -> None:
        """Have the menus offer more.

        Parameters
        ----------
        provider : callable
            Given the selected records, all of one kind, returns the `MenuEntry`
            of what can be done with them; called each time a menu opens.
        group : str
            Where they go: "view", "send" (export and the like), "copy", "files",
            "patients" or "remove".
        """
        self._providers.append((group, provider))

    def entries(self, records: Sequence[Record]) -> list[list[MenuEntry]]:
        """Return the groups of entries for `records`."""
        groups: dict[str, list[MenuEntry]] = {name: [] for name in _GROUPS}
        kind, several = _kind(records), len(records)
        groups["copy"] = [
            MenuEntry(_copy_label(kind, several), lambda: self.copy_uids(records), "Ctrl+C"),
            MenuEntry("Copy as text", lambda: self.copy_text(records)),
        ]
        groups["files"] = [
            MenuEntry("Show in folder", lambda: self.show_in_folder(records)),
            MenuEntry(
                "Refresh (rescan files)", lambda: self.rescan(records), enabled=self._writes
            ),
            MenuEntry(
                "Retry picture" if several == 1 and kind == "series" else "Retry pictures",
                lambda: self.retry_pictures(records),
            ),
        ]
        groups["remove"] = [
            MenuEntry(
                "Remove from database…",
                lambda: self.ask_to_remove(records),
                "Del",
                enabled=self._writes,
                tip="" if self._writes else "The database was opened read-only",
            ),
        ]
        for group, provider in self._providers:
            groups[group] += provider(records)
        return list(groups.values())

    @property
    def _writes(self) -> bool:
        return not getattr(self._session.database, "read_only", False)

    def menu(self, records: Sequence[Record]) -> QMenu:
        """Return the context menu for `records`."""
        return filled_menu(self._host, self.entries(records))

    def copy_text(self, records: Sequence[Record]) -> None:
        """Put what the rows say on the clipboard, tabs between columns."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(as_text(records))

    def retry_pictures(self, records: Sequence[Record]) -> None:
        """Draw the pictures again, also those that failed before."""
        database = self._session.database
        if database is None:
            return

        def work() -> list[str]:
            series = self._series_of(database, records)
            database.retry_thumbnails(series)
            return [one.uid for one in series]

        self._runner.submit(work, returned=self.pictures_dropped.emit, failed=self.failed.emit)

    def copy_uids(self, records: Sequence[Record]) -> None:
        """Put the UIDs, or patient IDs, on the clipboard, one a line."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(r.uid for r in records))

    def show_in_folder(self, records: Sequence[Record]) -> None:
        """Open the folder of the first file."""

        def first_folder() -> Path | None:
            return next(iter(self._folders(records)), None)

        self._runner.submit(
            first_folder,
            returned=lambda folder: None if folder is None else show_in_folder(folder),
            failed=self.failed.emit,
        )

    def rescan(self, records: Sequence[Record]) -> None:
        """Import again the folders that hold the files, to find new and changed ones."""

        def submit(folders: list[Path]) -> None:
            if folders:
                self._session.import_paths(ImportRequest(tuple(folders)))

        self._runner.submit(
            lambda: self._folders(records), returned=submit, failed=self.failed.emit
        )

    def _folders(self, records: Sequence[Record]) -> list[Path]:
        database = self._session.database
        if database is None:
            return []
        folders: dict[Path, None] = {}
        for series in self._series_of(database, records):
            for instance in database.instances(series):
                folders[instance.path.parent] = None
        return list(folders)

    @staticmethod
    def _series_of(database: Any, records: Sequence[Record]) -> list[SeriesRecord]:
        found: list[SeriesRecord] = []
        for record in records:
            if isinstance(record, SeriesRecord):
                found.append(record)
            elif isinstance(record, StudyRecord):
                found += database.series(study=record)
            else:
                found += database.series(patient=record)
        return found

    def correct_index(self, instances: Sequence[InstanceRecord]) -> None:
        """Read headers again of files that are not what the index says."""
        database = self._session.database
        if database is None:
            return

        def work() -> None:
            for record in instances:
                database.refresh_instance(record)

        self._runner.submit(work, failed=self.failed.emit, finished=self._session.changed.emit)

    def ask_to_remove(self, records: Sequence[Record]) -> None:
        """Ask, then remove `records` from the database."""
        database = self._session.database
        if not records or database is None:
            return
        if not self._writes:
            text = "The database was opened read-only: nothing can be removed from it."
            self.failed.emit(DatabaseError(text, reason="read-only"))
            return
        if not preference("browser", "confirm_removal", True):
            self.remove(records, False)
            return

        def ask(series: list[SeriesRecord]) -> None:
            if self._session.database is not database:
                return  # another one is shown now, where the same keys are other rows
            files = sum(s.instance_count for s in series)
            has_copies = any(s.storage != "linked" for s in series)
            what = f"{named(records)} with {count(files, 'file')}"
            self.dialog = RemoveDialog(what, has_copies=has_copies, parent=self._host)
            self.dialog.confirmed.connect(lambda copies: self._remove(database, records, copies))
            self.dialog.open()

        self._runner.submit(
            lambda: self._series_of(database, outermost(records)),
            returned=ask,
            failed=self.failed.emit,
        )

    def remove(self, records: Sequence[Record], delete_copies: bool) -> None:
        """Remove `records` from the database, and copied files when asked to."""
        if self._session.database is not None:
            self._remove(self._session.database, records, delete_copies)

    def _remove(self, database: Any, records: Sequence[Record], delete_copies: bool) -> None:
        def work(progress: Progress) -> RemovalReport:
            whole = RemovalReport()
            chosen = outermost(records)
            for place, record in enumerate(chosen):

                def tell(_done: int, _total: int | None, text: str, place: int = place) -> None:
                    progress(place, len(chosen), text)

                try:
                    tell(0, None, "Removing")
                    part = database.remove(
                        **{_kind([record]): record}, delete_copies=delete_copies, progress=tell
                    )
                except Cancelled:
                    break  # what is removed is removed
                for name in ("patients", "studies", "series", "instances", "files_deleted"):
                    setattr(whole, name, getattr(whole, name) + getattr(part, name))
                whole.files_kept += part.files_kept
                whole.rejected += part.rejected
                whole.vacuumed = part.vacuumed  # the last one wrote all of the index
            return whole

        self.progressed.emit("Removing", 0, None)
        self._removals += 1
        self._removal = self._runner.submit(
            work,
            pass_progress=True,
            keep_late_result=True,
            progressed=lambda done, total, text: self.progressed.emit(text, done, total),
            returned=self._tell_removed,
            failed=self.failed.emit,
            finished=self._end_removal,
        )

    def cancel(self) -> None:
        """Stop removing; what is removed is removed."""
        if self._removal is not None:
            self._removal.cancel()

    def _end_removal(self) -> None:
        self._removals -= 1
        if not self._removals:
            self._removal = None
            self.idle.emit()
        self._session.changed.emit()

    def _tell_removed(self, report: RemovalReport) -> None:
        self.removed.emit(report)
        if report.rejected:
            path, reason, text = report.rejected[0]
            more = len(report.rejected) - 1
            others = f" (and {more} more)" if more else ""
            self.failed.emit(DatabaseError(f"{path}: {text}{others}", reason=reason))


def outermost(records: Sequence[Record]) -> list[Record]:
    """Leave out what goes with a patient or study that is selected as well."""
    patients = {r.key for r in records if isinstance(r, PatientRecord)}
    studies = {r.key for r in records if isinstance(r, StudyRecord)}
    return [
        r
        for r in records
        if isinstance(r, PatientRecord)
        or not (
            r.patient_key in patients or (isinstance(r, SeriesRecord) and r.study_key in studies)
        )
    ]


def _kind(records: Sequence[Record]) -> str:
    kinds = {PatientRecord: "patient", StudyRecord: "study", SeriesRecord: "series"}
    return kinds[type(records[0])]


def _copy_label(kind: str, number: int) -> str:
    if kind == "patient":
        return "Copy patient ID" if number == 1 else "Copy patient IDs"
    return f"Copy {kind} UID" if number == 1 else f"Copy {kind} UIDs"


def named(records: Sequence[Record]) -> str:
    """Return "2 patients and 1 study"."""
    kinds = {"patient": "patients", "study": "studies", "series": "series"}
    numbers: dict[str, int] = {}
    for record in records:
        kind = _kind([record])
        numbers[kind] = numbers.get(kind, 0) + 1
    return " and ".join(count(n, kind, kinds[kind]) for kind, n in numbers.items())
