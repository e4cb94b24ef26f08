"""The calls that users meet: a database that can examine and load what it holds."""

from __future__ import annotations

import logging
from dataclasses import replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, cast

from napari_dicomdb import loading
from napari_dicomdb._outgoing import Outgoing
from napari_dicomdb._remote import Remote
from napari_dicomdb.database import examinations
from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
from napari_dicomdb.errors import LoadError, NotFoundError
from napari_dicomdb.loading import stored
from napari_dicomdb.loading.companions import further
from napari_dicomdb.loading.together import with_joined
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.database.thumbnail_pictures import Picture
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.stored import LoadableSummary
    from napari_dicomdb.loading.volume import Volume

__all__ = ["Database", "examine"]

_MOST_BESIDE = 20  # series of one frame of reference
_REASONS_SHOWN = 3
_log = logging.getLogger(__name__)


class Database(Outgoing, Remote):
    """A DICOM database: a directory with one index, thumbnails and copied files.

    Open one with `Database.open`, or `Database.in_memory` for an index that
    lives as long as the object.

    Examples
    --------
    >>> from napari_dicomdb import Database
    >>> with Database.in_memory() as db:
    ...     len(db.series())
    0
    """

    def examine(
        self,
        selection: str | SeriesRecord | Iterable[InstanceRecord],
        *,
        progress: Progress | None = None,
    ) -> list[Loadable]:
        """Return the ways to open a selection, best first; no file is opened.

        Parameters
        ----------
        selection : str, SeriesRecord or iterable of InstanceRecord
            SeriesInstanceUID or record of a series, or any instances.
        progress : Progress, optional
            Called before and after; may raise `Cancelled`.

        Returns
        -------
        list of Loadable
            Empty when nobody knows how to open any of it.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        """
        report = progress or no_progress
        series = self._series_of(selection)
        if series is not None:
            report(0, series.instance_count, "Examining")
            loadables = self._with_companions(self._examine_series(series))
            report(series.instance_count, series.instance_count, "Examining")
            return loadables
        instances = self._instances_of(selection)
        report(0, len(instances), "Examining")
        loadables = self._with_companions(loading.examine(instances))
        report(len(instances), len(instances), "Examining")
        return loadables

    def loadables(self, series: str | SeriesRecord) -> list[LoadableSummary] | None:
        """Return what there is to open in a series, best first, if that is known already.

        Asks the index alone, in less than a millisecond; no loader, no header.

        Parameters
        ----------
        series : str or SeriesRecord
            SeriesInstanceUID or record.

        Returns
        -------
        list of LoadableSummary or None
            None when it has not been examined since it, or a loader, changed:
            `examine` it, or let `examine_each` do so in the background.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        """
        key = series.key if isinstance(series, SeriesRecord) else self.find_series(series).key
        text = examinations.stored_summaries(self._connections, key, stored.fingerprint())
        return None if text is None else stored.summaries_of(text)

    def unexamined(self) -> list[str]:
        """Return the UIDs of series that were not examined since they, or a loader, changed.

        ``has:findings`` in a search cannot know of them: `examine_each` examines them.
        """
        return examinations.unexamined(self._connections, stored.fingerprint())

    def examine_each(
        self, series: Iterable[str | SeriesRecord], *, progress: Progress | None = None
    ) -> Iterator[tuple[str, list[LoadableSummary]]]:
        """Examine series one after another, as a browser does for those in sight.

        What is known already is not examined again. Whoever takes the results
        may stop at any time; call it from a thread of its own.

        Parameters
        ----------
        series : iterable of str or SeriesRecord
            One that has been removed meanwhile is passed over.
        progress : Progress, optional
            Called before each series; may raise `Cancelled`.

        Yields
        ------
        uid : str
            SeriesInstanceUID.
        summaries : list of LoadableSummary
            As of `loadables`.
        """
        report = progress or no_progress
        wanted = list(series)
        for done, one in enumerate(wanted):
            report(done, len(wanted), "Examining")
            uid = one.uid if isinstance(one, SeriesRecord) else one
            try:
                known = self.loadables(one)
                if known is None:
                    known = [stored.summary_of(offer) for offer in self.examine(one)]
            except NotFoundError:
                continue
            if known:  # nothing is offered only where there is no instance any more
                yield uid, known
        report(len(wanted), len(wanted), "Examining")

    def _examine_series(self, series: SeriesRecord) -> list[Loadable]:
        """Examine a series, or take what was said of it when it last changed."""
        loaders = stored.fingerprint()
        known = examinations.stored(self._connections, series.key, loaders)
        revision = examinations.revision_of(self._connections, series.key)
        instances = self.instances(series)
        if known is not None and known.revision == revision:
            try:
                return stored.from_stored(known.loadables, instances)
            except (KeyError, ValueError) as error:  # it changes while we look
                _log.info("series %s is examined anew: %s", series.uid, error)
        loadables = loading.examine(instances)
        kept = stored.as_stored(loadables)
        if kept is not None and revision is not None:
            summaries = stored.summaries_to_json(loadables)
            examination = examinations.Examination(revision, loaders, summaries, kept)
            examinations.store(self._connections, series.key, examination)
        return loadables

    def examine_several(
        self, selections: Iterable[str | SeriesRecord | Iterable[InstanceRecord]]
    ) -> list[Loadable]:
        """Return the ways to open several series; no file is opened.

        Each by itself as `examine` does, and what series that belong together
        make, such as a 4D CT with one series a phase.

        Parameters
        ----------
        selections : iterable
            Each as for `examine`.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        """
        return with_joined(offer for one in selections for offer in self.examine(one))

    def load(
        self,
        selection: str | SeriesRecord | Iterable[InstanceRecord],
        *,
        progress: Progress | None = None,
        lazy: bool = True,
    ) -> Volume:
        """Load a selection the best way there is.

        Parameters
        ----------
        selection : str, SeriesRecord or iterable of InstanceRecord
            As for `examine`.
        progress : Progress, optional
            Called as slices arrive; may raise `Cancelled`.
        lazy : bool
            False reads everything into one numpy array now.

        Raises
        ------
        LoadError
            If there is no way to open it, or no slice can be read.
        """
        loadables = self.examine(selection)
        if not loadables:
            raise LoadError(
                "there is no way to open this selection: no loader understands what it holds",
                reason="no-loader",
            )
        volume = loadables[0].load(progress=progress, lazy=lazy)
        # Files found changed were read by their new headers; the index learns of it too.
        changed = set(volume.meta.get("changed_instances", ()))
        for record in loadables[0].instances:
            if record.uid in changed:
                self.refresh_instance(record)
        return volume

    def _with_companions(self, loadables: list[Loadable]) -> list[Loadable]:
        """Let loadables that refer to other series find them here, and add what these allow."""
        found = [
            replace(one, companions=self._companions_of) if one.referenced_uids else one
            for one in loadables
        ]
        return [*found, *further(found)]

    def _companions_of(self, uids: Sequence[str]) -> list[InstanceRecord]:
        found: dict[str, InstanceRecord] = {}
        for uid in uids:
            try:
                records = self.instances(series=uid)
            except NotFoundError:
                records = self._beside(uid)
            found |= {record.uid: record for record in records}
        return list(found.values())

    def _beside(self, frame_of_reference_uid: str) -> list[InstanceRecord]:
        """Return images of a frame of reference: of what does not name its series."""
        every = self.sharing_frame_of_reference(frame_of_reference_uid)
        images = [one for one in every if one.rows and one.modality != "SEG"]
        return [record for one in images[:_MOST_BESIDE] for record in self.instances(one)]

    def _paint_series(self, series: SeriesRecord) -> Picture:
        from napari_dicomdb.loading import pictures

        return pictures.paint(series, self)

    def _series_of(
        self, selection: str | SeriesRecord | Iterable[InstanceRecord]
    ) -> SeriesRecord | None:
        if isinstance(selection, str):
            return self.find_series(selection)
        return selection if isinstance(selection, SeriesRecord) else None

    def _instances_of(
        self, selection: str | SeriesRecord | Iterable[InstanceRecord]
    ) -> list[InstanceRecord]:
        series = self._series_of(selection)
        if series is not None:
            return self.instances(series)
        return list(cast("Iterable[InstanceRecord]", selection))


def examine(*paths: str | PathLike[str], progress: Progress | None = None) -> list[Loadable]:
    """Return the ways to open what lies in files or folders, without a database.

    Parameters
    ----------
    *paths : path-like
        Files, folders, archives or a DICOMDIR; indexed in memory, once.
    progress : Progress, optional
        Called as headers are read; may raise `Cancelled`.

    Returns
    -------
    list of Loadable
        What joins series first, then series by series, best first within each.

    Raises
    ------
    NotFoundError
        If none of `paths` holds a usable DICOM object; the message says why.
    """
    if not paths:
        raise TypeError("examine() needs at least one path")
    with Database.in_memory() as database:
        report = database.import_paths([fspath(path) for path in paths], progress=progress)
        found = [_detached(one) for one in database.examine_several(database.series())]
        if not found and not database.series():
            raise NotFoundError(_nothing_found(paths, report), reason="no-dicom")
        return found


def _detached(loadable: Loadable) -> Loadable:
    """Return `loadable` with its companions found now: the index in memory goes away."""
    if loadable.companions is None:
        return loadable
    records = tuple(loadable.find_companions())
    return replace(loadable, companions=lambda _uids: records)


def _nothing_found(paths: tuple[str | PathLike[str], ...], report: ImportReport) -> str:
    where = ", ".join(fspath(path) for path in paths)
    rejected = [f"{path}: {text}" for path, _, text in report.rejected]
    more = len(rejected) - _REASONS_SHOWN
    told = rejected[:_REASONS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
    return f"no DICOM object in {where}" + "".join(f"\n  {line}" for line in told)
