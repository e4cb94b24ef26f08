"""Digital subtraction angiography: an X-ray run without what its first frame shows."""

from dataclasses import replace

import numpy as np

from napari_dicomdb.loading import (
    Claim,
    Finding,
    FindingCode,
    Loadable,
    Severity,
    assess,
    frame_count_of,
    loader_named,
    series_name,
)

_X_RAY_RUNS = ("XA", "RF")


class SubtractionLoader:
    """Offers each run of grey X-ray images with its first frame subtracted."""

    name = "subtraction"
    version = "1"

    def examine(self, instances):
        """Return one loadable for each run; looks at records, opens no file."""
        return [self._offer(instance) for instance in instances if _is_run(instance)]

    def _offer(self, instance):
        findings = []
        if instance.get("PixelIntensityRelationship") == "LIN":
            text = "Values are linear in intensity: the same vessel is fainter behind bone"
            findings.append(Finding(FindingCode.FOR_PROCESSING, Severity.WARNING, text))
        claims = [
            Claim("a run of X-ray images from one direction"),
            Claim("differences are computed, not acquired", holds=False),
        ]
        confidence, reasons = assess(claims, findings)
        return Loadable(
            name=f"{series_name(instance)}, subtracted",
            kind="image-sequence",
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=(instance,),
            loader=self,
            options={"mask": 0},  # what JSON can say, so that it can be stored
            selected=False,  # offered beside the run itself, not instead of it
            shape=(frame_count_of(instance), instance.rows, instance.columns),
            dims=("time", "row", "column"),
        )

    def load(self, loadable, *, progress, lazy):
        """Return the run minus its mask; all frames are read, whatever `lazy` says."""
        run = replace(loadable, options={})
        volume = loader_named("cine").load(run, progress=progress, lazy=False)
        frames = volume.numpy().astype(np.float32)
        difference = frames - frames[loadable.options["mask"]]
        reach = (float(difference.min()), float(difference.max()))
        said = {"loader": self.name, "windows": (), "value_range": reach, "padding": None}
        return replace(volume, array=difference, meta={**volume.meta, **said})


def _is_run(instance):
    is_grey = instance.samples == 1 and instance.photometric.startswith("MONOCHROME")
    return instance.get("Modality") in _X_RAY_RUNS and is_grey and frame_count_of(instance) > 1
