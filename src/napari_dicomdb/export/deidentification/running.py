"""De-identified copies of records: all of them, or nothing."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import Database
from napari_dicomdb.dicom._attribute_reading import UNREADABLE, quiet
from napari_dicomdb.errors import DicomDbError, ExportError, NotFoundError
from napari_dicomdb.export.deidentification.engine import Deidentifier
from napari_dicomdb.export.deidentification.patients import Pseudonyms
from napari_dicomdb.export.deidentification.pixels import burned_in, clean_pixels, overlay_bits
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.report import (
    Blocked,
    DeidentificationReport,
    effects_of,
)
from napari_dicomdb.export.deidentification.rewriting import (
    read_source,
    write_copy,
    write_decoded,
)
from napari_dicomdb.export.files import (
    cannot_write,
    check_target,
    export_files,
    instances_of,
    staging_folder,
)
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.deidentification.engine import Patient
    from napari_dicomdb.export.deidentification.profile import Profile, Rectangle
    from napari_dicomdb.export.deidentification.rewriting import Source
    from napari_dicomdb.export.files import Record

__all__ = ["deidentify"]

_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
# Groups in which vendors of MR keep what diffusion and mosaics need.
_MR_PRIVATE = frozenset((0x0019, 0x0021, 0x0029, 0x0043, 0x0051, 0x0065, 0x2001, 0x2005))
_EXAMINING, _WRITING = "Anonymising", "Writing"


@dataclass(slots=True)
class _Run:
    """What is under way."""

    profile: Profile
    engine: Deidentifier
    pseudonyms: Pseudonyms
    report: DeidentificationReport
    blocked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    seen: dict[str, set[str]] = field(default_factory=lambda: {"patient": set(), "study": set(),
                                                               "series": set()})  # fmt: skip
    remarks: Counter[str] = field(default_factory=Counter)


def deidentify(
    database: Database,
    records: Sequence[Record],
    target: str | os.PathLike[str],
    profile: Profile,
    *,
    dicomdir: bool = False,
    archive: bool = False,
    dry_run: bool = False,
    mapping: str | os.PathLike[str] | None = None,
    add_to: Database | None = None,
    progress: Progress = no_progress,
) -> DeidentificationReport:
    """Write de-identified copies of patients, studies, series or instances.

    Pixels are copied as they are, unless parts of them are blacked out. The target
    is complete or as it was; what cannot be de-identified is left out and reported.
    The originals are not touched.

    Parameters
    ----------
    database : Database
        Holds the records.
    records : sequence of PatientRecord, StudyRecord, SeriesRecord or InstanceRecord
    target : path-like
        A folder, or with `archive` a zip file that does not exist.
    profile : Profile
    dicomdir, archive : bool
        As of `export.files.export_files`.
    dry_run : bool
        Write nothing; the report tells what would happen.
    mapping : path-like, optional
        File, outside of the target, that tells which pseudonym and which UID stands
        for which; readable by its owner alone.
    add_to : Database, optional
        Import what was written.
    progress : Progress
        Called with the number of files done; may raise `Cancelled`.

    Raises
    ------
    ExportError
        If the target or the mapping cannot be written, or two patients would become one.
    NotFoundError
        If there is nothing to de-identify.
    """
    place = Path(os.path.abspath(os.fspath(target)))
    report = DeidentificationReport(str(place), dry_run, profile=profile.to_json())
    found = instances_of(database, records)
    if not found:
        raise NotFoundError("there is nothing to anonymise: no files are selected")
    project = open_project(profile.project, create=not dry_run)
    run = _Run(
        profile,
        Deidentifier(profile, project),
        Pseudonyms(database, profile, project),
        report,
    )
    patient_keys = {k: database.find_series(k).patient_key for k in {i.series_key for i in found}}
    if dry_run:
        _each(run, found, patient_keys, None, progress)
    else:
        check_target(place, dicomdir=dicomdir, archive=archive)
        kept_map = None if mapping is None else _outside(Path(mapping), place)
        with staging_folder(place.parent if archive else place) as stage:
            folder = stage / "anonymised"
            folder.mkdir()
            _each(run, found, patient_keys, folder, progress)
            # Before anything is published: what follows cannot be repeated without them.
            project.save()
            if kept_map is not None:
                _write_mapping(kept_map, run)
            if report.instances:
                _publish(run, folder, place, dicomdir, archive, progress)
        if add_to is not None and report.written:
            add_to.import_paths([place], progress=progress)
    _conclude(run)
    return report


def _each(
    run: _Run,
    found: Sequence[InstanceRecord],
    patient_keys: dict[int, int],
    folder: Path | None,
    progress: Progress,
) -> None:
    report = run.report
    for done, instance in enumerate(found):
        progress(done, len(found), _EXAMINING)
        patient = run.pseudonyms.of(patient_keys[instance.series_key])
        try:
            copy = None if folder is None else folder / f"{done:07d}.dcm"
            with quiet():
                _one(run, instance, patient, copy)
        except DicomDbError as error:
            if error.reason == "cancelled":
                raise
            words = str(error).removeprefix(f"{instance.path}: ")
            report.rejected.append((str(instance.path), error.reason, words))
        except UNREADABLE:
            text = "its header is damaged: what it says cannot be told for sure"
            report.rejected.append((str(instance.path), "bad-header", text))
        except OSError as error:
            if folder is not None and error.filename == str(copy):
                raise cannot_write(Path(report.target), error) from error
            if error.errno is not None and error.filename is None:
                raise cannot_write(Path(report.target), error) from error
            text = f"the file cannot be read: {error.strerror or error}"
            report.rejected.append((str(instance.path), "unreadable", text))
    progress(len(found), len(found), _EXAMINING)


def _one(run: _Run, instance: InstanceRecord, patient: Patient, copy: Path | None) -> None:
    """De-identify one file; `copy` is None in a dry run."""
    source = read_source(instance.path)
    dataset = source.dataset
    uid = str(dataset.get("SOPInstanceUID", ""))
    if uid != instance.uid:
        raise ExportError(
            "the file is not the one that was imported; rescan it first", reason="file-changed"
        )
    if instance.sop_class_uid.startswith(_ENCAPSULATED):
        raise ExportError(
            "an encapsulated document says in its pages who the patient is, which cannot be "
            "cleaned: it is left out",
            reason="encapsulated-document",
        )
    series_uid = str(dataset.get("SeriesInstanceUID", ""))
    modality = str(dataset.get("Modality", "") or "")
    rectangles = [r for r in run.profile.blackout if r.concerns(modality, series_uid, uid)]
    bits = overlay_bits(dataset)
    has_pixels = bool(instance.pixel_keyword)
    if not rectangles and not _is_confirmed(run.profile, series_uid):
        reason = burned_in(dataset, has_pixels=has_pixels)
        if reason:
            run.blocked[series_uid, modality, reason] += 1
            raise ExportError(
                f"{reason}: black out rectangles, or confirm that there is none",
                reason="burned-in",
            )
    _remark(run, dataset, modality)
    changes = has_pixels and bool(rectangles or bits or run.profile.deface is not None)
    confirmed = has_pixels and _is_confirmed(run.profile, series_uid)
    if changes and copy is not None:
        _write_cleaned(run, instance, patient, copy, rectangles, bits)
    else:
        _change(run, source, patient, pixels=confirmed or changes)
        if copy is not None:
            write_copy(source, copy)
    report = run.report
    report.instances += 1
    report.blackened += bool(changes)
    for level, value in (
        ("patient", patient.patient_id),
        ("study", str(dataset.get("StudyInstanceUID", ""))),
        ("series", run.engine.new_uid(series_uid)),
    ):
        run.seen[level].add(value)


def _change(run: _Run, source: Source, patient: Patient, *, pixels: bool) -> None:
    run.engine.apply(source.dataset, patient)
    run.engine.mark(source.dataset, pixels=pixels)


def _write_cleaned(
    run: _Run,
    instance: InstanceRecord,
    patient: Patient,
    copy: Path,
    rectangles: Sequence[Rectangle],
    bits: Sequence[int],
) -> None:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        dataset = dcmread(instance.path)
    except InvalidDicomError as error:
        raise ExportError(
            "without file meta information its pixels cannot be blacked out", reason="no-meta"
        ) from error
    faces = clean_pixels(dataset, rectangles, bits=bits, deface=run.profile.deface)
    run.engine.apply(dataset, patient)
    run.engine.mark(dataset, pixels=bool(rectangles or bits), faces=faces)
    write_decoded(dataset, copy)


def _is_confirmed(profile: Profile, series_uid: str) -> bool:
    said = profile.pixels_confirmed
    return said if isinstance(said, bool) else series_uid in said


def _remark(run: _Run, dataset: Any, modality: str) -> None:
    if modality == "MR" and not run.profile.extended_private:
        groups = {int(tag) >> 16 for tag in dataset.keys()}  # noqa: SIM118 - tags alone
        if groups & _MR_PRIVATE:
            run.remarks[
                "MR images lose private attributes, which may tell diffusion directions and "
                "mosaics: if those are needed, keep further private attributes (extended-private)"
            ] += 1
    if str(dataset.get("RecognizableVisualFeatures", "")).upper() == "YES":
        run.remarks["images may show a face that can be recognised"] += 1


def _publish(
    run: _Run, folder: Path, place: Path, dicomdir: bool, archive: bool, progress: Progress
) -> None:
    """Give the copies their places, in folders named after what they say now."""
    with Database.in_memory() as copies:
        copies.import_paths([folder], workers=0, progress=progress)

        def told(done: int, total: int | None, text: str) -> None:
            progress(done, total, _WRITING)

        written = export_files(
            copies,
            copies.patients(),
            place,
            dicomdir=dicomdir,
            archive=archive,
            by_link=True,
            progress=told,
        )
    report = run.report
    report.written, report.unchanged, report.size = (
        written.written,
        written.unchanged,
        written.size,
    )
    # Their names are those of the stage, which nobody knows.
    report.rejected += [(str(place), reason, text) for _, reason, text in written.rejected]


def _conclude(run: _Run) -> None:
    report = run.report
    report.effects = effects_of(run.engine.effects)
    report.blocked = [
        Blocked(uid, modality, reason, count)
        for (uid, modality, reason), count in run.blocked.items()
    ]
    report.remarks = [
        f"{text} ({count} file{'s' if count > 1 else ''})" for text, count in run.remarks.items()
    ]
    report.patients = len(run.seen["patient"])
    report.studies = len(run.seen["study"])
    report.series = len(run.seen["series"])


def _outside(path: Path, target: Path) -> Path:
    place = Path(os.path.abspath(path))
    if place == target or target in place.parents:
        raise ExportError(
            f"{place} is inside of what is given away: keep the mapping elsewhere",
            reason="mapping-inside",
        )
    if place.exists():
        raise ExportError(f"{place} exists: choose another name", reason="file-exists")
    return place


def _write_mapping(path: Path, run: _Run) -> None:
    content = {"patients": run.pseudonyms.originals, "uids": run.engine.new_uid.made}
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error
