"""Changes one data set by a profile: every element, in every item, at every depth."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom import DataElement
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.export.deidentification.cleaning import cleaned, vocabulary
from napari_dicomdb.export.deidentification.dates import shifted
from napari_dicomdb.export.deidentification.overlays import drop_overlays
from napari_dicomdb.export.deidentification.private import (
    CSA_IMAGE_HEADER,
    allowed_vr,
    filter_csa,
    is_of,
)
from napari_dicomdb.export.deidentification.subject import (
    hide_characteristic,
    is_standard_code,
    name_words,
    telling_words,
    without_words,
)
from napari_dicomdb.export.deidentification.table import Row, attribute_type, row_of
from napari_dicomdb.export.deidentification.uids import UidMapper, is_uid
from napari_dicomdb.export.deidentification.values import (
    capped_age,
    dummy,
    is_like_a_number,
    may_say_words,
)

if TYPE_CHECKING:
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.project import Project

__all__ = ["ACTIONS", "Deidentifier", "Patient"]

ACTIONS = ("removed", "emptied", "replaced", "new UID", "shifted", "cleaned", "kept")
"""What happens to an attribute, in the words of reports."""

_FREE_TEXT = frozenset(("LO", "LT", "SH", "ST", "UC", "UT"))
# Their structure stays: what is in their items is dealt with one by one.
_CONTENT_SEQUENCE = 0x0040A730
_GRAPHIC_ANNOTATION = 0x00700001
# Code strings in which there are words of people's own all the same: kinds of images, body
# parts, scan options; labels of contents and layers. Other ones are what programs go by.
_TERMS = (0x00080008, 0x00180015, 0x00180022)
_LABELS = (*_TERMS, 0x00700002, 0x00700080)
# Manufacturer, model, software: a phantom is called like who made it. And terms.
_OF_MAKERS = (
    0x00080070, 0x00081090, 0x00180024, 0x00181020, 0x00189005, 0x00281054, 0x00283004
)  # fmt: skip
_OF_CODES = (0x00080100, 0x00080101, 0x00080102, 0x00080103, 0x00080104, 0x00080119)
_PATIENT_IDS = (0x00100020, 0x00120040)
_PATIENT_NAME = 0x00100010


@dataclass(frozen=True, slots=True)
class Patient:
    """Who a data set is of, and who it will be of.

    Parameters
    ----------
    patient_id, name : str
        The pseudonyms.
    days : int
        How far dates are shifted.
    forbidden : frozenset of str
        Folded words that no cleaned text may keep: parts of the name.
    """

    patient_id: str
    name: str
    days: int = 0
    forbidden: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(slots=True)
class _Place:
    """Where in the data set an element is."""

    sop_class: str
    patient: Patient
    telling: frozenset[str]  # words that no text may keep, however technical
    charsets: tuple[str, ...]  # of the data set around it: items seldom tell their own
    sequence: str = ""  # keyword of the sequence that it is in

    def within(self, sequence: str, item: Dataset) -> _Place:
        charsets = text.charsets_in(item, self.charsets)
        return _Place(self.sop_class, self.patient, self.telling, charsets, sequence)


class Deidentifier:
    """Applies one profile, consistently within one project.

    Parameters
    ----------
    profile : Profile
    project : Project

    Attributes
    ----------
    effects : Counter of (tag, action)
        How many elements of each attribute met what action; private elements
        count for their group, with element 0.
    """

    def __init__(self, profile: Profile, project: Project) -> None:
        self.profile = profile
        self.new_uid = UidMapper(project)
        self.effects: Counter[tuple[int, str]] = Counter()

    def apply(self, dataset: Dataset, patient: Patient) -> None:
        """Change `dataset`; whatever identifies the patient is gone from it.

        Parameters
        ----------
        dataset : Dataset
            Of one file, without file meta information; changed in place.
        patient : Patient
        """
        sop_class = str(dataset.get("SOPClassUID", ""))
        words = patient.forbidden | name_words(dataset)
        known = Patient(patient.patient_id, patient.name, patient.days, words)
        charsets = text.charsets_in(dataset)
        self._walk(dataset, _Place(sop_class, known, telling_words(words), charsets))
        dataset.PatientName = patient.name
        dataset.PatientID = patient.patient_id

    def mark(self, dataset: Dataset, *, pixels: bool = False, faces: bool = False) -> None:
        """Write into `dataset` what was done to it (PS3.15 E.1.1)."""
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "DICOM PS3.15 annex E, by napari-dicomdb"
        items = []
        for value, meaning in self.profile.codes(pixels=pixels, faces=faces):
            item = Dataset()
            item.CodeValue = value
            item.CodingSchemeDesignator = "DCM"
            item.CodeMeaning = meaning
            items.append(item)
        dataset.DeidentificationMethodCodeSequence = Items(items)
        dataset.LongitudinalTemporalInformationModified = {
            "remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED",
        }[self.profile.dates]  # fmt: skip
        if pixels:
            dataset.BurnedInAnnotation = "NO"
        if faces:
            dataset.RecognizableVisualFeatures = "NO"

    # -- walking ----------------------------------------------------------------------

    def _walk(self, dataset: Dataset, place: _Place) -> None:
        for effect in drop_overlays(dataset, keep_regions=self.profile.clean_graphics):
            self._count(*effect)
        self._walk_private(dataset, place)
        for tag in [int(t) for t in dataset.keys()]:  # noqa: SIM118 - a copy, without values
            group, element = tag >> 16, tag & 0xFFFF
            if tag not in dataset or group % 2:
                continue
            # Lengths that will not hold, groups that are foreign here, padding.
            if element == 0 or group in (0, 2, 4, 0xFFFC):
                del dataset[tag]
                continue
            self._one(dataset, tag, place)
        if not self.profile.retain_characteristics:
            for effect in hide_characteristic(dataset):
                self._count(*effect)

    def _one(self, dataset: Dataset, tag: int, place: _Place) -> None:
        row = row_of(tag)
        vr = text.vr_of(dataset, dataset.get_item(tag))
        if row is None:
            if vr == "SQ" or _is_sequence(tag):
                self._into(dataset, tag, place)
            elif may_say_words(vr, dictionary_VR(tag)) and self._has_words(
                dataset, tag, vr, place
            ):
                del dataset[tag]
                self._count(tag, "removed")
            elif vr == "UI" and not self._are_uids(dataset, tag):
                self._renew_uid(dataset, tag)
            elif vr in _FREE_TEXT or tag in _LABELS:
                self._drop_names(dataset, tag, vr, place)
            return
        action = self.profile.action(row)
        if action == "C" and self._clean(dataset, tag, vr, place):
            return
        if action == "K" and vr == "UI" and not self._are_uids(dataset, tag):
            self._renew_uid(dataset, tag)
            return
        if action == "K" and vr in ("DA", "DT", "TM") and self._has_words(dataset, tag, vr, place):
            action = ""
        if action == "K":
            self._count(tag, "kept")
            if vr == "SQ" or _is_sequence(tag):
                self._into(dataset, tag, place)
            return
        self._basic(dataset, tag, vr, row, place)

    def _basic(self, dataset: Dataset, tag: int, vr: str, row: Row, place: _Place) -> None:
        action = row.basic
        if "/" in action:
            action = self._resolved(action, tag, place)
        if tag == _GRAPHIC_ANNOTATION:
            action = "X"  # a presentation state without drawings is one as well
        if tag == _CONTENT_SEQUENCE:
            self._count(tag, "cleaned")
            self._into(dataset, tag, place)
        elif action == "U":
            if vr == "SQ":
                self._count(tag, "new UID")
                self._into(dataset, tag, place)
            else:
                self._renew_uid(dataset, tag)
        elif action == "Z":
            self._empty(dataset, tag, vr, place)
        elif action == "D":
            self._replace(dataset, tag, vr, place)
        else:
            del dataset[tag]
            self._count(tag, "removed")

    def _into(self, dataset: Dataset, tag: int, place: _Place) -> None:
        """Deal with the items of a sequence; what claims to be one and is not goes."""
        element = dataset[tag]
        if element.VR != "SQ":
            del dataset[tag]
            self._count(tag, "removed")
            return
        keyword = keyword_for_tag(tag) or f"{tag:08x}"
        for item in element.value or ():
            self._walk(item, place.within(keyword, item))

    def _resolved(self, compound: str, tag: int, place: _Place) -> str:
        """Choose from a compound action by the type of the attribute (PS3.15 E.3)."""
        if compound.endswith("U*"):
            return "U"  # what refers keeps referring, by new UIDs
        choices = compound.split("/")
        kind = attribute_type(place.sop_class, keyword_for_tag(tag), place.sequence)[:1]
        wanted = {"1": "DZX", "2": "ZDX", "3": "XZD", "": "DZX"}[kind]
        return next(action for action in wanted if action in choices)

    # -- actions ----------------------------------------------------------------------

    def _count(self, tag: int, action: str) -> None:
        self.effects[tag, action] += 1

    def _set(self, dataset: Dataset, tag: int, vr: str, value: Any) -> None:
        dataset[tag] = DataElement(Tag(tag), vr, value)

    def _empty(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> None:
        if tag in _PATIENT_IDS or tag == _PATIENT_NAME:
            self._replace(dataset, tag, vr, place)
            return
        self._set(dataset, tag, vr, Items() if vr == "SQ" else None)
        self._count(tag, "emptied")

    def _replace(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> None:
        patient = place.patient
        self._count(tag, "replaced")
        if vr == "SQ":
            element = dataset[tag]
            items = element.value if element.VR == "SQ" else []
            self._set(dataset, tag, "SQ", Items(self._dummy_item(item) for item in items[:1]))
        elif vr == "UI":
            self._renew_uid(dataset, tag)
        elif tag in _PATIENT_IDS:
            self._set(dataset, tag, vr, patient.patient_id)
        elif tag == _PATIENT_NAME:
            self._set(dataset, tag, vr, patient.name)
        else:
            self._set(dataset, tag, vr, dummy(vr))

    def _dummy_item(self, item: Dataset) -> Dataset:
        """Return an item with the same attributes, of which none says anything."""
        new = Dataset()
        for element in item:
            tag = int(element.tag)
            if element.tag.is_private:
                continue
            made: Any
            if element.VR == "SQ":
                made = Items(self._dummy_item(one) for one in (element.value or ())[:1])
            elif element.VR == "UI":
                made = element.value if row_of(tag) is None else self.new_uid(str(element.value))
            elif element.keyword == "CodingSchemeDesignator":
                made = "99ANON"
            else:
                made = dummy(element.VR)
            new[tag] = DataElement(element.tag, element.VR, made)
        return new

    def _renew_uid(self, dataset: Dataset, tag: int) -> None:
        values = text.values_of(dataset.get_item(tag), "UI", ())
        olds = values.decode("latin_1").split("\\") if isinstance(values, bytes) else values
        new = [self.new_uid(str(old)) for old in olds]
        self._set(dataset, tag, "UI", new[0] if len(new) == 1 else new or None)
        self._count(tag, "new UID")

    @staticmethod
    def _are_uids(dataset: Dataset, tag: int) -> bool:
        values = text.values_of(dataset.get_item(tag), "UI", ())
        return not isinstance(values, bytes) and all(is_uid(str(one)) for one in values)

    def _clean(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> bool:
        """Clean one value; return whether that was possible and left anything."""
        if vr == "SQ":
            self._count(tag, "cleaned")
            self._into(dataset, tag, place)
            return True
        if vr in ("DA", "DT", "TM"):
            return self._shift(dataset, tag, vr, place)
        if tag == 0x00080201:  # time zone: the shifted times are still in it
            zones = self._texts(dataset, tag, vr, place)
            if not all(re.fullmatch(r"[+-]\d{4}", zone) for zone in zones):
                return False
            self._count(tag, "kept")
            return True
        if tag >> 24 == 0x60:  # an overlay that draws a region
            self._count(tag & 0xFF00FFFF, "kept")
            return True
        if vr == "AS":
            new = [capped_age(one) for one in self._texts(dataset, tag, vr, place)]
        elif vr in _FREE_TEXT:
            allowed, forbidden = self.profile.allowed_texts, place.patient.forbidden
            new = [
                cleaned(one, allowed, forbidden) for one in self._texts(dataset, tag, vr, place)
            ]
        else:
            return False
        new = [one for one in new if one]
        if not new:
            return False
        self._set(dataset, tag, vr, new[0] if len(new) == 1 else new)
        self._count(tag, "cleaned")
        return True

    def _drop_names(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> None:
        """Take the patient's names out of a text that stays: labels that people have typed."""
        if tag in _OF_MAKERS or (tag in _OF_CODES and is_standard_code(dataset)):
            return
        words = place.telling
        if tag in _TERMS:
            words = words - vocabulary()  # people are called Chest; their chest is, too
        olds = self._texts(dataset, tag, vr, place)
        new = [without_words(one, words) for one in olds]
        if new != olds:
            self._set(dataset, tag, vr, new[0] if len(new) == 1 else new)
            self._count(tag, "cleaned")

    def _shift(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> bool:
        values = [one for one in self._texts(dataset, tag, vr, place) if one]
        new = [shifted(one, vr, place.patient.days) for one in values]
        if not new or None in new:
            return False
        self._set(dataset, tag, vr, new[0] if len(new) == 1 else new)
        self._count(tag, "kept" if vr == "TM" else "shifted")  # by whole days
        return True

    def _has_words(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> bool:
        return not all(map(is_like_a_number, self._texts(dataset, tag, vr, place)))

    @staticmethod
    def _texts(dataset: Dataset, tag: int, vr: str, place: _Place) -> list[str]:
        values = text.values_of(dataset.get_item(tag), vr, place.charsets)
        return [] if isinstance(values, bytes) else [str(one) for one in values]

    # -- groups -----------------------------------------------------------------------

    def _walk_private(self, dataset: Dataset, place: _Place) -> None:
        profile = self.profile
        lists = {"safe": profile.retain_safe_private, "extended": profile.extended_private}
        private = [int(t) for t in dataset.keys() if int(t) >> 16 & 1]  # noqa: SIM118
        used: set[int] = set()
        for tag in private:
            if tag & 0xFFFF < 0x1000:
                continue
            reserved = tag & 0xFFFF0000 | (tag >> 8 & 0xFF)
            names = self._texts(dataset, reserved, "LO", place) if reserved in dataset else []
            creator = names[0].strip() if names else ""
            vr = allowed_vr(tag, creator, **lists)
            if (vr and self._keep_private(dataset, tag, vr, place)) or (
                profile.extended_private
                and (tag >> 16, tag & 0xFF, creator) == CSA_IMAGE_HEADER
                and filter_csa(dataset, tag)
            ):
                if reserved not in used and len(names) > 1:
                    self._set(dataset, reserved, "LO", creator)
                used.add(reserved)
                if vr in _FREE_TEXT:
                    self._drop_names(dataset, tag, vr, place)
                self._count(tag & 0xFFFF0000, "kept")
            else:
                del dataset[tag]
                self._count(tag & 0xFFFF0000, "removed")
        for tag in private:
            if tag & 0xFFFF < 0x1000 and tag not in used:
                del dataset[tag]

    def _keep_private(self, dataset: Dataset, tag: int, vr: str, place: _Place) -> bool:
        element = dataset.get_item(tag)
        told = text.vr_of(dataset, element)
        if vr != "SQ" and told != "SQ":
            # Text where a number is expected may say anything.
            same = told in (vr, "UN") or {told, vr} <= {"SH", "LO", "CS"}
            return same and is_of(element, vr)
        if dataset[tag].VR != "SQ" or vr != "SQ":
            return False
        for item in dataset[tag].value or ():
            self._walk(item, place.within("private", item))
        return True


def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False
