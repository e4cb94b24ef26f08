"""One file taken apart for editing, and put together again with its pixels untouched."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.dicom._attribute_reading import DEFLATED, quiet
from napari_dicomdb.dicom._charset import decode_text
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import DicomDbError, HeaderError, LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydicom import Dataset

__all__ = ["WHOLE_VRS", "EditError", "Source", "apply", "change_charset", "charset_of",
           "instance_uid",
           "map_uids", "present", "read_for_editing", "vr_for", "write"]  # fmt: skip

WHOLE_VRS = text.SINGLE_TEXT_VRS
_GOOD_UID = re.compile(r"[0-9.]{1,64}")
_IMPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_EXPLICIT = "1.2.840.10008.1.2.1"
_CHARSET = 0x00080005
_MOST_INFLATED = 1 << 30  # bytes of a deflated file that is copied
_SERIES_AND_STUDY = (0x0020000D, 0x0020000E)

Steps = tuple[tuple[int, int], ...]


class EditError(DicomDbError, ValueError):
    """An edit that cannot be made; the message says why."""

    default_reason = "bad-edit"


@dataclass(slots=True)
class Source:
    """A file as it was read: its data set, and where the rest of it begins."""

    path: Path
    meta: Dataset
    dataset: Dataset
    syntax: str
    rest: int  # where the bytes begin that are copied as they are
    encoding: tuple[bool, bool]  # implicit VR, little endian
    inflated: bytes | None = None  # the whole data set of a deflated file


def read_for_editing(path: Path) -> Source:
    """Read a file up to its pixels, whose bytes are copied and never looked at.

    Raises
    ------
    HeaderError, NotDicomError
        If it cannot be read wholly: a copy would lack the rest.
    LoadError
        If it is gone.
    """
    from napari_dicomdb.dicom.header import scan_file

    try:
        header = scan_file(path)
        for reason, words in header.problems:
            if reason in ("truncated-header",):
                raise HeaderError(f"{path}: {words}: it cannot be copied wholly", reason=reason)
        with quiet():
            return _read(path, header.transfer_syntax_uid)
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", reason="file-missing") from error
    except unreadable() as error:
        if isinstance(error, HeaderError):
            raise
        raise HeaderError(f"{path}: it cannot be read for editing: {_first(error)}") from error


def _read(path: Path, syntax: str) -> Source:
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import dcmread, read_dataset, read_file_meta_info

    def at_pixels(tag: Any, _vr: Any, _length: int) -> bool:
        return bool(tag >= 0x7FE00000)

    if syntax == DEFLATED:
        meta = read_file_meta_info(path)
        start = 144 + int(meta.FileMetaInformationGroupLength)
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        whole = engine.decompress(path.read_bytes()[start:], _MOST_INFLATED)
        if engine.unconsumed_tail:
            raise HeaderError(f"{path}: inflated it is too large to be edited")
        stream = io.BytesIO(whole)
        dataset: Dataset = read_dataset(stream, False, True, stop_when=at_pixels)
        return Source(path, meta, dataset, syntax, stream.tell(), (False, True), whole)
    with path.open("rb") as file:
        found = dcmread(file, stop_before_pixels=True, force=True)
        rest = file.tell()
        meta = getattr(found, "file_meta", None) or FileMetaDataset()
        implicit, little = found.original_encoding
    plain = syntax or (_IMPLICIT if implicit else _EXPLICIT if little else _BIG)
    # What it is encoded by, whatever the meta information says that it is.
    elements: list[Any] = [found.get_item(tag) for tag in list(found.keys())[:1]]
    implicit = elements[0].VR is None if elements and elements[0].is_raw else implicit
    declared = str(meta.get("TransferSyntaxUID") or plain)
    return Source(path, meta, found, declared, rest, (bool(implicit), bool(little)))


def _first(error: Exception) -> str:
    """Return the first line of an error: pydicom's go on with a traceback."""
    return str(error).partition("\n")[0][:200]


def instance_uid(path: Path) -> str:
    """Return the SOPInstanceUID of a file, "" when it cannot be read."""
    from napari_dicomdb.dicom.header import scan_file

    try:
        return str(scan_file(path).values.get("SOPInstanceUID", ""))
    except (OSError, DicomDbError):
        return ""


def charset_of(source: Source) -> str:
    """Return the SpecificCharacterSet of a file, its terms separated by backslashes."""
    if _CHARSET not in source.dataset:
        return ""
    element: Any = source.dataset.get_item(_CHARSET)
    raw = text.raw_bytes(element)
    if raw is not None:
        return raw.decode("latin_1").strip(" \0")
    value = element.value or ""
    return value if isinstance(value, str) else "\\".join(value)


def vr_for(source: Source, steps: Steps) -> str:
    """Return the VR of an attribute: as in the file, else of the dictionary."""
    holder = _holder(source.dataset, steps)
    tag = steps[-1][0]
    if holder is not None and tag in holder:
        return text.vr_of(holder, holder.get_item(tag))
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    new = RawDataElement(Tag(tag), None, 0, b"", 0, False, True)
    return text.vr_of(holder if holder is not None else source.dataset, new)


def _holder(dataset: Dataset, steps: Steps) -> Dataset | None:
    """Return the data set that the last step is in, None when there is none."""
    for tag, number in steps[:-1]:
        if tag not in dataset or dataset[tag].VR != "SQ":
            return None
        items = dataset[tag].value or []
        if not 1 <= number <= len(items):
            return None
        dataset = items[number - 1]
    return dataset


def _required_holder(source: Source, steps: Steps, words: str) -> Dataset:
    with quiet():
        holder = _holder(source.dataset, steps)
    if holder is None:
        raise EditError(f"{words}: {source.path} has no such item", reason="no-item")
    return holder


def present(source: Source, steps: Steps, words: str) -> tuple[str, str]:
    """Return name and value of an attribute as it is; the value is "" when it is absent."""
    holder = _required_holder(source, steps, words)
    tag = steps[-1][0]
    name = text.names_of(holder, tag)[1]
    if tag not in holder:
        return name, ""
    element: Any = holder.get_item(tag)
    vr = text.vr_of(holder, element)
    if vr == "SQ":
        return name, f"{len(holder[tag].value or [])} items"
    outer = text.charsets_in(source.dataset)
    values = text.values_of(element, vr, text.charsets_in(holder, outer))
    shown = values if isinstance(values, bytes) else [*values]
    return name, text.shown(shown, vr if vr != "UI" else "LO", text.vm_of(element, vr, values))


def apply(source: Source, steps: Steps, value: str | None, words: str) -> None:
    """Set or remove one attribute.

    Raises
    ------
    EditError
        If the sequence has no such item.
    """
    from pydicom import DataElement
    from pydicom.tag import Tag

    holder = _required_holder(source, steps, words)
    tag, number = steps[-1]
    with quiet():
        if value is None:
            if number:
                items = holder[tag].value if tag in holder else []
                if number <= len(items):
                    del items[number - 1]
            elif tag in holder:
                del holder[tag]
            return
        vr = vr_for(source, steps)
        holder[tag] = DataElement(Tag(tag), vr, _typed(vr, value))
        if tag == 0x00080016 and len(steps) == 1:
            source.meta.MediaStorageSOPClassUID = value


def _typed(vr: str, value: str) -> Any:
    from pydicom.tag import Tag

    if vr in WHOLE_VRS:
        return value
    parts: list[Any] = value.split("\\") if value else []
    if vr in ("US", "SS", "UL", "SL", "UV", "SV"):
        parts = [int(part) for part in parts]
    elif vr in ("FL", "FD"):
        parts = [float(part) for part in parts]
    elif vr == "AT":
        parts = [Tag(int(re.sub(r"[(),]", "", part), 16)) for part in parts]
    if not parts:
        return None if vr in ("US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT") else ""
    return parts[0] if len(parts) == 1 else parts


def change_charset(source: Source, charset: str) -> None:
    """Write all text of the data set in another character set from now on."""
    old = text.charsets_in(source.dataset)
    with quiet():
        _recode(source.dataset, old)
    terms = charset.split("\\")
    source.dataset.SpecificCharacterSet = terms if len(terms) > 1 else charset


def _recode(dataset: Dataset, outside: tuple[str, ...]) -> None:
    from pydicom import DataElement

    own = text.charsets_in(dataset, outside)
    for tag in list(dataset.keys()):
        element: Any = dataset.get_item(tag)
        vr = text.vr_of(dataset, element)
        if vr == "SQ":
            for item in dataset[tag].value or []:
                _recode(item, own)
                if _CHARSET in item:
                    del item[_CHARSET]
            continue
        raw = text.raw_bytes(element)
        if vr in text.CHARSET_VRS and raw and (not raw.isascii() or b"\x1b" in raw):
            words = decode_text(raw, own, vr).rstrip(" \0")
            parts = [words] if vr in WHOLE_VRS else words.split("\\")
            dataset[tag] = DataElement(tag, vr, parts[0] if len(parts) == 1 else parts)
        elif vr in text.CHARSET_VRS and raw is None:
            _ = dataset[tag]  # decoded already, by the character set it had


def map_uids(dataset: Dataset, new: Mapping[str, str]) -> None:
    """Replace UIDs by their new ones, wherever they occur, in sequences as well.

    A series or study that an item refers to is another one only where one of the
    instances is that the item names: its predecessors stay where they are.
    """
    with quiet():
        _map(dataset, new, is_outermost=True)


def _map(dataset: Dataset, new: Mapping[str, str], *, is_outermost: bool) -> bool:
    """Return whether an instance is referred to that has a new UID."""
    refers = False
    for tag in list(dataset.keys()):
        element: Any = dataset.get_item(tag)
        vr = text.vr_of(dataset, element)
        if vr == "SQ":
            below = [_map(item, new, is_outermost=False) for item in dataset[tag].value or []]
            refers = refers or any(below)
        elif vr == "UI" and (is_outermost or tag not in _SERIES_AND_STUDY):
            replaced = _replace(dataset, tag, element, new)
            refers = refers or (replaced and tag == 0x00081155)
    for above in _SERIES_AND_STUDY:
        if refers and not is_outermost and above in dataset:
            _replace(dataset, above, dataset.get_item(above), new)
    return refers


def _replace(dataset: Dataset, tag: Any, element: Any, new: Mapping[str, str]) -> bool:
    from pydicom import DataElement

    values = text.values_of(element, "UI", ())
    if isinstance(values, bytes) or not any(str(one) in new for one in values):
        return False
    mapped = [new.get(str(one), str(one)) for one in values]
    dataset[tag] = DataElement(tag, "UI", mapped[0] if len(mapped) == 1 else mapped)
    return True


# -- writing --------------------------------------------------------------------------


def write(source: Source, folder: Path) -> Path:
    """Write the copy under the name of its SOPInstanceUID; never over another file.

    Raises
    ------
    EditError
        If a file of that name is there.
    """
    uid = str(source.dataset.get("SOPInstanceUID", ""))
    name = uid if _GOOD_UID.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()[:40]
    target = folder / f"{name}.dcm"
    if target.exists():
        raise EditError(f"{target} is there already: it is not overwritten", reason="exists")
    partial = folder / f".{name}.{os.getpid()}.part"
    try:
        with partial.open("xb") as file, quiet():
            _write(source, file, uid)
            file.flush()
            os.fsync(file.fileno())
        _publish(partial, target)
    except FileExistsError as error:
        words = f"{target} is there already: it is not overwritten"
        raise EditError(words, reason="exists") from error
    except unreadable() as error:
        if isinstance(error, EditError):
            raise
        raise EditError(f"{source.path}: it cannot be written again: {_first(error)}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _publish(partial: Path, target: Path) -> None:
    """Give a complete file its name, unless that is taken meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(str(target)) from None
        partial.rename(target)


def _write(source: Source, out: BinaryIO, uid: str) -> None:
    from pydicom.filebase import DicomBytesIO, DicomIO
    from pydicom.filewriter import write_dataset, write_file_meta_info

    source.meta.TransferSyntaxUID = source.syntax
    source.meta.MediaStorageSOPInstanceUID = uid
    if not source.meta.get("MediaStorageSOPClassUID"):
        source.meta.MediaStorageSOPClassUID = source.dataset.get("SOPClassUID", "")
    out.write(b"\0" * 128 + b"DICM")
    meta: Any = source.meta
    write_file_meta_info(DicomIO(out), meta, enforce_standard=True)
    header = DicomBytesIO()
    header.is_implicit_VR, header.is_little_endian = source.encoding
    write_dataset(header, source.dataset)
    if source.inflated is not None:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = packer.compress(header.getvalue() + source.inflated[source.rest :])
        packed += packer.flush()
        out.write(packed + b"\0" * (len(packed) % 2))
        return
    out.write(header.getvalue())
    with source.path.open("rb") as original:
        original.seek(source.rest)
        shutil.copyfileobj(original, out, 1 << 20)
