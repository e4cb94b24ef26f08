"""Reads a header by comparing it with one of the same series.

The files of a series differ in a dozen of some 150 elements. A template holds a
header as *stable* bytes, which are compared as they are, and *volatile* elements
between them, whose length and value are read anew, so that all behind them may
shift. The walk over equal bytes, from an equal state, finds equal values:
those of the stable elements are taken from the template. A file that does not
match is walked as ever, and what differed in it is volatile from then on.

Elements by which others are read (character set, private creators) are never
volatile. Functional groups, big endian, deflated and odd files are always walked.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_dicomdb.dicom._decode import PADDING, UnusualHeader
from napari_dicomdb.dicom._found import Found
from napari_dicomdb.dicom._layout import (
    NUMBER,
    SKIP,
    SPECIAL,
    TEXT,
    Element,
    UnfitHeader,
    elements_of,
)
from napari_dicomdb.dicom._meta import EXPLICIT_BIG
from napari_dicomdb.dicom._sequences import UNDEFINED, only_reference
from napari_dicomdb.dicom._walk import ORDERS, SYNTAXES, special_element
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from napari_dicomdb.dicom.header import Header
    from napari_dicomdb.dicom.values import Value

__all__ = ["Template", "Templates"]

LONGEST = 262_144
"""Bytes of the longest header that becomes a template."""
MOST = 8
"""Templates at hand: so many series, or layouts, may alternate."""
REMEMBERED = 64
"""Series of which one file was walked."""
PATIENCE = 32
"""Files in a row without a match, after which all templates are given up."""
COST, CREDIT = 4, 8
"""Matches that pay for making a template, and how many are made on credit."""

# Usual differences within a series, so that the first template is right: UID in the
# meta information and out of it, times, InstanceNumber, position.
_USUAL = (
    *(0x00020000, 0x00020003, 0x00080013, 0x00080018, 0x00080032, 0x00080033),
    *(0x00200013, 0x00200032, 0x00201041),
)
_PIXELS = SPECIAL + 1
_SOURCES = "SourceImageSequence"  # reached only where it is read: `found.sequence`
_SOURCE = "SourceImageSequence.ReferencedSOPInstanceUID"
_SHORT = struct.Struct("<H").unpack_from
_LONG = struct.Struct("<L").unpack_from


class _Step(NamedTuple):
    """Stable bytes up to the length of a volatile element, and what to do with that."""

    span: bytes
    size: int
    unpack: Callable[[bytes, int], tuple[int, ...]]
    width: int
    action: int
    name: str
    vr: str


class Template:
    """A header in stable bytes and volatile elements.

    Parameters
    ----------
    data : bytes
        A file up to the value of its pixel element.
    start : int
        Where its data set starts.
    explicit : bool
    header : Header
        What the walk said of it, checked and normalised.

    Attributes
    ----------
    stable : dict
        Kept values that stable elements give, in their final form.
    """

    __slots__ = (
        "_data",
        "_elements",
        "_explicit",
        "_image_type",
        "_private",
        "_start",
        "_steps",
        "charset",
        "pixel_keyword",
        "series",
        "stable",
        "transfer_syntax_uid",
    )

    def __init__(self, data: bytes, start: int, explicit: bool, header: Header) -> None:
        known = ("SpecificCharacterSet", "ImageType")
        scratch = Found()
        scratch.values = {k: header.values[k] for k in known if k in header.values}
        self._data = data
        self._start = start
        self._explicit = explicit
        self._elements = elements_of(data, start, explicit, scratch)
        self._private = scratch.private
        self._image_type = str(header.values.get("ImageType", ""))
        self._steps: list[_Step] = []
        self.charset = str(header.values.get("SpecificCharacterSet", ""))
        self.pixel_keyword = header.pixel_keyword
        self.series = header.values.get("SeriesInstanceUID")
        self.stable: dict[str, Value] = dict(header.values)
        self.transfer_syntax_uid = header.transfer_syntax_uid

    def differing(self, other: Template) -> set[int] | None:
        """Return the tags of elements that differ in `other`; None: other elements."""
        tags: set[int] = set()
        if len(self._elements) != len(other._elements) or self._explicit != other._explicit:
            return None
        for one, two in zip(self._elements, other._elements, strict=True):
            if one.tag != two.tag or one.vr != two.vr or one.action != two.action:
                return None
            if self._data[one.start : one.end] != other._data[two.start : two.end]:
                tags.add(one.tag)
        return tags

    def settle(self, volatile: Collection[int]) -> None:
        """Cut the header into steps; elements of the tags `volatile` are read anew."""
        start = 0
        for element in self._elements:
            if element.tag not in volatile or element.fixed:
                continue
            self._steps.append(self._step(start, element))
            start = element.end
            if element.name:
                below = element.name + "."
                for name in [k for k in self.stable if k == element.name or k.startswith(below)]:
                    del self.stable[name]
        at = len(self._data) - 4
        self._steps.append(_Step(self._data[start:at], at - start, _LONG, 4, _PIXELS, "", ""))

    def _step(self, start: int, element: Element) -> _Step:
        # Behind the tag, or tag and VR, or those and two reserved bytes.
        short = element.value - element.start == 8 and (
            self._explicit or element.start < self._start
        )
        width = 2 if short else 4
        at = element.value - width
        return _Step(
            self._data[start:at],
            at - start,
            _SHORT if width == 2 else _LONG,
            width,
            element.action,
            element.name,
            element.vr,
        )

    def read(self, window: Window) -> Found | None:
        """Return what the walk would find of volatile elements; None: walk it.

        `found.values` has nothing of the stable elements but SpecificCharacterSet.
        """
        buffer = window.buffer
        starts, text = buffer.startswith, str(buffer, "latin-1")
        padding = PADDING
        found = Found()
        found.private = self._private
        found.image_type = self._image_type
        values = found.values
        if self.charset:
            values["SpecificCharacterSet"] = self.charset
        pos = 0
        action = SKIP
        try:
            for span, size, unpack, width, follows, name, vr in self._steps:
                if not starts(span, pos):
                    # What was read last must have been in the window, or not wanted.
                    if action != SKIP and pos > len(buffer):
                        return None
                    moved = _moved(window, pos, size + width)
                    if moved is None or not moved.buffer.startswith(span):
                        return None
                    window, buffer, pos = moved, moved.buffer, 0
                    starts, text = buffer.startswith, str(buffer, "latin-1")
                action = follows
                pos += size
                (length,) = unpack(buffer, pos)
                pos += width
                if action == TEXT:
                    start = pos
                    pos += length
                    values[name] = text[start:pos].strip(padding)
                elif action == SKIP:
                    pos += length
                elif action == NUMBER and length == 2:
                    (values[name],) = _SHORT(buffer, pos)
                    pos += 2
                elif action == _PIXELS:
                    found.pixel_keyword = self.pixel_keyword
                    found.pixel_offset = found.end = window.base + pos
                    found.pixel_length = None if length == UNDEFINED else length
                elif name == _SOURCES and (
                    uid := only_reference(buffer, pos, length, self._explicit)
                ):
                    values[name] = 1
                    values[_SOURCE] = uid
                    pos += length
                elif action == SPECIAL:
                    window, pos = self._special(window, pos, length, vr, found)
                    if pos < 0:
                        return None
                    if window.buffer is not buffer:
                        buffer = window.buffer
                        starts, text = buffer.startswith, str(buffer, "latin-1")
                else:
                    start = pos
                    pos += length
                    if pos > len(buffer):
                        return None
                    found.keep_raw(name, buffer[start:pos], vr, True, stated=self._explicit)
        except (struct.error, UnusualHeader, HeaderError):
            return None  # the walk will say why
        return found

    def _special(
        self, window: Window, pos: int, length: int, vr: str, found: Found
    ) -> tuple[Window, int]:
        header = 12 if self._explicit else 8
        window = _copy(window)
        order, syntax = ORDERS[True], SYNTAXES[self._explicit, True]
        code = vr.encode("ascii") if self._explicit else b""
        end = special_element(window, pos - header, header, code, length, found, order, syntax)
        return window, end


def _copy(window: Window) -> Window:
    copy = Window(window.buffer, window.size, window.read)
    copy.base = window.base
    return copy


def _moved(window: Window, pos: int, need: int) -> Window | None:
    """Return a window that starts at `pos` of this one, when that has not enough."""
    if pos + need <= len(window.buffer) or window.at_end:
        return None
    moved = _copy(window)
    moved.load(window.base + pos, need)
    return moved


class Templates:
    """The templates that are at hand while files are scanned one after the other.

    Not for several threads at the same time.

    Attributes
    ----------
    hits, walked, made : int
        Files read by a template, files walked, templates made.
    """

    def __init__(self) -> None:
        self.hits = self.walked = self.made = 0
        self._templates: list[Template] = []  # the last one that matched is first
        self._volatile = set(_USUAL)
        self._seen: dict[Any, None] = {}
        self._missed = 0

    def match(self, window: Window) -> tuple[Template, Found] | None:
        """Return the template of a file, and what its volatile elements hold."""
        for index, template in enumerate(self._templates):
            found = template.read(window)
            if found is not None:
                if index:
                    self._templates.insert(0, self._templates.pop(index))
                self.hits += 1
                self._missed = 0
                return template, found
        return None

    def learn(self, window: Window, start: int, explicit: bool, header: Header) -> None:
        """Make a template of a walked file, if others like it are to be expected.

        That is when another one of its series was walked before, and the templates
        that were made so far were worth it: odd data shall cost no more than without.

        Parameters
        ----------
        window : Window
            On the start of the file.
        start : int
            Where its data set starts.
        explicit : bool
        header : Header
            What was found, but for the check that the pixels are all there.
        """
        self.walked += 1
        self._missed += 1
        if self._missed > PATIENCE:
            self._templates.clear()
        series = header.values.get("SeriesInstanceUID")
        if series not in self._seen:
            self._seen[series] = None
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]
            return
        if self.made * COST > self.hits + self.walked // 8 + COST * CREDIT:
            return
        end = header.pixel_offset
        if (
            end is None
            or end > LONGEST
            or header.problems
            or header.frames is not None
            or header.transfer_syntax_uid == EXPLICIT_BIG
        ):
            return
        self.made += 1
        data = window.buffer[:end]
        if len(data) < end:
            data = window.read(0, end)
        try:
            template = Template(data, start, explicit, header)
        except UnfitHeader:
            return
        for index, other in enumerate(self._templates):
            if other.series == series:
                tags = other.differing(template)
                if tags is not None:
                    self._volatile |= tags
                    del self._templates[index]
                    break
        template.settle(self._volatile)
        self._templates.insert(0, template)
        del self._templates[MOST:]
