"""The brightest of every ray through a volume, as a picture in the study it came from."""

import numpy as np

from napari_dicomdb.export import Exportable, Need, NewSeries, write_object

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class ProjectionExporter:
    """Offers each grey volume as one picture of eight bits."""

    name = "projection"
    version = "1"

    def examine(self, source):
        """Say how well `source` can be written; looks at its shape, not at its values."""
        if source.role != "image" or source.is_rgb or source.leading or source.grid[0] < 2:
            return []
        needs = (Need("description", "Series description", "text", f"{source.name}, MIP"),)
        return [
            Exportable(
                name="Picture of the brightest values",
                kind="projection",
                confidence=0.3,  # beside the volume itself, not instead of it
                reasons=("it has slices, one behind the other",),
                losses=("depth", "values: 256 greys between the lowest and the highest"),
                findings=(),
                needs=needs,
                source=source,
                exporter=self,
            )
        ]

    def write(self, exportable, target, folder, *, options, progress):
        """Write one file into `folder`, which is empty, and return its path."""
        source = exportable.source
        brightest = None
        for _, k, plane in source.planes():
            progress(k, source.grid[0], "Projecting")  # may raise Cancelled: let it
            brightest = plane if brightest is None else np.maximum(brightest, plane)
        low, high = float(brightest.min()), float(brightest.max())
        grey = np.round((brightest - low) / ((high - low) or 1) * 255).astype(np.uint8)

        series = NewSeries("OT", options["description"], target.series_number())
        made = target.dataset(_SECONDARY_CAPTURE, series)  # patient, study, equipment, new UIDs
        made.ConversionType = "WSD"
        made.ImageType = ["DERIVED", "SECONDARY"]
        made.DerivationDescription = "Maximum intensity projection along the slices"
        made.InstanceNumber = 1
        made.Laterality = made.PatientOrientation = None  # unknown, and it says so
        made.Rows, made.Columns = grey.shape
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated = made.BitsStored = 8
        made.HighBit, made.PixelRepresentation = 7, 0
        made.PixelData = grey.tobytes() + bytes(grey.size % 2)
        made["PixelData"].VR = "OB"
        return [write_object(made, folder / "0001.dcm")]
