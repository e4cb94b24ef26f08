"""The attributes of one object as a tree: what stands in the file, tag by tag.

Nothing is made before it is looked at: a sequence of 100 000 items costs as much as
the items that are asked for. What is damaged is read as far as possible and told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.dicom._attribute_reading import (
    after_pixels,
    pixel_facts,
    quiet,
    read_parts,
)
from napari_dicomdb.dicom._attribute_values import tag_text
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import HeaderError, LoadError, NotDicomError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from pydicom import Dataset
    from pydicom.dataelem import RawDataElement


__all__ = ["Attribute", "AttributeTree", "quiet", "read_attributes"]

LONGEST = 200  # characters of a value in the list
_VALUES_SHOWN = 16
_HEAVY = 1 << 16  # bytes of a sequence that is worth another thread
_LONGEST_WHOLE = 1 << 24  # bytes
_DEEPEST = 64
_ITEM = 0xFFFEE000


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of the tree: an element, or an item of a sequence.

    Attributes
    ----------
    path : str
        Where it is: ``"00081115[2].0020000E"``; items count from 1.
    tag : int
    keyword : str
        Empty for private and unknown elements, and for items.
    name : str
        Of private elements with who reserved them.
    vr : str
        Empty for items.
    vm : int
        How many values; of a sequence, how many items.
    value : str
        On one line, at most 200 characters.
    is_cut : bool
        Whether there is more of the value, see `AttributeTree.whole_value`.
    problem : str
        Why the value cannot be made out, or "".
    """

    path: str
    tag: int
    keyword: str
    name: str
    vr: str
    vm: int
    value: str
    is_cut: bool = False
    problem: str = ""
    depth: int = 0
    holder: Any = field(default=None, repr=False, compare=False)
    charsets: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def is_item(self) -> bool:
        """Whether it is an item of a sequence."""
        return self.tag == _ITEM

    @property
    def is_sequence(self) -> bool:
        """Whether there are items below it."""
        return self.vr == "SQ"

    @property
    def tag_text(self) -> str:
        """The tag as "(0010,0020)"; empty for items."""
        return "" if self.is_item else tag_text(self.tag)

    @property
    def words(self) -> str:
        """The keyword path, as commands take it: "ReferencedSeriesSequence[1].Modality"."""
        from pydicom.datadict import keyword_for_tag

        parts = []
        for part in self.path.split("."):
            head, bracket, rest = part.partition("[")
            parts.append((keyword_for_tag(int(head, 16)) or head) + bracket + rest)
        return ".".join(parts)


class AttributeTree:
    """All attributes of one object, made as they are asked for.

    Parameters
    ----------
    path : Path
        The file.
    parts : list of Dataset
        File meta information, data set, what follows the pixels.
    problems : sequence of str
        What could not be read, in plain words.
    pixels : Attribute, optional
        A summary in place of the pixels.
    """

    def __init__(
        self,
        path: Path,
        parts: list[Dataset],
        problems: tuple[str, ...] = (),
        pixels: Attribute | None = None,
    ) -> None:
        self.path = path
        self.parts = parts
        self.problems = problems
        self.pixels = pixels
        self._charsets = next((c for p in parts if (c := text.charsets_in(p))), ())

    @property
    def dataset(self) -> Dataset:
        """The data set, without pixels and without file meta information."""
        return self.parts[1]

    # -- structure --------------------------------------------------------------------

    def top(self) -> list[Attribute]:
        """Return the attributes of the first level, in the order of the file."""
        meta, *rest = [self._elements(part, "", 0, self._charsets) for part in self.parts]
        found = [one for part in rest for one in part]
        if self.pixels is not None:
            found.append(self.pixels)
        return meta + sorted(found, key=lambda one: one.tag)

    def count(self, attribute: Attribute) -> int:
        """Return how many lines there are right below `attribute`."""
        if attribute.is_item:
            return len(attribute.holder)
        return len(self._items(attribute)) if attribute.is_sequence else 0

    def children(
        self, attribute: Attribute, start: int = 0, stop: int | None = None
    ) -> list[Attribute]:
        """Return the lines right below `attribute`, or some of them."""
        if attribute.depth >= _DEEPEST:
            return []
        if attribute.is_item:
            charsets = text.charsets_in(attribute.holder, attribute.charsets)
            return self._elements(
                attribute.holder, f"{attribute.path}.", attribute.depth + 1, charsets, start, stop
            )
        if not attribute.is_sequence:
            return []
        items = self._items(attribute)
        return [
            Attribute(
                f"{attribute.path}[{k + 1}]",
                _ITEM,
                "",
                f"Item {k + 1}",
                "",
                len(items[k]),
                _summary(items[k], text.charsets_in(items[k], attribute.charsets)),
                depth=attribute.depth + 1,
                holder=items[k],
                charsets=attribute.charsets,
            )
            for k in range(start, len(items) if stop is None else min(stop, len(items)))
        ]

    def is_heavy(self, attribute: Attribute) -> bool:
        """Whether opening `attribute` for the first time takes long enough to be noticed."""
        if not attribute.is_sequence or attribute.holder is None:
            return False
        element = attribute.holder.get_item(attribute.tag, keep_deferred=True)
        return bool(getattr(element, "is_raw", False) and element.length > _HEAVY)

    def walk(self) -> Iterator[Attribute]:
        """Yield all lines in reading order."""
        pending = list(reversed(self.top()))
        while pending:
            one = pending.pop()
            yield one
            if one.is_sequence or one.is_item:
                pending += reversed(self.children(one))

    def find(self, path: str) -> Attribute | None:
        """Return the line at `path`, None when the object has none there."""
        found: Attribute | None = None
        level = self.top()
        parts = path.split(".")
        for k, part in enumerate(parts):
            head, _, number = part.rstrip("]").partition("[")
            found = next((one for one in level if f"{one.tag:08X}" == head), None)
            if found is None or not number:
                return found if k == len(parts) - 1 else None
            place = int(number) - 1
            items = self.children(found, place, place + 1)
            if not items:
                return None
            found = items[0]
            level = self.children(found) if k < len(parts) - 1 else []
        return found

    def _items(self, attribute: Attribute) -> list[Dataset]:
        try:
            with quiet():
                return list(attribute.holder[attribute.tag].value or [])
        except unreadable(OSError):
            return []

    def _elements(
        self,
        dataset: Dataset,
        prefix: str,
        depth: int,
        charsets: tuple[str, ...],
        start: int = 0,
        stop: int | None = None,
    ) -> list[Attribute]:
        tags = sorted(int(tag) for tag in dataset.keys())  # noqa: SIM118, not a dict
        return [
            self._element(dataset, tag, f"{prefix}{tag:08X}", depth, charsets)
            for tag in tags[start:stop]
        ]

    def _element(
        self, dataset: Dataset, tag: int, path: str, depth: int, charsets: tuple[str, ...]
    ) -> Attribute:
        element: Any = dataset.get_item(tag, keep_deferred=True)
        keyword, name = text.names_of(dataset, tag)
        vr = text.vr_of(dataset, element)
        is_cut, problem = False, ""
        if vr not in text.KNOWN_VRS:
            vr, problem = "??", f"unreadable: there is no VR {vr!r}"
        try:
            if vr == "SQ":
                vm, value = self._sequence_facts(dataset, element)
            elif _is_deferred(element):
                head = self._stored(element, 4 * LONGEST)
                element = element._replace(value=head)
                values = text.values_of(element, vr, charsets, most=_VALUES_SHOWN)
                vm, is_cut = text.vm_of(element, vr, values), True
                value = _deferred_value(values, vr, vm, dataset.get_item(tag, keep_deferred=True))
            else:
                values = text.values_of(element, vr, charsets, most=_VALUES_SHOWN)
                vm = text.vm_of(element, vr, values)
                value = text.shown(values, vr, vm)
                is_cut = vm > _VALUES_SHOWN or (isinstance(values, bytes) and len(values) > 16)
        except unreadable(OSError) as error:
            raw = text.raw_bytes(element) or b""
            vm, value = 0, text.size_and_hex(len(raw), raw[:16])
            problem = f"unreadable: {error}"
        line = " ".join("".join(c if c.isprintable() else " " for c in value).split(" "))
        if len(line) > LONGEST:
            line, is_cut = f"{line[:LONGEST]}... ({len(value)} characters)", True
        return Attribute(
            path, tag, keyword, name, vr, vm, line, is_cut, problem, depth, dataset, charsets
        )

    def _sequence_facts(self, dataset: Dataset, element: Any) -> tuple[int, str]:
        if getattr(element, "is_raw", False) and element.length > _HEAVY:
            return 1, f"{element.length} bytes of items"
        with quiet():
            count = len(dataset[element.tag].value or [])
        return count, f"{count} item{'' if count == 1 else 's'}"

    # -- values -----------------------------------------------------------------------

    def values(self, attribute: Attribute) -> list[str | int | float] | bytes:
        """Return all values of an element: text, numbers, or bytes."""
        if attribute.holder is None or attribute.is_item or attribute.is_sequence:
            return []
        element: Any = attribute.holder.get_item(attribute.tag, keep_deferred=True)
        if _is_deferred(element):
            element = element._replace(value=self._stored(element, _LONGEST_WHOLE))
        return text.values_of(element, attribute.vr, attribute.charsets)

    def whole_value(self, attribute: Attribute) -> str:
        """Return the value of an element in full length; bytes as lines of hex.

        Raises
        ------
        LoadError
            If the file is gone or the value contradicts its VR.
        """
        if attribute.holder is None or attribute.is_item or attribute.is_sequence:
            return attribute.value
        try:
            values = self.values(attribute)
        except unreadable(OSError) as error:
            raise LoadError(f"{self.path}: {attribute.tag_text}: {error}") from error
        if isinstance(values, bytes) and attribute.vr != "UN":
            shown = values[: 1 << 16]
            lines = [shown[k : k + 16].hex(" ").upper() for k in range(0, len(shown), 16)]
            return "\n".join(lines)
        return text.shown(values, attribute.vr, 0)

    def _stored(self, element: RawDataElement, most: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(element.value_tell)
            return file.read(min(element.length, most))


def _is_deferred(element: Any) -> bool:
    return bool(getattr(element, "is_raw", False) and element.value is None and element.length)


def _deferred_value(values: Any, vr: str, vm: int, element: Any) -> str:
    if isinstance(values, bytes):
        return text.size_and_hex(element.length, values[:16])
    return f"{text.shown(values, vr, vm)}... ({element.length} bytes)"


def _summary(item: Dataset, charsets: tuple[str, ...]) -> str:
    """Return what an item is about: the meaning of its code, a label, a UID."""
    for tag in (0x00080104, 0x0040A160, 0x30060026, 0x00620005, 0x00081155, 0x0020000E):
        if tag in item:
            element: Any = item.get_item(tag, keep_deferred=True)
            values = text.values_of(element, text.vr_of(item, element), charsets, most=1)
            if values and not isinstance(values, bytes):
                return str(values[0])[:LONGEST]
    return ""


def read_attributes(path: str | os.PathLike[str]) -> AttributeTree:
    """Read the attributes of one file; long values and pixels stay on disk.

    Raises
    ------
    NotDicomError
        If the file holds no DICOM object.
    LoadError
        If it is gone or cannot be opened.
    """
    from napari_dicomdb.dicom.header import scan_file

    place = Path(path)
    header, problems = None, []
    try:
        try:
            # The scanner is bounded and tells apart what is hostile, cut off, not DICOM.
            header = scan_file(place)
        except HeaderError as error:
            problems.append(str(error))
        parts, more = read_parts(place)
        if header is not None:
            parts += after_pixels(place, header)
    except OSError as error:
        raise LoadError(f"{place}: {error.strerror or error}", reason="file-missing") from error
    if not any(len(part) for part in parts):
        raise NotDicomError(f"{place}: nothing in it can be read as DICOM")
    facts = None if header is None else pixel_facts(header)
    pixels = None
    if facts is not None:
        tag, keyword, name, vr, value = facts
        pixels = Attribute(f"{tag:08X}", tag, keyword, name, vr, 1, value)
    return AttributeTree(place, parts, tuple(dict.fromkeys(problems + more)), pixels)
