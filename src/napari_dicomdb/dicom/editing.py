"""Editing attributes in a copy: the original is never written to.

What is not edited is copied byte for byte, the pixels among it. A copy is another
object and has UIDs of its own: of the instance always, of its series and study when
the whole series is edited or a value that belongs to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom import _edited_file
from napari_dicomdb.dicom._edited_file import EditError
from napari_dicomdb.dicom._vr_rules import BINARY_VRS, encodes, problems_of, vm_problem
from napari_dicomdb.dicom.attribute_search import resolve_tag
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.progress import Progress

__all__ = ["UTF_8", "Edit", "EditError", "EditReport", "UidMap", "edited_copies", "edited_copy",
           "parse_edit", "preview", "validate"]  # fmt: skip

UTF_8 = "ISO_IR 192"
_STUDY_LEVEL = frozenset({
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "ReferringPhysicianName",
})  # fmt: skip
_SERIES_LEVEL = frozenset({
    "Modality", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime",
    "BodyPartExamined", "ProtocolName", "Laterality", "PatientPosition", "FrameOfReferenceUID",
    "OperatorsName", "PerformingPhysicianName", "Manufacturer", "ManufacturerModelName",
    "StationName", "InstitutionName", "DeviceSerialNumber", "SoftwareVersions",
})  # fmt: skip
_PIXEL_DESCRIPTION = frozenset({
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "SamplesPerPixel", "PlanarConfiguration", "PhotometricInterpretation", "NumberOfFrames",
})  # fmt: skip
_NEEDED = frozenset({"SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"})
_STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class Edit:
    """One value set, or one attribute removed.

    Attributes
    ----------
    steps : tuple of (int, int)
        Tag and number of the item (from 1; 0 at the end) of every level.
    value : str or None
        Values separated by backslashes; None: remove the attribute.
    text : str
        The path as it was written.
    """

    steps: tuple[tuple[int, int], ...]
    value: str | None
    text: str

    @property
    def tag(self) -> int:
        """Tag of the attribute itself."""
        return self.steps[-1][0]

    @property
    def keyword(self) -> str:
        """Keyword of the attribute, "" when it is private."""
        from pydicom.datadict import keyword_for_tag

        return keyword_for_tag(self.tag)

    @property
    def is_nested(self) -> bool:
        """Whether it is within a sequence."""
        return len(self.steps) > 1


def parse_edit(path: str, value: str | None) -> Edit:
    """Return the edit that `path` (keywords or tags) and `value` stand for.

    Parameters
    ----------
    path : str
        ``PatientID``, ``0010,0020``, ``ReferencedSeriesSequence[1].Modality``.
    value : str or None
        None removes the attribute.

    Raises
    ------
    EditError
        If there is no such attribute, or it may not be edited.
    """
    # A tag's own comma is no separator, and a name may have none.
    steps = []
    for part in path.strip().split("."):
        found = _STEP.fullmatch(part.strip())
        tag = resolve_tag(found[1]) if found else None
        if found is None or tag is None:
            raise EditError(f"there is no attribute {part.strip()!r:.80}", reason="no-attribute")
        steps.append((tag, int(found[2] or 0)))
    *above, (last, number) = steps
    if number:
        if value is not None:
            raise EditError(f"{path}: an item has no value of its own")
    elif any(not k for _, k in above):
        above = [(tag, k or 1) for tag, k in above]
    if last >> 16 <= 2:
        raise EditError(f"{path}: the file meta information follows from the rest")
    if last >> 16 in (0x7FE0, 0xFFFA, 0xFFFC) or last & 0xFFFF == 0:
        raise EditError(f"{path}: pixels, signatures and lengths cannot be edited")
    return Edit((*above, (last, number)), value, path.strip())


def validate(attribute: str | int, vr: str, value: str, charset: str = UTF_8) -> list[str]:
    r"""Return what is wrong with a value, in plain words; nothing when it is good.

    Parameters
    ----------
    attribute : str or int
        Keyword or tag; the dictionary's number of values is kept to.
    vr : str
        "" for that of the dictionary.
    value : str
        Values separated by backslashes; "" for an empty attribute.
    charset : str
        SpecificCharacterSet of the object.

    Examples
    --------
    >>> validate("PatientBirthDate", "DA", "19700230")
    ['there is no such date']
    >>> validate("PixelSpacing", "", "1\\1")
    []
    """
    from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR

    tag = attribute if isinstance(attribute, int) else resolve_tag(attribute)
    if tag is None:
        return [f"there is no attribute {attribute!r:.80}"]
    known = dictionary_has_tag(tag)
    vr = vr or (dictionary_VR(tag) if known else "UN")
    # US or SS, as the pixels are: a sign tells which.
    vr = "SS" if "or SS" in vr and value.startswith("-") else vr.split(" or ")[0]
    values = [value] if vr in _edited_file.WHOLE_VRS else value.split("\\") if value else []
    found = [problem for one in values for problem in problems_of(vr, one, charset)]
    if not values and vr in BINARY_VRS:
        found = problems_of(vr, "", charset)
    if known:
        wrong = vm_problem(dictionary_VM(tag), len(values))
        found += [wrong] if wrong else []
    keyword = _keyword(tag)
    if keyword in _NEEDED and not value:
        found.append(f"{keyword} cannot be empty")
    return list(dict.fromkeys(found))


def _keyword(tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag)


class UidMap:
    """New UIDs for old ones, the same wherever an old one occurs."""

    def __init__(self) -> None:
        self.new: dict[str, str] = {}

    def __getitem__(self, uid: str) -> str:
        """Return the new UID for an old one, made when it is first asked for."""
        from pydicom.uid import generate_uid

        if uid not in self.new:
            self.new[uid] = str(generate_uid(prefix=None))
        return self.new[uid]


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute as it was and as it will be; "" when absent."""

    path: str
    name: str
    before: str
    after: str


@dataclass(slots=True)
class EditReport:
    """What became of the files that were to be edited.

    Attributes
    ----------
    written : list of (Path, Path)
        Originals and copies.
    refused : list of (Path, str, str)
        Files, reason codes, plain words.
    remarks : list of str
        What a person should know: pixels described otherwise, UIDs kept.
    uids : dict
        New UIDs by old ones.
    """

    written: list[tuple[Path, Path]] = field(default_factory=list)
    refused: list[tuple[Path, str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    uids: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {
            "written": [{"from": str(one), "to": str(other)} for one, other in self.written],
            "refused": [{"path": str(p), "reason": r, "text": t} for p, r, t in self.refused],
            "remarks": self.remarks,
            "uids": self.uids,
        }


def remarks_on(edits: Sequence[Edit], *, keep_uids: bool = False) -> list[str]:
    """Return what a person should know before these edits are made."""
    found = []
    described = sorted(e.keyword for e in edits if e.keyword in _PIXEL_DESCRIPTION)
    if described:
        found.append(
            f"{', '.join(described)} describes how the pixels are stored. The pixels stay as "
            "they are, so that other programs may read them wrongly."
        )
    if keep_uids:
        found.append(
            "The copies keep their UIDs: two different objects with the same SOPInstanceUID "
            "may be taken for one by archives and databases."
        )
    return found


def preview(path: str | os.PathLike[str], edits: Sequence[Edit]) -> list[Change]:
    """Return what `edits` change in one file, before anything is written.

    Raises
    ------
    EditError
        If one of them cannot be made in this file.
    """
    source = _edited_file.read_for_editing(Path(path))
    return [
        Change(edit.text, name, before, edit.value or "" if edit.value is not None else "")
        for edit in edits
        for name, before in [_edited_file.present(source, edit.steps, edit.text)]
    ]


def edited_copy(
    path: str | os.PathLike[str],
    edits: Sequence[Edit],
    folder: str | os.PathLike[str],
    *,
    uids: UidMap | None = None,
    whole_series: bool = False,
    keep_uids: bool = False,
    utf8: bool = False,
) -> Path:
    """Write an edited copy of one file.

    Parameters
    ----------
    path : path-like
        The original, which is only read.
    edits : sequence of Edit
    folder : path-like
        Where the copy goes, named by its SOPInstanceUID.
    uids : UidMap, optional
        New UIDs, to be shared by the copies of one series or study.
    whole_series : bool
        The copy becomes part of a new series.
    keep_uids : bool
        Keep all UIDs.
    utf8 : bool
        Write the copy in UTF-8 where its character set lacks what was typed.

    Raises
    ------
    EditError
        If a value is not valid, or the copy is there already.
    """
    source = _edited_file.read_for_editing(Path(path))
    charset = _edited_file.charset_of(source)
    own_charset = next((e.value for e in edits if e.keyword == "SpecificCharacterSet"), None)
    wanted = charset if own_charset is None else own_charset
    if utf8 and not all(encodes(e.value or "", wanted) for e in edits):
        wanted = UTF_8
    for edit in edits:
        if edit.value is None:
            if edit.keyword in _NEEDED and not edit.is_nested:
                raise EditError(f"{edit.text}: an object cannot do without it", reason="needed")
            continue
        vr = _edited_file.vr_for(source, edit.steps)
        wrong = validate(edit.tag, vr, edit.value, wanted)
        if wrong:
            raise EditError(f"{edit.text}: {'; '.join(wrong)}", reason="bad-value")
    if wanted != charset:
        _edited_file.change_charset(source, wanted)
    for edit in edits:
        if edit.keyword != "SpecificCharacterSet" or edit.is_nested:
            _edited_file.apply(source, edit.steps, edit.value, edit.text)
    if not keep_uids:
        _renew(source, edits, uids or UidMap(), whole_series)
    return _edited_file.write(source, Path(folder))


def _renew(source: Any, edits: Sequence[Edit], uids: UidMap, whole_series: bool) -> None:
    """Give the copy UIDs of its own, at every level that its edits concern."""
    touched = {edit.keyword for edit in edits if not edit.is_nested}
    levels = ["SOPInstanceUID"]
    new_study = bool(touched & _STUDY_LEVEL) and "StudyInstanceUID" not in touched
    # A series belongs to one study and one patient alone.
    elsewhere = new_study or "StudyInstanceUID" in touched
    if (whole_series or elsewhere or touched & _SERIES_LEVEL) and (
        "SeriesInstanceUID" not in touched
    ):
        levels.append("SeriesInstanceUID")
    if new_study:
        levels.append("StudyInstanceUID")
    dataset = source.dataset
    for keyword in levels:
        if keyword not in touched and dataset.get(keyword):
            uids[str(dataset.get(keyword))]  # now it has a new one
    _edited_file.map_uids(dataset, uids.new)


def edited_copies(
    paths: Iterable[str | os.PathLike[str]],
    edits: Sequence[Edit],
    folder: str | os.PathLike[str],
    *,
    whole_series: bool | None = None,
    keep_uids: bool = False,
    utf8: bool = False,
    progress: Progress | None = None,
) -> EditReport:
    """Write edited copies of several files; UIDs are mapped alike in all of them.

    Parameters
    ----------
    paths, edits, folder, keep_uids, utf8
        As for `edited_copy`.
    whole_series : bool, optional
        By default, when there is more than one file.
    progress : Progress, optional
        May raise `Cancelled`; copies already written stay.

    Returns
    -------
    EditReport
        With every file that was refused, and why.
    """
    tell, report = progress or no_progress, EditReport(remarks=remarks_on(edits))
    report.remarks = remarks_on(edits, keep_uids=keep_uids)
    files, uids = [Path(path) for path in paths], UidMap()
    if len(files) > 1 and any(e.keyword == "SOPInstanceUID" and not e.is_nested for e in edits):
        raise EditError("SOPInstanceUID: several objects cannot have the same")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = f"{target} cannot be made: {error.strerror or error}"
        raise EditError(words, reason="not-writable") from error
    if not keep_uids:
        # References among the files lead to the copies, whichever is written first.
        for path in files:
            uid = _edited_file.instance_uid(path)
            if uid:
                uids[uid]
    whole = len(files) > 1 if whole_series is None else whole_series
    for number, path in enumerate(files):
        tell(number, len(files), "writing copies")
        try:
            copy = edited_copy(
                path, edits, target, uids=uids, whole_series=whole, keep_uids=keep_uids, utf8=utf8
            )
            report.written.append((path, copy))
        except DicomDbError as error:
            report.refused.append((path, error.reason, str(error)))
        except OSError as error:
            report.refused.append((path, "unreadable", f"{path}: {error.strerror or error}"))
    tell(len(files), len(files), "writing copies")
    report.uids = dict(uids.new)
    return report
