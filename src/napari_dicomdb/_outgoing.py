"""What leaves a database: exported and de-identified copies, volumes, files sent to a node."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import Database as _IndexDatabase
from napari_dicomdb.errors import ExportError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Self

    from napari_dicomdb.database.records import SeriesRecord, StudyRecord
    from napari_dicomdb.export.deidentification.copies import Copies
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.export.files import ExportReport, Record
    from napari_dicomdb.export.result_report import ResultReport
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyForm, StudyTarget
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.send_report import SendReport

    Result = Exportable | ExportSource | Volume

__all__ = ["Outgoing"]


class Outgoing(_IndexDatabase):
    """The part of `api.Database` that gives things away."""

    def _begin(self, *, read_only: bool) -> None:
        from napari_dicomdb.database.private_folders import remove_abandoned

        super()._begin(read_only=read_only)
        remove_abandoned()  # by a process that was killed while it sent copies

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
        deidentify: Profile | Mapping[str, Any] | None = None,
        mapping: str | PathLike[str] | None = None,
        passphrase: str = "",
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
        deidentify : Profile or mapping, optional
            Write de-identified copies, or the volumes of such; a mapping is
            `Profile.to_choices`.
        mapping, passphrase
            As of `deidentify`.
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
        if deidentify is not None:
            how = {"dicomdir": dicomdir, "archive": archive}
            kept: dict[str, Any] = {"mapping": mapping, "passphrase": passphrase}
            return self._export_deidentified(records, target, deidentify, form, how, kept, tell)
        _refuse_mapping(mapping)
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

    def _export_deidentified(
        self,
        records: Sequence[Record],
        target: str | PathLike[str],
        how: Profile | Mapping[str, Any],
        form: str,
        layout: dict[str, Any],
        kept: dict[str, Any],
        progress: Progress,
    ) -> ExportReport:
        from napari_dicomdb.export.deidentification.mapping import mapping_place
        from napari_dicomdb.export.files import ExportReport

        profile = _profile(how)
        if form == "dicom":
            done = self.deidentify(records, target, profile, **layout, **kept, progress=progress)
            report = ExportReport(done.target, done.written, done.unchanged, done.size)
            report.rejected = done.rejected
        else:
            if kept["mapping"] is not None:
                mapping_place(kept["mapping"], Path(target), kept["passphrase"])
            with self.deidentified(records, profile, **kept, progress=progress) as (copies, made):
                if not copies.series():
                    raise _none_left(made.report.rejected)
                report = copies.export(copies.patients(), target, form=form, progress=progress)
            report.rejected = [*made.report.rejected, *report.rejected]
        self._note("export", {"files": report.written, "refused": len(report.rejected)})
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
        passphrase: str = "",
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
        passphrase : str
            Encrypts the mapping; `export.deidentification.mapping.read_mapping` reads it.
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
            passphrase=passphrase,
            add_to=add_to,
            progress=progress or no_progress,
        )

    @contextmanager
    def deidentified(
        self,
        records: Sequence[Record],
        profile: Profile | Mapping[str, Any],
        *,
        salt: str = "",
        mapping: str | PathLike[str] | None = None,
        passphrase: str = "",
        progress: Progress | None = None,
    ) -> Iterator[tuple[Self, Copies]]:
        """Give a database in memory of de-identified copies, which are gone afterwards.

        Parameters
        ----------
        records : sequence of records
        profile : Profile or mapping
            A mapping is `Profile.to_choices`.
        salt : str
            Copies without a project have the same UIDs again for the same salt.
        mapping, passphrase
            As of `deidentify`.
        progress : Progress, optional
            May raise `Cancelled`.

        Yields
        ------
        copies : Database
        made : Copies
            What was left out, and which file each copy is of.

        Raises
        ------
        ExportError
            If the copies cannot be written, or two patients would become one.
        NotFoundError
            If there is nothing to de-identify.
        """
        from napari_dicomdb.export.deidentification.copies import temporary_copies
        from napari_dicomdb.export.deidentification.project import one_time_project

        chosen = _profile(profile)
        project = one_time_project(salt) if salt and not chosen.project else None
        tell = progress or no_progress
        with (
            temporary_copies(
                self, records, chosen, project=project, mapping=mapping, passphrase=passphrase,
                progress=tell,
            ) as made,
            type(self).in_memory() as copies,
        ):  # fmt: skip
            copies.import_paths([made.folder], workers=0, progress=tell)
            yield copies, made

    def write(
        self,
        results: Result | Sequence[Result],
        study: StudyRecord | StudyTarget | StudyForm | str,
        *,
        folder: str | PathLike[str] | None = None,
        into_database: bool = True,
        node: Node | str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> ResultReport:
        """Write results as DICOM objects of a study: all of them or none.

        Parameters
        ----------
        results : ExportSource, Volume, Exportable, or a sequence of them
            A source, or a volume, is written the best way that an exporter offers
            (`export.registry.examine_for_export`); each becomes a series.
        study : StudyRecord, StudyTarget, StudyForm or str
            Where they belong: a study of this database or its StudyInstanceUID, or
            a form for a new one.
        folder : path-like, optional
            Write them there, too.
        into_database : bool
            Copy them into this database.
        node : Node or str, optional
            Then send them there.
        progress : Progress, optional
            May raise `Cancelled`, which leaves nothing behind.
        **options
            Answers to what the exporters need to know, by `Need.key`
            ("description", "compression", ...); others are left out.

        Returns
        -------
        ResultReport
            UIDs, files, and what was lost.

        Raises
        ------
        ExportError
            When it cannot be written as asked, or not where asked; nothing is written.
        NotFoundError
            If there is no such study (any more).

        Examples
        --------
        >>> source = ExportSource.of_volume(volume)  # doctest: +SKIP
        >>> database.write(source, source.study_uid, description="New")  # doctest: +SKIP
        """
        from napari_dicomdb.export.results import write_results

        several = list(results) if isinstance(results, Iterable) else [results]
        chosen = [_best(one, options) for one in several]
        report = write_results(
            self,
            chosen,
            _target(self, study, chosen),
            folder=folder,
            into_database=into_database,
            node=node,
            progress=progress or no_progress,
        )
        self._note("write", {"files": len(report.instance_uids), "refused": len(report.rejected)})
        return report

    def send(
        self,
        records: Sequence[Record],
        node: Node | str,
        *,
        transcode: bool = True,
        commit: bool = False,
        deidentify: Profile | Mapping[str, Any] | None = None,
        mapping: str | PathLike[str] | None = None,
        passphrase: str = "",
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
        deidentify : Profile or mapping, optional
            Send de-identified copies, which are removed afterwards; what cannot be
            de-identified is not sent, and reported as "refused".
        mapping, passphrase
            As of `deidentify`.
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
        tell = progress or no_progress
        if deidentify is not None:
            kept: dict[str, Any] = {"mapping": mapping, "passphrase": passphrase}
            with self.deidentified(records, deidentify, **kept, progress=tell) as (copies, made):
                report = send_instances(
                    copies.instances(), to, transcode=transcode, commit=commit, progress=tell
                )
            report.tell_of_originals(made.originals, made.report.rejected)
        else:
            _refuse_mapping(mapping)
            report = send_instances(
                instances_of(self, records), to, transcode=transcode, commit=commit, progress=tell
            )
        if not self.read_only:
            note_sending(self._connections, report)
        return report


def _profile(how: Profile | Mapping[str, Any]) -> Profile:
    from napari_dicomdb.export.deidentification.profile import Profile

    return how if isinstance(how, Profile) else Profile.from_choices(how)


def _refuse_mapping(mapping: str | PathLike[str] | None) -> None:
    if mapping is not None:
        raise ExportError("a mapping is of anonymised copies", reason="bad-profile")


def _none_left(rejected: Sequence[tuple[str, str, str]]) -> ExportError:
    path, reason, text = rejected[0] if rejected else ("", "not-found", "there are no files")
    return ExportError(f"nothing could be anonymised; {path}: {text}", reason=reason)


def _best(result: Result, options: dict[str, Any]) -> Exportable:
    """Return the best way to write a source, with those of the options that it asks for."""
    from napari_dicomdb.export.exporter import Exportable as Offer
    from napari_dicomdb.export.registry import examine_for_export
    from napari_dicomdb.export.source import ExportSource as Source

    if isinstance(result, Offer):
        offer = result
    else:
        result = Source.of_result(result)
        offers = examine_for_export(result)
        if not offers:
            raise ExportError(
                f"no exporter knows how to write {result.name!r}", reason="no-exporter"
            )
        offer = offers[0]
    asked = {need.key for need in offer.needs}
    return offer.with_options(**{key: v for key, v in options.items() if key in asked})


def _target(
    database: _IndexDatabase,
    study: StudyRecord | StudyTarget | StudyForm | str,
    chosen: Sequence[Exportable],
) -> StudyTarget:
    from napari_dicomdb.export.study import StudyForm, StudyTarget

    if isinstance(study, StudyTarget):
        return study
    if isinstance(study, StudyForm):
        return study.target()
    sources = [one.source for one in chosen]
    every = [*sources, *(other for one in sources for other in one.together)]
    references = dict.fromkeys(uid for one in every for uid in one.references)
    return StudyTarget.of_study(database, study, references)
