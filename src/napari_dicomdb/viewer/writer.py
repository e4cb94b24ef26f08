"""napari's *Save*: image and labels layers as DICOM, NIfTI or NRRD, where they really are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode
from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.volume import Volume
from napari_dicomdb.viewer.export_source import source_of
from napari_dicomdb.viewer.frame import ambient_frame, dicom_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.export.source import ExportSource

__all__ = ["refer_to", "write_dicom", "write_volume"]

_VOLUMES = {".nii.gz": "to_nifti", ".nii": "to_nifti", ".nrrd": "to_nrrd"}


def write_dicom(path: str, layers: list[Any]) -> list[str]:
    """Write layers as DICOM into a folder, each the best way there is.

    Drawn labels refer to the image saved with them, or to the topmost visible one of the
    viewer. The study is the one that the first layer came from; layers that came from none are
    for the dock *DICOM export*, which asks for a patient.

    Parameters
    ----------
    path : str
        Of the folder; an ending ``.dcm`` is left out.
    layers : list of LayerData
        Images and labels, as napari hands them to writers.

    Raises
    ------
    ExportError
        "no-study": no layer came from a study whose files are there; else as
        `export.results.write_results`.
    """
    sources = [_source(one) for one in layers]
    known = _image_known(sources)
    sources = [refer_to(one, known) if one.role == "labels" else one for one in sources]
    ways = []
    for source in sources:
        found = examine_for_export(source)
        if not found:
            raise ExportError(
                f"there is no way to write {source.name!r} as DICOM", reason="cannot-be-written"
            )
        ways.append(found[0])
    place = Path(path)
    folder = place.with_suffix("") if place.suffix.lower() == ".dcm" else place
    report = write_results(None, ways, _target(sources), folder=folder)
    return list(report.files)


def write_volume(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one image or labels layer as NIfTI or NRRD, by the ending of `path`.

    Raises
    ------
    ExportError
        "unknown-ending": another one.
    MissingLibraryError
        nibabel or pynrrd is not installed.
    """
    ending = next((e for e in _VOLUMES if path.lower().endswith(e)), "")
    if not ending:
        raise ExportError(f"{path}: use {', '.join(_VOLUMES)}", reason="unknown-ending")
    # napari tells every writer the same; only images have contrast limits.
    is_labels = "contrast_limits" not in attributes and data.dtype.kind in "iub"
    source = _source((data, attributes, "labels" if is_labels else "image"))
    if source.geometry is None:
        raise ExportError(f"{source.name!r} has no place and no spacing", reason="no-geometry")
    volume = Volume(
        source.array,
        source.dims,
        source.geometry,
        dict(source.coords),
        source.units,
        source.is_rgb,
        {**source.meta, "name": source.name, "findings": _findings(source.meta)},
    )
    getattr(volume, _VOLUMES[ending])(path)
    return [path]


def refer_to(source: ExportSource, known: Mapping[str, Any] | None) -> ExportSource:
    """Return a source without images of its own as made on those of another layer.

    Parameters
    ----------
    source : ExportSource
        Returned as it is when it knows its images.
    known : mapping or None
        ``metadata["dicomdb"]`` of the other layer.
    """
    uids = tuple(map(str, (known or {}).get("instance_uids") or ()))
    if known is None or source.references or not uids:
        return source
    study = {key: known[key] for key in ("study_uid", "source_paths") if known.get(key)}
    return replace(source, references=uids, meta={**study, **source.meta})


def _findings(meta: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what the metadata of a layer says was found, as a volume has it."""
    ours = {str(code) for code in FindingCode}
    told = [one for one in meta.get("findings") or () if isinstance(one, dict)]
    return tuple(Finding.from_json(one) for one in told if one.get("code") in ours)


def _image_known(sources: list[ExportSource]) -> Mapping[str, Any] | None:
    import napari

    for one in sources:
        if one.role == "image" and one.references:
            return one.meta
    viewer = napari.current_viewer()
    for layer in () if viewer is None else reversed(viewer.layers):
        known = dicom_metadata(layer)
        is_image = getattr(layer, "_type_string", "") == "image" and layer.visible
        if is_image and known is not None and known.get("instance_uids"):
            return known
    return None


def _source(layer_data: Any) -> ExportSource:
    from napari.layers import Layer

    return source_of(Layer.create(*layer_data), frame=ambient_frame())


def _target(sources: list[ExportSource]) -> StudyTarget:
    from napari_dicomdb.api import Database

    references = [uid for one in sources for uid in one.references]
    uid = next((one.study_uid for one in sources if one.study_uid), "")
    if uid:
        try:
            with Database.open(create=False, read_only=True) as database:
                return StudyTarget.of_study(database, uid, references)
        except DicomDbError:
            paths = [p for one in sources for p in one.meta.get("source_paths") or ()]
            there = [str(p) for p in paths if Path(p).exists()]
            with Database.in_memory() as index:
                index.import_paths(there, workers=0)
                if there and any(study.uid == uid for study in index.studies()):
                    return StudyTarget.of_study(index, uid, references)
    raise ExportError(
        "it came from no study that is known here: use the dock DICOM export, where a patient "
        "can be typed",
        reason="no-study",
    )
