"""Surface segmentations: meshes in the patient, with names, colours and codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import series_name
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.segments.surface_mesh import (
    SURFACE_SEGMENTATION_STORAGE,
    read_surfaces,
)
from napari_dicomdb.loading.volume import Volume, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.progress import Progress

__all__ = ["SURFACES", "SurfaceSegmentationLoader", "SurfaceVolume"]

SURFACES = "surface-segmentation"
"""Kind of meshes."""


@dataclass(eq=False, repr=False)
class SurfaceVolume(Volume):
    """Meshes: `array` holds all their points, (N, 3) LPS mm; ``meta["surfaces"]`` the meshes.

    It has no voxels: what writes or converts volumes refuses it.
    """

    def __repr__(self) -> str:
        name = str(self.meta.get("name", ""))[:80]
        return f"<SurfaceVolume {name!r}: {len(self.meta['surfaces'])} surfaces>"

    def to_nifti(self, path: str | Path) -> NoReturn:
        """Refuse."""
        self._refuse()

    def to_nrrd(self, path: str | Path) -> NoReturn:
        """Refuse."""
        self._refuse()

    def to_zarr(self, path: str | Path) -> NoReturn:
        """Refuse."""
        self._refuse()

    def to_sitk(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def to_xarray(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise LoadError(
            f"{self.meta.get('name')}: surfaces have no voxels that could be converted",
            reason="no-pixels",
        )


class SurfaceSegmentationLoader:
    """Surface segmentations: one mesh for each surface."""

    name = SURFACES
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return one loadable for each object among `instances`."""
        chosen = [i for i in instances if i.sop_class_uid == SURFACE_SEGMENTATION_STORAGE]
        per_series: dict[str, int] = {}
        for record in chosen:
            per_series[record.series_uid] = per_series.get(record.series_uid, 0) + 1
        return [
            self._offer(record, several=per_series[record.series_uid] > 1) for record in chosen
        ]

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> SurfaceVolume:
        """Load the meshes."""
        record = loadable.instances[0]
        progress(0, 1, "Reading surfaces")
        surfaces, findings = read_surfaces(record)
        progress(1, 1, "Reading surfaces")
        points = np.concatenate([one.points for one in surfaces])
        return SurfaceVolume(
            points,
            ("point", "coordinate"),
            VolumeGeometry(
                np.eye(4),
                (1, 1, 1),
                str(record.get("FrameOfReferenceUID") or ""),
            ),
            meta={
                "name": loadable.name,
                "kind": SURFACES,
                "loader": self.name,
                "modality": str(record.get("Modality") or ""),
                "series_uid": record.series_uid,
                "study_uid": str(record.get("StudyInstanceUID") or ""),
                "instance_uids": (record.uid,),
                "source_paths": (str(record.path),),
                "surfaces": surfaces,
                "findings": (*loadable.findings, *findings),
            },
        )

    def _offer(self, record: InstanceRecord, *, several: bool) -> Loadable:
        confidence, reasons = assess(
            (
                Claim("it is a surface segmentation"),
                Claim("its points are in the patient", bool(record.get("FrameOfReferenceUID"))),
                Claim("each surface becomes a mesh"),
            )
        )
        label = str(record.values.get("ContentLabel") or "").strip() or "object"
        number = "" if record.number is None else f" {record.number}"
        uids = record.get("ReferencedSeriesSequence.SeriesInstanceUID") or ()
        return Loadable(
            name=series_name(record) + (f", {label}{number}" if several else ""),
            kind=SURFACES,
            confidence=confidence,
            reasons=reasons,
            findings=(),
            instances=(record,),
            loader=self,
            selected=True,
            referenced_uids=tuple(u for u in ([uids] if isinstance(uids, str) else uids) if u),
        )
