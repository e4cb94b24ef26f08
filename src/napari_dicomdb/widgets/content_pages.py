"""What a content window turns over: one page for each object, read when it is turned to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.loading.content import read_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.dicom.content import ContentTree
    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["ContentPage", "pages_of_instances", "pages_of_loadables", "series_referred_to"]

# Encapsulated PDF, CDA, STL, OBJ, MTL: PS3.4 Table B.5-1.
_DOCUMENTS = frozenset(f"1.2.840.10008.5.1.4.1.1.104.{k}" for k in range(1, 6))


@dataclass(frozen=True, slots=True)
class ContentPage:
    """One object whose content can be read."""

    name: str
    record: InstanceRecord
    read: Callable[[], ContentTree]

    @property
    def has_document(self) -> bool:
        """Whether a document (PDF, STL...) is encapsulated in it."""
        return self.record.sop_class_uid in _DOCUMENTS


def pages_of_loadables(loadables: Iterable[Loadable]) -> list[ContentPage]:
    """Return a page for each instance of each loadable."""
    return [
        ContentPage(loadable.name, record, partial(loadable.content, k))
        for loadable in loadables
        for k, record in enumerate(loadable.instances)
    ]


def pages_of_instances(name: str, instances: Iterable[InstanceRecord]) -> list[ContentPage]:
    """Return a page for each of `instances`, whatever opens them."""
    return [ContentPage(name, record, partial(read_content, record)) for record in instances]


def series_referred_to(
    database: Database, uids: Sequence[str], *, apart_from: frozenset[str] = frozenset()
) -> dict[str, SeriesRecord]:
    """Return the series that each UID, of an instance or of a series, leads to.

    Parameters
    ----------
    database : Database
        Asked on the thread that calls.
    uids : sequence of str
    apart_from : frozenset of str
        SeriesInstanceUIDs that are of no interest.

    Returns
    -------
    dict
        Without those that the database does not have.
    """
    known: dict[str, SeriesRecord] = {}
    found: dict[str, SeriesRecord] = {}
    for uid in uids:
        instances = database.instances(uid=uid)
        series_uid = instances[0].series_uid if instances else uid
        if series_uid in apart_from:
            continue
        if series_uid not in known:
            try:
                known[series_uid] = database.find_series(series_uid)
            except NotFoundError:
                continue
        found[uid] = known[series_uid]
    return found
