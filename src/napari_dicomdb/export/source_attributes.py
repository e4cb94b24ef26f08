"""What a new image keeps of the images it was made from: references, acquisition, equipment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.headers import copy_element, read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.planes import Planes
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget

__all__ = ["SourceImages", "evidence", "frame_of_reference", "reference_items"]

_SAME = 0.01  # mm
_MOST = 100  # references of an image whose sources have no position

_OF_ALL = (
    "BodyPartExamined", "Laterality", "PatientPosition", "ProtocolName",
    "AnatomicalOrientationType", "PositionReferenceIndicator", "ContrastBolusAgent",
)  # fmt: skip
_OF_CLASS = {
    "CT": (
        "KVP", "DataCollectionDiameter", "ReconstructionDiameter", "DistanceSourceToDetector",
        "DistanceSourceToPatient", "TableHeight", "RotationDirection", "ExposureTime",
        "XRayTubeCurrent", "Exposure", "FilterType", "GeneratorPower", "ConvolutionKernel",
        "ScanOptions",
    ),
    "MR": (
        "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType",
        "SequenceName", "AngioFlag", "RepetitionTime", "EchoTime", "EchoTrainLength",
        "InversionTime", "NumberOfAverages", "ImagingFrequency", "ImagedNucleus",
        "MagneticFieldStrength", "ReceiveCoilName", "FlipAngle",
        "InPlanePhaseEncodingDirection",
    ),
    "PT": (
        "SeriesDate", "SeriesTime", "SeriesType", "Units", "SUVType", "CountsSource",
        "CorrectedImage", "DecayCorrection", "RandomsCorrectionMethod",
        "AttenuationCorrectionMethod", "ScatterCorrectionMethod", "ReconstructionMethod",
        "CollimatorType", "RadiopharmaceuticalInformationSequence",
        "PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence",
    ),
}  # fmt: skip
_OF_EACH = {
    "CT": (),
    "MR": (),
    "PT": (
        "AcquisitionDate", "AcquisitionTime", "FrameReferenceTime", "ActualFrameDuration",
        "DecayFactor", "DoseCalibrationFactor",
    ),
}  # fmt: skip
_UNPAIRED = frozenset(
    (
        *("ABDOMEN", "ABDOMENPELVIS", "AORTA", "BLADDER", "BRAIN", "CHEST", "CHESTABDOMEN"),
        *("CHESTABDPELVIS", "COLON", "CSPINE", "HEAD", "HEADNECK", "HEART", "LIVER", "LSPINE"),
        *("NECK", "PANCREAS", "PELVIS", "PROSTATE", "SKULL", "SPINE", "SPLEEN", "SSPINE"),
        *("STERNUM", "STOMACH", "THYROID", "TSPINE", "UTERUS", "WHOLEBODY"),
    )
)
# Type 1 of the PET modules (PS3.3 Sections C.8.9.1, C.8.9.2, C.8.9.4).
_NEEDED = {"PT": ("SeriesType", "Units", "CountsSource", "DecayCorrection", "FrameReferenceTime")}
_NEEDED_OF_EACH = {"PT": ("FrameReferenceTime", "ActualFrameDuration", "DecayFactor")}


@dataclass(frozen=True, eq=False)
class SourceImages:
    """The images that a source was made from, as far as the target knows them.

    Parameters
    ----------
    records : sequence of InstanceRecord
    """

    records: Sequence[InstanceRecord]

    @classmethod
    def of(cls, source: ExportSource, target: StudyTarget) -> SourceImages:
        """Look up what `source` refers to among the images of `target`."""
        return cls([target.instances[u] for u in source.references if u in target.instances])

    @cached_property
    def _positions(self) -> NDArray[np.float64] | None:
        found = [record.position for record in self.records]
        if not found or None in found:
            return None
        return np.array(found, dtype=np.float64)

    def at(
        self,
        planes: Planes | None,
        k: int,
        leading: tuple[int, ...] = (),
        lead: tuple[int, ...] = (),
    ) -> list[InstanceRecord]:
        """Return the images that plane `k` was made from.

        Those of the same place; else, of a part of an image, those in whose plane it is;
        else the nearest two. All of them (a hundred at most) where places do not tell.

        Parameters
        ----------
        planes : Planes or None
        k : int
        leading, lead : tuple of int
            Lengths of the axes beside space, and the step along each: where the images
            have as many at a place, only the one of that step counts.
        """
        if lead and len(self.records) == np.prod(leading):
            # A file for each step: mosaics, multi-frame objects.
            return [self.records[int(np.ravel_multi_index(lead, leading))]]
        if planes is None or self._positions is None:
            return list(self.records[:_MOST])
        offsets = self._positions - planes.positions[k]
        normal = np.cross(planes.orientation[:3], planes.orientation[3:])
        along = np.abs(offsets @ normal)
        same = np.flatnonzero(np.linalg.norm(offsets, axis=1) < _SAME)
        if not len(same):
            same = np.flatnonzero(along < _SAME)
        if lead and len(same) == np.prod(leading):
            # Images are in the order of the steps, see `Volume.meta`.
            same = same[[int(np.ravel_multi_index(lead, leading))]]
        if len(same):
            return [self.records[int(i)] for i in same]
        nearest = sorted(np.argsort(along, kind="stable")[:2].tolist())
        return [self.records[i] for i in nearest]

    def real_positions(self, source: ExportSource) -> NDArray[np.float64] | None:
        """Return where each slice really is, None when the images do not tell.

        Needed where slices are not evenly spaced: there the affine only says about where.
        """
        positions, count = self._positions, source.grid[0]
        lengths = (count, count * int(np.prod(source.leading, dtype=int)))
        if positions is None or len(positions) not in lengths or source.geometry is None:
            return None
        positions = positions[:count]
        along = np.asarray(source.geometry.affine, dtype=np.float64)[:3, 0]
        if count > 1 and (positions[-1] - positions[0]) @ along < 0:
            positions = positions[::-1]  # the view had turned the stack around
        return positions

    def planes(self, source: ExportSource) -> Planes | None:
        """Return the planes of a source, at their real positions where they are uneven.

        Raises
        ------
        ExportError
            "no-source": slices are uneven, and nothing says where they are.
        """
        from napari_dicomdb.export.planes import Planes

        if source.geometry is None or source.geometry.is_regular or source.grid[0] == 1:
            return Planes.of(source)
        return Planes.of(source, self.needed_positions(source))

    def needed_positions(self, source: ExportSource) -> NDArray[np.float64]:
        """Return `real_positions`.

        Raises
        ------
        ExportError
            "no-source": nothing says where the slices are.
        """
        real = self.real_positions(source)
        if real is None:
            raise ExportError(
                "its slices are not evenly spaced, and the images that say where each is are "
                "not there: load it again with its slices resampled",
                reason="no-source",
            )
        return real

    def copy_series(self, dataset: Dataset, modality: str) -> None:
        """Copy what all images of the new series share.

        Raises
        ------
        ExportError
            "no-source": a PET image cannot be made without one.
        """
        header = read_header(self.records[0]) if self.records else None
        lacking = [
            k for k in _NEEDED.get(modality, ()) if header is None or header.get(k) in (None, "")
        ]
        if lacking:
            raise _lacks(modality, lacking[0])
        if header is None:
            return
        same = str(header.get("Modality", "")) == modality
        for keyword in (*_OF_ALL, *(_OF_CLASS.get(modality, ()) if same else ())):
            copy_element(header, keyword, dataset)
        part = str(dataset.get("BodyPartExamined") or "").upper().strip()
        if "BodyPartExamined" in dataset and not dataset.get("Laterality"):
            if "Laterality" in dataset:
                del dataset.Laterality
            if part not in _UNPAIRED:
                del dataset.BodyPartExamined  # one must say which side, and nobody did

    def copy_image(
        self, dataset: Dataset, modality: str, record: InstanceRecord, *, but: Sequence[str] = ()
    ) -> None:
        """Copy what belongs to one image alone.

        Raises
        ------
        ExportError
            "no-source": the image does not say what a PET image must.
        """
        keywords = _OF_EACH.get(modality, ())
        if not keywords:
            return
        header = read_header(record)
        for keyword in keywords:
            if not (keyword in but and keyword in dataset):
                copy_element(header, keyword, dataset)
        lacking = [k for k in _NEEDED_OF_EACH.get(modality, ()) if dataset.get(k) in (None, "")]
        if dataset.get("DecayCorrection") == "NONE" and "DecayFactor" in lacking:
            lacking.remove("DecayFactor")
        if lacking:
            raise _lacks(modality, lacking[0])

    def check(self, modality: str) -> None:
        """Raise what stands against an image of a modality, by the first of these alone.

        Raises
        ------
        ExportError
            "no-source": they do not say what such an image must.
        """
        from pydicom import Dataset

        probe = Dataset()
        self.copy_series(probe, modality)
        if self.records:
            self.copy_image(probe, modality, self.records[0])


def _lacks(modality: str, keyword: str) -> ExportError:
    return ExportError(
        f"a {modality} image needs what only its source images say ({keyword}), and they do not: "
        "write secondary captures or a parametric map instead",
        reason="no-source",
    )


def reference_items(records: Sequence[InstanceRecord]) -> Items:
    """Return SourceImageSequence for some images (PS3.3 Section C.12.4)."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    items = []
    for record in records:
        item, purpose = Dataset(), Dataset()
        item.ReferencedSOPClassUID = record.sop_class_uid
        item.ReferencedSOPInstanceUID = record.uid
        purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
        purpose.CodeMeaning = "Source image for image processing operation"
        item.PurposeOfReferenceCodeSequence = Items([purpose])
        items.append(item)
    return Items(items)


def evidence(study_uid: str, records: Sequence[InstanceRecord]) -> Items:
    """Return references by study and series (PS3.3 Section C.18.9, Macro 10-4)."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    by_series: dict[str, list[Dataset]] = {}
    for record in records:
        item = Dataset()
        item.ReferencedSOPClassUID = record.sop_class_uid
        item.ReferencedSOPInstanceUID = record.uid
        by_series.setdefault(record.series_uid, []).append(item)
    study, series = Dataset(), []
    for uid, items in by_series.items():
        one = Dataset()
        one.SeriesInstanceUID = uid
        one.ReferencedSOPSequence = Items(items)
        series.append(one)
    study.StudyInstanceUID = study_uid
    study.ReferencedSeriesSequence = Items(series)
    return Items([study])


def frame_of_reference(source: ExportSource, target: StudyTarget) -> str:
    """Return the frame of reference to write, a new one where none is known.

    Raises
    ------
    ExportError
        "mixed-frame-of-reference": the images it refers to have several, or another one
        than it has itself.
    """
    from napari_dicomdb.export.study import new_uid

    own = source.geometry.frame_of_reference_uid if source.geometry is not None else ""
    theirs = {
        str(target.instances[uid].get("FrameOfReferenceUID") or "")
        for uid in source.references
        if uid in target.instances
    } - {""}
    if len(theirs) > 1 or (own and theirs and own not in theirs):
        raise ExportError(
            "the images it refers to are in another frame of reference: positions cannot be "
            "compared; leave the references out, or resample it to their series first",
            reason="mixed-frame-of-reference",
        )
    return own or (theirs.pop() if theirs else new_uid())
