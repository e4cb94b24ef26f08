"""Records de-identified one by one: read, judged, changed, written into a folder."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export.deidentification.defacing import begin_series
from napari_dicomdb.export.deidentification.engine import Deidentifier
from napari_dicomdb.export.deidentification.mapping import Mapping
from napari_dicomdb.export.deidentification.patients import Pseudonyms
from napari_dicomdb.export.deidentification.pixels import (
    burned_in,
    clean_pixels,
    overlay_bits,
    stray_bits,
)
from napari_dicomdb.export.deidentification.regions import ultrasound_regions
from napari_dicomdb.export.deidentification.report import (
    Blocked,
    DeidentificationReport,
    effects_of,
)
from napari_dicomdb.export.deidentification.rewriting import (
    pixel_extents,
    read_source,
    write_copy,
    write_decoded,
)
from napari_dicomdb.export.deidentification.uids import is_uid
from napari_dicomdb.export.files import cannot_write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.deidentification.engine import Patient
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.project import Project
    from napari_dicomdb.export.deidentification.regions import Rectangle
    from napari_dicomdb.export.deidentification.rewriting import Source
    from napari_dicomdb.progress import Progress

__all__ = ["Deidentification"]

_PIXEL_DATA = (b"\xe0\x7f\x10\0", b"\x7f\xe0\0\x10")
_VOICES = ("1.2.840.10008.5.1.4.1.1.9.4.1", "1.2.840.10008.5.1.4.1.1.9.4.2")
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
# Groups in which vendors of MR keep what diffusion and mosaics need.
_MR_PRIVATE = frozenset((0x0019, 0x0021, 0x0029, 0x0043, 0x0051, 0x0065, 0x2001, 0x2005))
_ANONYMISING = "Anonymising"
_DERIVATION = "Parts of the pixels blacked out"


@dataclass(slots=True)
class _Cleaning:
    """What is to be done to the pixels of one image."""

    rectangles: Sequence[Rectangle]
    keep: Sequence[Rectangle]
    bits: Sequence[int]
    faces: bool

    @property
    def blackens(self) -> bool:
        """Whether texts go black: for overlays within pixels nobody has looked for those."""
        return bool(self.rectangles or self.keep)

    def __bool__(self) -> bool:
        return self.blackens or bool(self.bits) or self.faces


class Deidentification:
    """One run over records of a database, with one profile and one project.

    Parameters
    ----------
    database : Database
    profile : Profile
    project : Project
    report : DeidentificationReport
        Filled by `run`.
    """

    def __init__(
        self,
        database: Database,
        profile: Profile,
        project: Project,
        report: DeidentificationReport,
    ) -> None:
        self.report = report
        self._database = database
        self._profile = profile
        self._engine = Deidentifier(profile, project)
        self._pseudonyms = Pseudonyms(database, profile, project)
        self._blocked: Counter[tuple[str, str, str]] = Counter()
        self._seen: dict[str, set[str]] = {"patient": set(), "study": set(), "series": set()}
        self._remarks: Counter[str] = Counter()

    @property
    def mapping(self) -> Mapping:
        """Which pseudonyms and UIDs stand for which, so far."""
        return Mapping(dict(self._pseudonyms.originals), dict(self._engine.new_uid.made))

    def new_uid(self, uid: str) -> str:
        """Return what the copies have instead of a UID."""
        kept = self._profile.retain_uids and is_uid(uid)
        return uid if kept else self._engine.new_uid(uid)

    def run(
        self, found: Sequence[InstanceRecord], folder: Path | None, progress: Progress
    ) -> dict[str, str]:
        """De-identify instances; what cannot be is in the report.

        Parameters
        ----------
        found : sequence of InstanceRecord
        folder : Path or None
            Where the copies go, named by numbers; None: a dry run.
        progress : Progress

        Returns
        -------
        dict of str to str
            Path of the original by the SOPInstanceUID of its copy.

        Raises
        ------
        ExportError
            If a copy cannot be written, or two patients would become one.
        """
        keys = {instance.series_key for instance in found}
        patients = {key: self._database.find_series(key).patient_key for key in keys}
        made: dict[str, str] = {}
        begun: set[int] = set()
        for done, instance in enumerate(found):
            progress(done, len(found), _ANONYMISING)
            key = instance.series_key
            patient = self._pseudonyms.of(patients[key])
            copy = None if folder is None else folder / f"{done:07d}.dcm"
            try:
                if self._profile.deface is not None and copy is not None and key not in begun:
                    begun.add(key)
                    paths = [one.path for one in self._database.instances(key)]
                    begin_series(self._profile.deface, paths)
                with quiet():
                    uid = self._one(instance, patient, copy)
                made[uid] = str(instance.path)
            except DicomDbError as error:
                if error.reason == "cancelled":
                    raise
                self._refuse(instance, error.reason, str(error))
            except unreadable():
                text = "its header is damaged: what it says cannot be told for sure"
                self._refuse(instance, "bad-header", text)
            except OSError as error:
                of_copy = folder is not None and error.filename == str(copy)
                if of_copy or (error.errno is not None and error.filename is None):
                    raise cannot_write(Path(self.report.target), error) from error
                text = f"the file cannot be read: {error.strerror or error}"
                self._refuse(instance, "unreadable", text)
        progress(len(found), len(found), _ANONYMISING)
        self._conclude()
        return made

    def _refuse(self, instance: InstanceRecord, reason: str, text: str) -> None:
        words = text.removeprefix(f"{instance.path}: ")
        self.report.rejected.append((str(instance.path), reason, words))

    def _one(self, instance: InstanceRecord, patient: Patient, copy: Path | None) -> str:
        """De-identify one file; returns the UID of the copy, which is None in a dry run."""
        source = read_source(instance.path)
        dataset = source.dataset
        uid = str(dataset.get("SOPInstanceUID", ""))
        if uid != instance.uid:
            raise ExportError(
                "the file is not the one that was imported; rescan it first",
                reason="file-changed",
            )
        if instance.sop_class_uid.startswith(_ENCAPSULATED):
            raise ExportError(
                "an encapsulated document says in its pages who the patient is, which cannot be "
                "cleaned: it is left out",
                reason="encapsulated-document",
            )
        series_uid = str(dataset.get("SeriesInstanceUID", ""))
        modality = str(dataset.get("Modality", "") or "")
        has_pixels = bool(instance.pixel_keyword)
        if instance.sop_class_uid.startswith(_VOICES):
            raise ExportError(
                "the recording of a voice tells who speaks: it is left out", reason="voice"
            )
        cleaning = self._cleaning(source, modality, series_uid, uid, has_pixels)
        confirmed = has_pixels and self._is_confirmed(series_uid)
        if not (cleaning.blackens or confirmed):
            reason = burned_in(dataset, has_pixels=has_pixels)
            if reason:
                self._blocked[series_uid, modality, reason] += 1
                raise ExportError(
                    f"{reason}: black out rectangles, or confirm that there is none",
                    reason="burned-in",
                )
        self._remark(dataset, modality)
        if cleaning and copy is not None:
            self._write_cleaned(instance, patient, copy, cleaning, confirmed)
        else:
            self._engine.apply(dataset, patient)
            self._engine.mark(dataset, pixels=confirmed or cleaning.blackens)
            if copy is not None:
                write_copy(source, copy)
        self.report.instances += 1
        self.report.blackened += cleaning.blackens
        for level, value in (
            ("patient", patient.patient_id),
            ("study", str(dataset.get("StudyInstanceUID", ""))),
            ("series", self.new_uid(series_uid)),
        ):
            self._seen[level].add(value)
        return self.new_uid(uid)

    def _cleaning(
        self, source: Source, modality: str, series_uid: str, uid: str, has_pixels: bool
    ) -> _Cleaning:
        profile, dataset = self._profile, source.dataset
        if not has_pixels:
            return _Cleaning((), (), (), False)
        rectangles = [r for r in profile.blackout if r.concerns(modality, series_uid, uid)]
        for preset in profile.presets:
            if preset.fits(dataset):
                rectangles += preset.rectangles
        # One that is beside the image blackens nothing: its texts are still there.
        rows, columns = (dataset.get(k) for k in ("Rows", "Columns"))
        if isinstance(rows, int) and isinstance(columns, int):
            rectangles = [r for r in rectangles if r.x < columns and r.y < rows]
        keep = ultrasound_regions(dataset) if profile.outside_regions else []
        bits = {*overlay_bits(dataset), *_stray_bits(source)}
        return _Cleaning(rectangles, keep, sorted(bits), profile.deface is not None)

    def _write_cleaned(
        self,
        instance: InstanceRecord,
        patient: Patient,
        copy: Path,
        cleaning: _Cleaning,
        confirmed: bool,
    ) -> None:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError

        try:
            dataset = dcmread(instance.path)
        except InvalidDicomError as error:
            raise ExportError(
                "without file meta information its pixels cannot be changed", reason="no-meta"
            ) from error
        before = str(dataset.file_meta.get("TransferSyntaxUID", ""))
        faces = clean_pixels(
            dataset,
            cleaning.rectangles,
            keep=cleaning.keep,
            bits=cleaning.bits,
            deface=self._profile.deface,
        )
        self._engine.apply(dataset, patient)
        self._engine.mark(dataset, pixels=confirmed or cleaning.blackens, faces=faces)
        done = [_DERIVATION] if cleaning.blackens else []
        done += ["Recognisable features removed"] if faces else []
        if done:
            dataset.DerivationDescription = "; ".join(done)
        write_decoded(dataset, copy, before if self._profile.recompress else "")

    def _is_confirmed(self, series_uid: str) -> bool:
        said = self._profile.pixels_confirmed
        return said if isinstance(said, bool) else series_uid in said

    def _remark(self, dataset: Any, modality: str) -> None:
        if modality == "MR" and not self._profile.extended_private:
            groups = {int(tag) >> 16 for tag in dataset.keys()}  # noqa: SIM118 - tags alone
            if groups & _MR_PRIVATE:
                self._remarks[
                    "MR images lose private attributes, which may tell diffusion directions and "
                    "mosaics: if those are needed, keep further private attributes "
                    "(extended-private)"
                ] += 1
        if str(dataset.get("RecognizableVisualFeatures", "")).upper() == "YES":
            self._remarks["images may show a face that can be recognised"] += 1

    def _conclude(self) -> None:
        report = self.report
        report.effects = effects_of(self._engine.effects)
        report.blocked = [
            Blocked(uid, modality, reason, count)
            for (uid, modality, reason), count in self._blocked.items()
        ]
        report.remarks = [
            f"{text} ({count} file{'s' if count > 1 else ''})"
            for text, count in self._remarks.items()
        ]
        report.patients = len(self._seen["patient"])
        report.studies = len(self._seen["study"])
        report.series = len(self._seen["series"])


def _stray_bits(source: Source) -> set[int]:
    """Return the bits of native pixels, outside of those stored, in which something is."""
    dataset, (implicit, little) = source.dataset, source.encoding
    allocated, stored = dataset.get("BitsAllocated"), dataset.get("BitsStored")
    if not isinstance(allocated, int) or not isinstance(stored, int) or stored >= allocated:
        return set()
    found: set[int] = set()
    whole = source.inflated
    with source.path.open("rb") if whole is None else io.BytesIO(whole) as file:
        for begin, end in pixel_extents(file, source.rest, implicit=implicit, little=little):
            file.seek(begin)
            head = file.read(12)
            if head[:4] not in _PIXEL_DATA or head[4:12].endswith(b"\xff" * 4):
                continue
            if implicit and head[4:8] == b"\xff" * 4:
                continue
            size = 12 if head[4:6] in (b"OB", b"OW", b"UN") and not implicit else 8
            file.seek(begin + size)
            left = end - begin - size
            while left and (piece := file.read(min(left, 1 << 24))):
                found.update(stray_bits(dataset, piece, little=little))
                left -= len(piece)
    return found
