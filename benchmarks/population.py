"""Who and what the million instances show: patients, studies and series as a hospital has them.

Names in several scripts, dates over fifteen years, six kinds of examinations, series of 1 to
245 images (20 of them hold 1 000), one or several studies a patient, so that every kind of
search has few, many and no hits. The same number always gives the same series.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    UltrasoundImageStorage,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["SIZES", "Member", "member"]

SIZES = (1, 1, 2, 3, 5, 8, 12, 20, 24, 30, 32, 40, 45, 48, 60, 64, 90, 120, 150, 245)
"""Images of twenty consecutive series, in an order of their own each time: 1 000."""

_PER_PATIENT = 9  # series, in the mean
_FAMILIES = (
    "Müller", "Doe", "Smith", "García", "Łukaszewski", "O'Brien", "Nguyễn", "Øvergård", "Rossi",
    "Иванов", "Петрова", "محمد", "Παπαδόπουλος", "van der Berg", "Çelik", "Novák",
)  # fmt: skip
_GIVEN = (
    "Jürgen", "Jane", "Anne-Marie", "José", "Zoë", "Пётр", "Мария", "علي", "Γιώργος", "Ruth",
    "Paul", "Olga", "Ngọc", "Åse", "Chiara", "Emre",
)  # fmt: skip
_EAST = (
    "Yamada^Tarou=山田^太郎=やまだ^たろう", "Kim^Chol=김^철수=김^철수", "Wang^Xiaodong=王^小东",
    "Suzuki^Hanako=鈴木^花子=すずき^はなこ", "Li^Na=李^娜",
)  # fmt: skip
_MAKERS = (
    ("SIEMENS", "Sensation 64"), ("SIEMENS", "Skyra"), ("GE MEDICAL SYSTEMS", "Discovery MI"),
    ("Philips Medical Systems", "Ingenia"), ("Canon Medical Systems", "Aquilion ONE"),
)  # fmt: skip
_SITES = ("Benchmark General Hospital", "Klinikum Süd", "St. Mary's", "中央病院")


@dataclass(frozen=True)
class _Kind:
    modality: str
    sop_class: str
    part: str
    study: tuple[str, ...]
    series: tuple[str, ...]
    without: tuple[str, ...] = ()
    extra: dict[str, tuple[Any, ...]] = field(default_factory=dict)


_CT_ONLY = (
    "KVP", "DataCollectionDiameter", "GantryDetectorTilt", "RotationDirection",
    "SingleCollimationWidth", "TotalCollimationWidth", "TableSpeed", "TableFeedPerRotation",
    "SpiralPitchFactor", "ExposureModulationType", "EstimatedDoseSaving", "CTDIvol",
    "ConvolutionKernel", "FocalSpots", "FilterType", "GeneratorPower",
)  # fmt: skip
_MR = {
    "EchoTime": (2, 5, 11, 30, 80, 85, 101, 120),
    "RepetitionTime": (7, 450, 2000, 4500, 9000),
    "FlipAngle": (8, 15, 90, 150),
    "MagneticFieldStrength": (1.5, 3),
    "SequenceName": ("*tfl3d1", "*spcir", "ep_b0", "*tse2d1_9", "fl2d1"),
    "ScanningSequence": ("SE", "GR", "EP"),
}
_KINDS = (
    _Kind(
        "CT", CTImageStorage, "CHEST", ("Thorax^Routine", "CT chest low-dose", "胸部 CT"),
        ("Thorax 1.0 B70f", "Thorax 3.0 B31f", "Topo", "low-dose screening", "胸部 動脈相"),
    ),
    _Kind(
        "CT", CTImageStorage, "ABDOMEN", ("Abdomen", "Abdomen & pelvis, arterial phase"),
        ("Abdomen 3.0 B31f", "Abdomen 1.0 B20f art", "Abdomen 5.0 venous", "Scout"),
    ),
    _Kind(
        "MR", MRImageStorage, "BRAIN", ("Neuro^Head", "Schädel", "Brain follow-up"),
        ("t1_mprage_sag_p2", "T2 FLAIR ax", "DWI b1000", "ADC", "localizer", "SWI"), _CT_ONLY, _MR,
    ),
    _Kind(
        "MR", MRImageStorage, "KNEE", ("Knee left", "Knie rechts"),
        ("pd_tse_fs_cor", "t1_tse_sag", "localizer"), _CT_ONLY, _MR,
    ),
    _Kind(
        "PT", PositronEmissionTomographyImageStorage, "WHOLEBODY", ("PET-CT whole body",),
        ("WB CTAC", "WB NAC", "MIP"), _CT_ONLY,
        {"Units": ("BQML",), "DecayCorrection": ("START",), "CorrectedImage": ("DECY\\ATTN",)},
    ),
    _Kind(
        "US", UltrasoundImageStorage, "HEART", ("Echocardiography",), ("4 chamber", "PLAX", ""),
        _CT_ONLY, {"HeartRate": (55, 61, 72, 88, 104), "TransducerData": ("X5-1",)},
    ),
    _Kind(
        "DX", DigitalXRayImageStorageForPresentation, "HAND", ("Hand 2 planes",),
        ("ap", "lateral"), _CT_ONLY, {"ViewPosition": ("AP", "LL"), "ImageLaterality": ("L", "R")},
    ),
)  # fmt: skip
_USUAL = (22, 14, 28, 8, 6, 12, 10)  # how often each kind is, in percent


@dataclass(frozen=True)
class Member:
    """What one series is.

    Parameters
    ----------
    series, study, patient : int
        Their numbers, from 0 on.
    size : int
        Instances.
    """

    series: int
    study: int
    patient: int
    size: int

    def fill(self, ds: Dataset) -> None:
        """Make a CT instance with its many elements into one of this series."""
        who = random.Random(f"patient {self.patient}")
        visit = random.Random(f"study {self.study}")
        what = random.Random(f"series {self.series}")
        ds.SpecificCharacterSet = "ISO_IR 192"
        far = who.random() < 0.15
        ds.PatientName = (
            who.choice(_EAST) if far else f"{who.choice(_FAMILIES)}^{who.choice(_GIVEN)}"
        )
        ds.PatientID = f"{who.choice(['ID', 'PAT', ''])}{self.patient:06d}"
        ds.PatientBirthDate = f"{who.randrange(1930, 2015)}{who.randrange(1, 13):02d}17"
        ds.PatientSex = who.choice("FFFFMMMMO")
        kind = visit.choices(_KINDS, _USUAL)[0]
        maker, model = visit.choice(_MAKERS)
        year, month = visit.randrange(2010, 2025), visit.randrange(1, 13)
        day = f"{year}{month:02d}{visit.randrange(1, 29):02d}"
        for name in ("Study", "Series", "Acquisition", "Content"):
            setattr(ds, f"{name}Date", day)
        ds.StudyTime = f"{visit.randrange(7, 20):02d}1112"
        ds.AccessionNumber = f"A{self.study:07d}"
        ds.StudyDescription = visit.choice(kind.study)
        ds.InstitutionName = visit.choice(_SITES)
        ds.Manufacturer, ds.ManufacturerModelName = maker, model
        ds.BodyPartExamined = kind.part
        ds.Modality, ds.SOPClassUID = kind.modality, kind.sop_class
        ds.file_meta.MediaStorageSOPClassUID = kind.sop_class
        for keyword in kind.without:
            if keyword in ds:
                delattr(ds, keyword)
        for keyword, values in kind.extra.items():
            setattr(ds, keyword, what.choice(values))
        ds.SeriesDescription = ds.ProtocolName = what.choice(kind.series)
        ds.SliceThickness = str(what.choice([0.5, 0.6, 1, 1.5, 2, 3, 5, 8]))
        ds.PixelSpacing = [what.choice(["0.35", "0.68359375", "0.976562", "2.5"])] * 2
        ds.SeriesNumber = str(what.choice([1, 2, 3, 4, 5, 6, 201, 901]))


def member(series: int) -> Member:
    """Return what a series is; the same for the same number."""
    block, place = divmod(series, len(SIZES))
    sizes = random.Random(f"sizes {block}").sample(SIZES, len(SIZES))
    patient = series // _PER_PATIENT
    # The visits of a patient: all series in one, or divided among two or three.
    among = random.Random(f"visits {patient}").choice([1, 1, 2, 3])
    visit = series % _PER_PATIENT * among // _PER_PATIENT
    return Member(series, patient * 3 + visit, patient, sizes[place])
