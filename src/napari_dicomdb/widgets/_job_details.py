"""What came of one job: when, how often it was tried, and what failed in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._text import count, number, one_line
from napari_dicomdb.widgets._upkeep_page import make_button, make_label, make_table
from napari_dicomdb.widgets.models.job_list import facts_of, state_of
from napari_dicomdb.widgets.models.plain_table import PlainRow, PlainTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.network.jobs import Job
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["JobDetails", "failures_of", "report_text"]

_TITLES = ("Why", "Explanation", "Instance")
_LISTS = frozenset({"failed", "outcomes", "rejected", "notes", "missing"})


class JobDetails(QWidget):
    """Facts of a job, the instances that failed, and a button that copies all of it."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.heading = make_label("", "title")
        self.facts = make_label("", "dim")
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.remark = QLabel("")
        self.remark.setObjectName("dim")
        self.model = PlainTable(_TITLES)
        self.table = make_table(self.model, "What failed", self)
        self.table.setColumnWidth(0, 110)
        self.table.setColumnWidth(1, 200)
        self.copy_button = make_button(
            "Copy report", self.copy, "Copy all of this as text: UIDs and reasons, no names"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 0)
        layout.setSpacing(4)
        layout.addWidget(self.heading)
        layout.addWidget(self.facts)
        layout.addWidget(self.table, 100)
        layout.addStretch(1)
        layout.addLayout(row_of(self.remark, None, self.copy_button))
        self.apply_palette(palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.model.set_dim(palette.dim)

    def show_job(self, job: Job) -> None:
        """Show what is known of a job."""
        same = self.job is not None and (self.job.id, self.job.report) == (job.id, job.report)
        self.job = job
        self.heading.setText(one_line(job.title))
        self.facts.setText("\n".join(_facts(job)))
        if not same:
            rows = [_row(entry) for entry in failures_of(job.report)]
            self.model.show_rows(rows)
            self.table.setVisible(bool(rows))
            more = int((job.report or {}).get("failed_count", 0)) - len(rows)
            self.remark.setText(f"and {count(more, 'more', 'more')}" if more > 0 else "")

    def copy(self) -> None:
        """Put the report into the clipboard."""
        if self.job is not None:
            QGuiApplication.clipboard().setText(report_text(self.job))


def failures_of(report: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the entries of what failed, as far as they are listed."""
    found = (report or {}).get("failed", [])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def report_text(job: Job) -> str:
    """Return all that is known of a job, as text; it has no values of patients."""
    lines = [job.title, *_facts(job)]
    lines += [f"{entry}" for entry in _numbers(job.report)]
    failed = failures_of(job.report)
    if failed:
        lines += ["", "Failed:"]
        lines += ["  " + " · ".join(_row(entry).cells) for entry in failed]
    return "\n".join(lines) + "\n"


def _facts(job: Job) -> list[str]:
    lines = [" · ".join(part for part in (state_of(job), facts_of(job)) if part)]
    where = [f"job {job.id}", job.kind]
    if job.node:
        where.append(f"node {job.node}")
    if job.attempts > 1:
        where.append(f"{number(job.attempts)} attempts")
    lines.append(" · ".join(where))
    times = [
        f"{word} {_moment(at)}"
        for word, at in (
            ("added", job.at_added), ("started", job.at_started), ("ended", job.at_ended),
        )
        if at
    ]  # fmt: skip
    if job.at_started and job.at_ended:
        times.append(f"took {max(job.at_ended - job.at_started, 0):.1f} s")
    lines.append(" · ".join(times))
    return [line for line in lines if line]


def _numbers(report: Mapping[str, Any] | None) -> list[str]:
    """Return the counts of a report: those of reasons as "reasons: a 3, b 1"."""
    lines = []
    for name, value in (report or {}).items():
        if name in _LISTS or isinstance(value, list):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {one}" for key, one in value.items())
        lines.append(f"{name.replace('_', ' ')}: {value}")
    return lines


def _row(entry: Mapping[str, Any]) -> PlainRow:
    status = entry.get("status")
    status_text = f"{status:04X}H" if isinstance(status, int) else ""
    text = " ".join(part for part in (status_text, str(entry.get("text") or "")) if part)
    return PlainRow((str(entry.get("reason", "")), text, str(entry.get("uid", ""))), data=entry)


def _moment(at: float) -> str:
    now, then = time.localtime(), time.localtime(at)
    today = (now.tm_year, now.tm_yday) == (then.tm_year, then.tm_yday)
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", then)
