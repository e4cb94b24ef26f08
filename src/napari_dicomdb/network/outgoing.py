"""A file that is to be sent: opened, looked at, its encoded data set ready to be streamed."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from napari_dicomdb.dicom.encoding import locate_data_set
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError, HeaderError
from napari_dicomdb.network.transcoding import TARGETS, encode_as

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.negotiation import Proposal

__all__ = ["Outgoing", "open_outgoing", "proposals_for"]


@dataclass(slots=True)
class Outgoing:
    """An encoded data set, to be read from where `content` stands.

    Use it in a ``with`` statement: the file is closed at the end.
    """

    content: BinaryIO
    length: int
    proposal: Proposal
    uid: str
    is_transcoded: bool = False

    def __enter__(self) -> Outgoing:
        return self

    def __exit__(self, *_: object) -> None:
        self.content.close()


def proposals_for(record: InstanceRecord) -> list[Proposal]:
    """Return the presentation contexts that an instance needs: its own, and what we can make."""
    own = record.transfer_syntax_uid
    syntaxes = dict.fromkeys((own, *TARGETS) if own else TARGETS)
    return [(record.sop_class_uid, syntax) for syntax in syntaxes]


def open_outgoing(
    record: InstanceRecord, accepted: Collection[Proposal], *, transcode: bool = True
) -> Outgoing:
    """Open an instance for sending, as its file has it or as the node wants it.

    Parameters
    ----------
    record : InstanceRecord
    accepted : collection of Proposal
        What the node takes.
    transcode : bool
        Whether the transfer syntax may be changed, without loss, when it must.

    Raises
    ------
    HeaderError
        If the file is not what was imported (reasons "changed", "truncated"), or the
        node takes none of the transfer syntaxes ("no-context").
    PixelError
        If it must be decompressed and cannot be.
    DicomDbError
        If the file is gone or cannot be read ("missing", "unreadable").
    """
    try:
        file = open(record.path, "rb", buffering=0)  # noqa: SIM115 - handed on
    except FileNotFoundError as error:
        raise DicomDbError("the file is gone: verify the database", reason="missing") from error
    except OSError as error:
        raise _unreadable(error) from error
    try:
        return _prepared(record, file, accepted, transcode)
    except OSError as error:
        file.close()
        if isinstance(error, DicomDbError):
            raise
        raise _unreadable(error) from error
    except BaseException:
        file.close()
        raise


def _prepared(
    record: InstanceRecord, file: BinaryIO, accepted: Collection[Proposal], transcode: bool
) -> Outgoing:
    facts = os.fstat(file.fileno())
    _require_same(record, facts)
    found = locate_data_set(file, facts.st_size)
    own = (record.sop_class_uid, found.transfer_syntax_uid)
    is_even = found.length % 2 == 0
    if own in accepted and (is_even or found.is_deflated):
        file.seek(found.offset)
        if is_even:
            return Outgoing(file, found.length, own, record.uid)
        # PS3.5 Annex A.5: a deflated data set is padded to an even length
        content = file.read() + b"\0"
        file.close()
        return Outgoing(io.BytesIO(content), len(content), own, record.uid)
    if not transcode and own not in accepted:
        raise HeaderError(
            f"the node does not take {_named(own[1])}, and the transfer syntax was to be kept",
            reason="no-context",
        )
    for syntax in TARGETS:
        if (record.sop_class_uid, syntax) in accepted:
            content = encode_as(record.path, syntax)
            file.close()
            new = (record.sop_class_uid, syntax)
            return Outgoing(io.BytesIO(content), len(content), new, record.uid, True)
    if any(one == record.sop_class_uid for one, _ in accepted):
        text = (
            f"the node takes no transfer syntax that we can send it in, {_named(own[1])} neither"
        )
    else:
        text = f"the node does not store {_named(record.sop_class_uid)}"
    raise HeaderError(text, reason="no-context")


def _require_same(record: InstanceRecord, facts: os.stat_result) -> None:
    """Refuse a file that is another object by now, or has lost its end."""
    if (facts.st_size, facts.st_mtime_ns) == (record.file_size, record.file_mtime_ns):
        length = record.pixel_length
        if record.pixel_offset is not None and length is not None:
            lacking = record.pixel_offset + length - facts.st_size
            if lacking > 0:
                raise HeaderError(f"the file lacks its last {lacking} bytes", reason="truncated")
        return
    header = scan_file(record.path)
    if header.values.get("SOPInstanceUID") != record.uid:
        raise HeaderError(
            "the file holds another object than when it was imported: refresh it",
            reason="changed",
        )
    if header.values.get("SOPClassUID") != record.sop_class_uid:
        raise HeaderError(
            "the file has another SOP class than when it was imported: refresh it",
            reason="changed",
        )
    truncated = next((text for code, text in header.problems if "truncated" in code), None)
    if truncated is not None:
        raise HeaderError(f"the file is not whole: {truncated}", reason="truncated")


def _named(uid: str) -> str:
    from pydicom.uid import UID

    name = UID(uid).name if uid else ""
    return f"{name} ({uid})" if name and name != uid else uid or "an unknown transfer syntax"


def _unreadable(error: OSError) -> DicomDbError:
    return DicomDbError(
        f"the file cannot be read: {error.strerror or type(error).__name__}", reason="unreadable"
    )
