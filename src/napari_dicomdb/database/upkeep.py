"""The calls that look after a database: verify, relink, repair, check, back up, count."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import activity, integrity, statistics
from napari_dicomdb.database.browsing import Browsing
from napari_dicomdb.database.vacuuming import vacuum
from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from napari_dicomdb.database.backup import BackupReport
    from napari_dicomdb.database.integrity import CheckReport
    from napari_dicomdb.database.moved_roots import MovedRoot
    from napari_dicomdb.database.relink import RelinkReport
    from napari_dicomdb.database.repair import RepairReport
    from napari_dicomdb.database.restoring import RestoreReport
    from napari_dicomdb.database.verify import VerifyReport
    from napari_dicomdb.progress import Progress

__all__ = ["Upkeep"]

AnyPath = str | os.PathLike[str]


class Upkeep(Browsing):
    """What keeps a database right, for `Database`."""

    read_only: bool

    if TYPE_CHECKING:  # `Database` has it

        def _writing(self, progress: Progress) -> AbstractContextManager[None]: ...

    def verify(self, *, content: bool = False, progress: Progress | None = None) -> VerifyReport:
        """Look whether every file of the index is where and what it was.

        What is gone is noted in the index, so that lists show it, and what came back as
        well. Files on a drive or share that is not there now are not held to be missing.
        Nothing is removed; imports may go on meanwhile.

        Parameters
        ----------
        content : bool
            Also read each header again and compare its SOPInstanceUID, and compare
            copies with the files they were made of, where these are there.
        progress : Progress, optional
            May raise `Cancelled`: what was found until then is in the report.
        """
        from napari_dicomdb.database.verify import verify

        report = verify(
            self._connections, self._root, content=content, progress=progress or no_progress
        )
        counts = {
            "files": report.checked,
            "missing": report.missing_count,
            "changed": report.changed_count,
            "returned": report.returned_count,
        }
        self._note("verify", counts)
        return report

    def relink(
        self,
        old_root: AnyPath,
        new_root: AnyPath,
        *,
        dry_run: bool = False,
        check_all: bool = False,
        progress: Progress | None = None,
    ) -> RelinkReport:
        r"""Follow files that were moved together: everything below one folder, in one step.

        A file is taken to be the one that moved when its size is the same and, where its
        time differs (and for some of each folder in any case), its SOPInstanceUID. What
        is not at the new place stays as it was; so does everything when cancelled.

        Parameters
        ----------
        old_root : path-like
            A folder as the index knows it, also one of another system (``D:\\scans``).
        new_root : path-like
            Where its content is now.
        dry_run : bool
            Only report what would be done.
        check_all : bool
            Read the header of every file.
        progress : Progress, optional
            May raise `Cancelled`.

        Raises
        ------
        DatabaseError
            If one of the two is empty.
        NotFoundError
            If there is no such new folder, or nothing is known below the old one.
        """
        from napari_dicomdb.database.relink import relink, whole_root

        report = progress or no_progress
        old, new = whole_root(old_root), os.path.abspath(whole_root(new_root))
        if dry_run:
            return self._relink(relink, old, new, True, check_all, report)
        with self._writing(report):
            done = self._relink(relink, old, new, False, check_all, report)
        self._note("relink", {"files": done.relinked, "not found": done.not_found_count})
        return done

    def _relink(
        self, relink: Any, old: str, new: str, dry_run: bool, check_all: bool, progress: Progress
    ) -> RelinkReport:
        found: RelinkReport = relink(
            self._connections,
            self._root,
            old,
            new,
            dry_run=dry_run,
            check_all=check_all,
            progress=progress,
        )
        return found

    def find_moved(
        self, search_roots: Sequence[AnyPath] | AnyPath, progress: Progress | None = None
    ) -> list[MovedRoot]:
        """Look below some folders for files that are gone, and suggest what to relink.

        Parameters
        ----------
        search_roots : path-like or sequence of path-like
            Where to look.
        progress : Progress, optional
            May raise `Cancelled`.

        Returns
        -------
        list of MovedRoot
            Old and new root for `relink`, the one with most folders first.
        """
        from napari_dicomdb.database.moved_roots import find_moved

        if isinstance(search_roots, str | os.PathLike):
            search_roots = [search_roots]
        places = [os.path.abspath(os.fspath(place)) for place in search_roots]
        return find_moved(self._connections, self._root, places, progress or no_progress)

    def repair(
        self,
        *,
        forget_missing: bool = False,
        adopt: bool = False,
        progress: Progress | None = None,
    ) -> RepairReport:
        """Mend what can be mended, image by image; nothing is thrown away unasked.

        Where a file is gone, another copy that the index knows takes its place; changed
        files are read again; counts, search text and pictures are made right; interrupted
        work is finished. Copies that the index does not list are counted.

        Parameters
        ----------
        forget_missing : bool
            Also remove the rows of images whose only file was deleted. Files on a drive
            that is not there now do not count as deleted.
        adopt : bool
            Also import the copies in the database directory that the index does not
            list. A removal that did not delete them leaves such.
        progress : Progress, optional
            May raise `Cancelled`; what was done stays done.
        """
        from napari_dicomdb.database.repair import repair

        told = progress or no_progress
        with self._writing(told):
            report = repair(
                self._connections,
                self._root,
                forget_missing=forget_missing,
                adopt=adopt,
                progress=told,
            )
        self._note("repair", {"mended": sum(act.count for act in report.acts)})
        return report

    def check(self, *, full: bool = False, progress: Progress | None = None) -> CheckReport:
        """Check the index itself: its pages, relations, counts and search text.

        Parameters
        ----------
        full : bool
            Compare every SQLite index with its table as well (several times slower).
        progress : Progress, optional
            May raise `Cancelled`.
        """
        return integrity.check(
            self._connections, self._root, full=full, progress=progress or no_progress
        )

    def vacuum(self, progress: Progress | None = None) -> int:
        """Write the index anew: smaller, and without any trace of what was removed.

        Parameters
        ----------
        progress : Progress, optional
            May raise `Cancelled`: then the index is as it was.

        Returns
        -------
        int
            Bytes by which the index is smaller now.

        Raises
        ------
        DatabaseBusyError
            If another process reads all the while, so that traces are left.
        DatabaseError
            If there is no room: for a moment the disk holds the index twice.
        """
        told = progress or no_progress
        with self._writing(told):
            freed = vacuum(self._connections, told)
        self._note("vacuum", {"bytes freed": freed})
        return freed

    def statistics(self) -> dict[str, Any]:
        """Return what the database holds, what takes room, and what is oldest and newest."""
        return statistics.statistics(self._connections, self._root)

    def backup(
        self,
        target: AnyPath,
        *,
        with_copies: bool = False,
        progress: Progress | None = None,
    ) -> BackupReport:
        """Write a backup: the index as it is now, and the copied files when asked.

        Others may go on reading and writing. The backup is there wholly, and read again
        to be sure, or not at all.

        Parameters
        ----------
        target : path-like
            A directory, or a zip file when it ends in ``.zip``; must not be there yet.
        with_copies : bool
            Also the files that were copied into the database. Linked ones never are.
        progress : Progress, optional
            May raise `Cancelled`: then nothing is left.

        Raises
        ------
        DatabaseError
            "exists", "disk-full", or if what was written is not what was read.
        """
        from napari_dicomdb.database.backup import backup

        report = backup(
            self._connections,
            self._root,
            Path(os.path.abspath(os.fspath(target))),
            with_copies=with_copies,
            progress=progress or no_progress,
        )
        self._note("backup", {"instances": report.instances, "copies": report.copies})
        return report

    def _note(self, kind: str, counts: dict[str, int]) -> None:
        """Note what was done for the list of recent activity, where it can be written now."""
        if self.read_only:
            return
        # What was done is done, whoever else writes just now.
        with contextlib.suppress(DatabaseError), self._connections.transaction() as connection:
            activity.record(connection, kind, {what: n for what, n in counts.items() if n})

    @classmethod
    def restore(
        cls,
        backup: AnyPath,
        directory: AnyPath,
        progress: Progress | None = None,
        *,
        overwrite: bool = False,
    ) -> RestoreReport:
        """Make a database of a backup.

        Parameters
        ----------
        backup : path-like
            What `backup` wrote.
        directory : path-like
            Where the database shall be.
        progress : Progress, optional
            May raise `Cancelled`: then everything is as before.
        overwrite : bool
            Replace a database that is there. It is kept beside the new one, under
            another name; its copied files stay in use when the backup has none.

        Raises
        ------
        DatabaseError
            "exists" when there is a database and `overwrite` is not set; "bad-backup"
            when it is no backup, or damaged.
        """
        from napari_dicomdb.database.restoring import restore

        return restore(
            Path(os.path.abspath(os.fspath(backup))),
            Path(os.path.abspath(os.fspath(directory))),
            overwrite=overwrite,
            progress=progress or no_progress,
        )

    @classmethod
    def salvage(cls, directory: AnyPath, progress: Progress | None = None) -> RepairReport:
        """Read a damaged index, as far as possible, into a new one.

        What is lost is looked for in the copied files and in the folders that the index
        names. The damaged file stays in the directory under another name.
        """
        from napari_dicomdb.database.salvage import salvage

        return salvage(Path(os.path.abspath(os.fspath(directory))), progress or no_progress)

    @classmethod
    def move(cls, source: AnyPath, target: AnyPath, progress: Progress | None = None) -> Path:
        """Move a database directory; return where it is now.

        Parameters
        ----------
        source : path-like
            Of a database that nobody has open.
        target : path-like
            Its new path, or an existing folder that takes it.
        progress : Progress, optional
            May raise `Cancelled`: then it stays where it was.

        Raises
        ------
        DatabaseBusyError
            If a program has it open.
        DatabaseError
            If the target is there already ("exists"), or cannot be written.
        """
        from napari_dicomdb.database.moving import move

        return move(
            Path(os.path.abspath(os.fspath(source))),
            Path(os.path.abspath(os.fspath(target))),
            progress or no_progress,
        )
