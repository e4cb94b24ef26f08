"""Objects without an image of their own: what they are, what they refer to, what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.loading.describing import series_name
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.sorting import why_no_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.progress import Progress

__all__ = ["OtherObjectLoader"]


class OtherObjectLoader:
    """What no other loader opens is listed all the same, once for each kind and series."""

    name = "other-object"
    version = "2"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return one loadable for the objects of one class without an image, by series."""
        alike: dict[tuple[str, str, str], list[InstanceRecord]] = {}
        for record in instances:
            if why := why_no_image(record):
                alike.setdefault((record.series_uid, record.sop_class_uid, why), []).append(record)
        return [self._offer(records, why) for (*_, why), records in alike.items()]

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> NoReturn:
        """Refuse, and say what the object is.

        Raises
        ------
        LoadError
            Always.
        """
        record = loadable.instances[0]
        raise LoadError(
            f"{record.path}: {_class_name(record)} holds no image ({why_no_image(record)}); "
            "what it says is shown by `Loadable.content` and `dicomdb load`",
            reason="no-pixels",
        )

    def _offer(self, records: list[InstanceRecord], why: str) -> Loadable:
        what = _class_name(records[0])
        many = f"{len(records)} x " if len(records) > 1 else ""
        confidence, reasons = assess(
            (Claim("its content can be read as a tree"), Claim(f"no image: {why}", False))
        )
        return Loadable(
            name=f"{series_name(records[0])} ({many}{what})",
            kind=CONTENT,
            confidence=confidence,
            reasons=reasons,
            findings=(),
            instances=tuple(records),
            loader=self,
            selected=True,
            referenced_uids=tuple(dict.fromkeys(u for r in records for u in _references(r))),
        )


def _class_name(record: InstanceRecord) -> str:
    from pydicom.uid import UID

    name = UID(record.sop_class_uid).name if record.sop_class_uid else ""
    return name or str(record.values.get("Modality") or "object of unknown kind")


def _references(record: InstanceRecord) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for keyword, value in record.values.items():
        if "Referenced" in keyword and keyword.endswith("InstanceUID"):
            for uid in value if isinstance(value, list) else [value]:
                if isinstance(uid, str) and uid:
                    found[uid] = None
    return tuple(found)
