"""What leaves a database: exported and de-identified copies, volumes, files sent to a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.database import Database as _IndexDatabase
from napari_dicomdb.errors import ExportError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.export.files import ExportReport, Record
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.send_report import SendReport

__all__ = ["Outgoing"]


class Outgoing(_IndexDatabase):
    """The part of `api.Database` that gives things away."""

    if TYPE_CHECKING:

        def examine(self, selection: SeriesRecord) -> list[Loadable]:
            """Return the ways to open a series; `api.Database` does it."""

    def export(
        self,
        records: Sequence[Record],
        target: str | PathLike[str],
        *,
        form: str = "dicom",
        dicomdir: bool = False,
        archive: bool = False,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write the files, or the volumes, of patients, studies, series or instances.

        Parameters
        ----------
        records : sequence of records
            What to export.
        target : path-like
            A folder, or with `archive` a zip file that does not exist yet.
        form : str
            "dicom": the files as they are, see `export.files.export_files`; or
            ".nii.gz", ".nii", ".nrrd", ".zarr": the default volumes of each series, see
            `export.volumes.export_volumes`.
        dicomdir, archive : bool
            Of "dicom": lay out as on a CD; write one zip.
        progress : Progress, optional
            May raise `Cancelled`.

        Raises
        ------
        ExportError
            If the target cannot be written, exists, or its disk is full.
        NotFoundError
            If there is nothing to export.
        """
        from napari_dicomdb.export import files, volumes

        tell = progress or no_progress
        if form == "dicom":
            report = files.export_files(
                self, records, target, dicomdir=dicomdir, archive=archive, progress=tell
            )
            self._note("export", {"files": report.written, "refused": len(report.rejected)})
            return report
        if form not in volumes.VOLUME_ENDINGS:
            known = ", ".join(("dicom", *volumes.VOLUME_ENDINGS))
            raise ExportError(f"cannot export as {form!r}: use one of {known}")
        keys = list(dict.fromkeys(i.series_key for i in files.instances_of(self, records)))
        folders = files.series_folders(self, keys)
        chosen = (
            (folders[key], [x for x in self.examine(self.find_series(key)) if x.selected])
            for key in keys
        )
        report = volumes.export_volumes(chosen, len(keys), target, ending=form, progress=tell)
        self._note("export", {"volumes": report.written, "refused": len(report.rejected)})
        return report

    def deidentify(
        self,
        records: Sequence[Record],
        target: str | PathLike[str],
        profile: Profile | None = None,
        *,
        dicomdir: bool = False,
        archive: bool = False,
        dry_run: bool = False,
        mapping: str | PathLike[str] | None = None,
        add_to: _IndexDatabase | None = None,
        progress: Progress | None = None,
    ) -> DeidentificationReport:
        """Write de-identified copies of patients, studies, series or instances.

        Parameters
        ----------
        records : sequence of records
        target : path-like
            A folder, or with `archive` a zip file that does not exist yet.
        profile : Profile, optional
            What to keep beyond the Basic Profile of PS3.15 annex E, and how patients
            are named; see `export.deidentification.profile`.
        dicomdir, archive : bool
            Lay out as on a CD; write one zip.
        dry_run : bool
            Only tell what would happen to which attribute.
        mapping : path-like, optional
            File for whoever must find back: pseudonyms and UIDs by the original ones.
        add_to : Database, optional
            Import what was written, into this one or another.
        progress : Progress, optional
            May raise `Cancelled`.

        Raises
        ------
        ExportError
            If the target cannot be written, or two patients would become one.
        NotFoundError
            If there is nothing to de-identify.
        """
        from napari_dicomdb.export.deidentification import running
        from napari_dicomdb.export.deidentification.profile import Profile

        return running.deidentify(
            self,
            records,
            target,
            profile or Profile(),
            dicomdir=dicomdir,
            archive=archive,
            dry_run=dry_run,
            mapping=mapping,
            add_to=add_to,
            progress=progress or no_progress,
        )

    def send(
        self,
        records: Sequence[Record],
        node: Node | str,
        *,
        transcode: bool = True,
        commit: bool = False,
        progress: Progress | None = None,
    ) -> SendReport:
        """Send patients, studies, series or instances to a node.

        Parameters
        ----------
        records : sequence of records
            What to send.
        node : Node or str
            A DIMSE node, or the name of one that is kept (`network.nodes`).
        transcode : bool
            False refuses instances rather than decompress them for a node that does
            not take the transfer syntax of their files.
        commit : bool
            Ask the node afterwards whether it keeps them (storage commitment).
        progress : Progress, optional
            May raise `Cancelled`: the report then tells what was not sent.

        Returns
        -------
        SendReport
            What became of each instance; see `network.sending.send_instances`.

        Raises
        ------
        NetworkError
            If the node cannot be reached at all.
        NotFoundError
            If there is no such node, or nothing to send.
        """
        from napari_dicomdb.export.files import instances_of
        from napari_dicomdb.network.nodes import find_node
        from napari_dicomdb.network.sending import note_sending, send_instances

        to = find_node(node) if isinstance(node, str) else node
        instances = instances_of(self, records)
        report = send_instances(
            instances, to, transcode=transcode, commit=commit, progress=progress or no_progress
        )
        if not self.read_only:
            note_sending(self._connections, report)
        return report
