"""Item data roles and the page size that all models of the browser share."""

from __future__ import annotations

from qtpy.QtCore import Qt

__all__ = [
    "PAGE_SIZE",
    "DepthRole",
    "ExpandRole",
    "MissingRole",
    "OpensAsRole",
    "RecordRole",
    "SecondaryTextRole",
    "SeverityRole",
]

PAGE_SIZE = 100  # rows; more than fit on a screen, few enough to arrive at once

RecordRole = int(Qt.ItemDataRole.UserRole) + 1  # the record behind the row
SecondaryTextRole = int(Qt.ItemDataRole.UserRole) + 2  # text of second rank
OpensAsRole = int(Qt.ItemDataRole.UserRole) + 3  # what opens by default, in short
SeverityRole = int(Qt.ItemDataRole.UserRole) + 4  # of the gravest finding, "" without any
ExpandRole = int(Qt.ItemDataRole.UserRole) + 5  # "closed", "open", or "" when there is nothing
DepthRole = int(Qt.ItemDataRole.UserRole) + 6  # 1 for a row that belongs to the one above
MissingRole = int(Qt.ItemDataRole.UserRole) + 7  # whether files of it are gone
