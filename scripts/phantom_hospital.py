"""A small hospital: invented patients in several scripts, and their synthetic studies.

    python scripts/phantom_hospital.py FOLDER

The heads are the phantom's (``napari_dicomdb.viewer.phantom``), the chest that of
``phantom_chest.py``. No patient, no third party's data.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phantom_kinds
import pydicom
from phantom_chest import write_chest, write_plan, write_segmentation
from phantom_course import write_time_course
from phantom_diffusion import write_diffusion_series
from pydicom.uid import generate_uid

from napari_dicomdb.viewer.phantom import write_phantom_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def heads(
    folder: Path, *, names: Sequence[str], seed: int, titles: Sequence[str] = (), **size: Any
) -> None:
    """Write series of the phantom's head under descriptions of their own."""
    written = write_phantom_study(folder, names, seed=seed, **size)
    for series, title in zip(written, titles, strict=False):
        for path in series.paths:
            ds = pydicom.dcmread(path)
            ds.SeriesDescription = title
            ds.save_as(path)


@dataclass(frozen=True)
class Study:
    """One study: who, when, and what writes it."""

    patient: tuple[str, str, str, str]  # name, ID, birth date, sex
    date: str
    description: str
    accession: str
    parts: Sequence[Callable[[Path], None]]
    after: Sequence[Callable[[Path, Path], None]] = ()  # drawn on the first of `parts`
    more: dict[str, str] = field(default_factory=dict)


MUELLER = ("Müller^Anna Sophie", "MUC-104233", "19570314", "F")
YAMADA = ("Yamada^Taro=山田^太郎=やまだ^たろう", "T-55021", "19620801", "M")
OBRIEN = ("O'Brien^Seán", "DUB-8812", "19480922", "M")
IVANOVA = ("Иванова^Мария Петровна", "77-1203", "19711105", "F")
NGUYEN = ("Nguyễn^Thị Lan", "HCM-30977", "19850617", "F")
SAHIN = ("Şahin^Elif", "IST-2290", "19660213", "F")
GARCIA = ("García Núñez^José", "MAD-61120", "19900111", "M")
OKAFOR = ("Okafor^Chidi", "LOS-7405", "19791224", "M")

STUDIES = (
    Study(
        MUELLER, "20250512", "MRT Schädel nativ", "A2505-118",
        (
            partial(
                heads, names=("sagittal-mr", "oblique-mr", "coronal-mr"), seed=11,
                titles=("T1 SE sagittal", "T1 SE axial schräg", "T1 SE coronal"),
            ),
            partial(write_diffusion_series, matrix=80, slices=18),
        ),
        more={"Phantom diffusion": "DWI ep2d b0-1000", "InstitutionName": "Klinikum am See"},
    ),
    Study(
        MUELLER, "20230118", "CT Schädel nativ", "A2301-007",
        (
            partial(
                heads, names=("axial-ct", "tilted-ct"), seed=12,
                titles=("Schädel 2,5 mm", "Schädel gekippt 4 mm"),
            ),
        ),
        more={"InstitutionName": "Klinikum am See"},
    ),
    Study(
        YAMADA, "20250326", "胸部CT 造影", "R-99310",
        (
            partial(write_chest, number=2, description="肺野 5 mm", window="lung"),
            partial(write_chest, number=3, description="縦隔 5 mm", window="soft"),
        ),
        (write_segmentation,),
        {"InstitutionName": "みなと病院"},
    ),
    Study(
        SAHIN, "20250602", "RT planlama toraks", "RT-4471",
        (partial(write_chest, number=2, description="Planlama CT", window="soft", count=60,
                 step=4.0),),
        (write_plan,),
    ),
    Study(
        OBRIEN, "20241107", "Echocardiogram", "US-20411",
        (phantom_kinds.write_ultrasound,), more={"Phantom heart, colour": "Apical, colour"},
    ),
    Study(
        OBRIEN, "20241109", "Coronary angiography", "XA-20417",
        (partial(phantom_kinds.write_angiography, matrix=384),),
        more={"Phantom angiography": "LCA RAO 30"},
    ),
    Study(
        IVANOVA, "20240830", "Томография головы", "240830-3",
        (
            partial(
                heads, names=("missing-slice", "uneven-spacing"), seed=15,
                titles=("Голова 2,5 мм", "Голова, контроль"),
            ),
        ),
    ),
    Study(
        NGUYEN, "20240611", "MRI brain perfusion", "M-24-0611",
        (
            partial(write_time_course, volumes=16, matrix=72, slices=14),
            partial(phantom_kinds.write_map, count=24, matrix=128),
        ),
        more={"Phantom perfusion, two echoes": "DSC perfusion, 2 echoes",
              "Phantom ADC map": "ADC map"},
    ),
    Study(
        GARCIA, "20240219", "Cráneo AP", "CR-00831", (phantom_kinds.write_radiograph,),
        more={"Phantom skull AP": "Cráneo AP"},
    ),
    Study(
        OKAFOR, "20231205", "PET/CT brain", "PT-1187",
        (partial(phantom_kinds.write_pet, matrix=112), partial(
            heads, names=("axial-ct",), seed=18, titles=("CT brain low dose",), matrix=192,
        )),
        more={"Phantom FDG": "FDG PET, corrected"},
    ),
    Study(
        OKAFOR, "20231206", "Renogram", "NM-1190", (phantom_kinds.write_nuclear,),
        more={"Phantom renogram": "MAG3 dynamic"},
    ),
)  # fmt: skip
SECOND_IDENTITY = Study(
    ("Mueller^Anna", "X-778120", "19570314", "F"), "20211003", "MRI head", "EXT-5521",
    (partial(heads, names=("sagittal-mr",), seed=19, titles=("T1 sag",), matrix=128),),
)  # fmt: skip


def stamp(folder: Path, study: Study, study_uid: str) -> None:
    """Give everything in a folder the identity of a study."""
    name, identity, born, sex = study.patient
    uids: dict[str, str] = {}
    for path in sorted(folder.rglob("*.dcm")):
        ds = pydicom.dcmread(path)
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.PatientID = name, identity
        ds.PatientBirthDate, ds.PatientSex = born, sex
        ds.StudyInstanceUID, ds.StudyDescription = study_uid, study.description
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = study.date
        ds.StudyTime = ds.get("StudyTime") or "101500"
        ds.setdefault("SeriesTime", ds.StudyTime)
        ds.AccessionNumber, ds.StudyID = study.accession, "1"
        ds.ReferringPhysicianName = ""
        ds.InstitutionName = study.more.get("InstitutionName", "Synthetic data, no patient")
        ds.SeriesDescription = study.more.get(ds.SeriesDescription, ds.SeriesDescription)
        if "FrameOfReferenceUID" in ds:
            old = str(ds.FrameOfReferenceUID)
            ds.FrameOfReferenceUID = uids.setdefault(old, generate_uid())
        ds.save_as(path)


def write_study(folder: Path, study: Study) -> None:
    """Write a study below `folder`, each series in a folder of its own."""
    uid = generate_uid()
    for number, write in enumerate(study.parts, 1):
        write(folder / f"{number:02d}")
    stamp(folder, study, uid)
    for number, draw in enumerate(study.after, 1):
        draw(folder / f"9{number}", folder / "01")


def write_hospital(folder: Path, studies: Sequence[Study] = STUDIES) -> None:
    """Write studies, each into a folder named by its accession number."""
    for study in studies:
        write_study(folder / study.accession, study)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_hospital(Path(sys.argv[1]), (*STUDIES, SECOND_IDENTITY))
