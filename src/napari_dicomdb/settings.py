"""What is remembered from one session to the next: databases and a few choices.

One JSON file in the user's configuration folder, written atomically. Secrets
are never in it.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from platformdirs import user_config_path, user_data_path

from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "DATABASE_VARIABLE",
    "SETTINGS_VARIABLE",
    "Settings",
    "change_settings",
    "default_database",
    "forget_database",
    "forget_filter",
    "load_settings",
    "remember_database",
    "rename_database",
    "save_filter",
    "save_settings",
    "saved_filters",
    "settings_path",
    "write_whole",
]

DATABASE_VARIABLE = "DICOMDB_DATABASE"
SETTINGS_VARIABLE = "DICOMDB_SETTINGS"

_APP = "napari-dicomdb"
_RECENT_LIMIT = 50
_log = logging.getLogger(__name__)
_changing = threading.RLock()  # windows and workers change settings at the same time
_parsed: tuple[tuple[Any, ...], Settings] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has chosen.

    Parameters
    ----------
    database : Path or None
        The database to open when none is named; None: the one in the user's
        data folder.
    recent_databases : tuple of Path
        Databases opened before, latest first.
    open_series_of_file : bool
        Whether opening one DICOM file opens the whole series that lies with it.
    thumbnail_limit_mb : int
        Megabytes that the pictures of one database may take on the disk.
    filters : mapping of str to str
        Texts of searches by the names they were saved under.
    listener : mapping
        How the listener listens, see `network.listener_settings`.
    others : mapping
        Entries that this version does not know; kept when the file is written.
    """

    database: Path | None = None
    recent_databases: tuple[Path, ...] = ()
    open_series_of_file: bool = False
    thumbnail_limit_mb: int = 500
    filters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    listener: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    others: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """Make settings from a parsed file; values of a wrong type are left at their default."""
        others = dict(values)
        database = others.pop("database", None)
        recent = others.pop("recent_databases", [])
        open_series = others.pop("open_series_of_file", False)
        limit = others.pop("thumbnail_limit_mb", None)
        filters = others.pop("filters", {})
        listener = others.pop("listener", {})
        return cls(
            database=Path(database) if isinstance(database, str) and database else None,
            recent_databases=tuple(
                Path(path) for path in (recent if isinstance(recent, list) else ()) if path
            ),
            open_series_of_file=open_series is True,
            thumbnail_limit_mb=limit if type(limit) is int and limit >= 0 else 500,
            filters=MappingProxyType(
                {
                    name: text
                    for name, text in (filters.items() if isinstance(filters, dict) else ())
                    if isinstance(text, str)
                }
            ),
            listener=MappingProxyType(listener if isinstance(listener, dict) else {}),
            others=MappingProxyType(others),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is written to the file."""
        return {
            **self.others,
            "database": None if self.database is None else str(self.database),
            "recent_databases": [str(path) for path in self.recent_databases],
            "open_series_of_file": self.open_series_of_file,
            **({"filters": dict(self.filters)} if self.filters else {}),
            **({"listener": dict(self.listener)} if self.listener else {}),
            "thumbnail_limit_mb": self.thumbnail_limit_mb,
        }


def settings_path() -> Path:
    """Return where the settings are: `DICOMDB_SETTINGS`, else the user's configuration folder."""
    named = os.environ.get(SETTINGS_VARIABLE)
    return Path(named) if named else user_config_path(_APP, appauthor=False) / "settings.json"


def default_database() -> Path:
    """Return the directory of the database to open when none is named.

    `DICOMDB_DATABASE`, else the one chosen in the settings, else ``database``
    in the user's data folder.
    """
    named = os.environ.get(DATABASE_VARIABLE)
    if named:
        return Path(os.path.expanduser(named))
    chosen = load_settings().database
    return chosen or user_data_path(_APP, appauthor=False) / "database"


def load_settings() -> Settings:
    """Return the settings; the defaults where there is no file.

    A file that is no JSON object is set aside as ``settings.json.broken``, with
    a warning in the log: a slip in an editor must not keep the data away.
    """
    global _parsed
    path = settings_path()
    try:
        with open(path, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            # Each change puts another file in its place; editors change time or size.
            state = (path, status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns)
            known = _parsed
            if known is not None and known[0] == state:
                return known[1]
            values = json.load(file)
    except FileNotFoundError:
        return Settings()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return _set_aside(path, str(error))
    if not isinstance(values, dict):
        return _set_aside(path, "it holds no JSON object")
    settings = Settings.from_json(values)
    _parsed = (state, settings)
    return settings


def save_settings(settings: Settings) -> None:
    """Write the settings: completely, or not at all."""
    text = json.dumps(settings.to_json(), indent=2, ensure_ascii=False) + "\n"
    write_whole(settings_path(), text)


def change_settings(change: Callable[[Settings], Settings]) -> Settings:
    """Write what `change` makes of the settings as they are, and return it.

    Threads of one program wait for each other, so that no change is lost.
    Nothing is written where nothing changes.
    """
    with _changing:
        settings = load_settings()
        changed = change(settings)
        if changed != settings:
            save_settings(changed)
        return changed


def write_whole(path: Path, text: str) -> None:
    """Write a text file: completely, or not at all. Only its owner may read it.

    Parameters
    ----------
    path : Path
        Its folder is made when absent.
    text : str

    Raises
    ------
    OSError
        If it cannot be written; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remember_database(path: str | os.PathLike[str], *, as_default: bool = False) -> Settings:
    """Put `path` first among the recent databases and return the new settings.

    Parameters
    ----------
    path : path-like
        Directory of the database.
    as_default : bool
        Also open it from now on when none is named.
    """
    directory = Path(os.path.abspath(path))

    def change(settings: Settings) -> Settings:
        rest = (known for known in settings.recent_databases if known != directory)
        recent = (directory, *rest)[:_RECENT_LIMIT]
        chosen = directory if as_default else settings.database
        return replace(settings, recent_databases=recent, database=chosen)

    return change_settings(change)


def forget_database(path: str | os.PathLike[str]) -> Settings:
    """Take `path` out of the settings; the database itself stays where it is."""
    directory = Path(os.path.abspath(path))

    def change(settings: Settings) -> Settings:
        return replace(
            settings,
            recent_databases=tuple(p for p in settings.recent_databases if p != directory),
            database=None if settings.database == directory else settings.database,
        )

    return change_settings(change)


def rename_database(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Settings:
    """Say that the database in `source` lies in `target` now; return the new settings."""
    old, new = Path(os.path.abspath(source)), Path(os.path.abspath(target))

    def change(settings: Settings) -> Settings:
        recent = dict.fromkeys(new if path == old else path for path in settings.recent_databases)
        return replace(
            settings,
            recent_databases=tuple(recent),
            database=new if settings.database == old else settings.database,
        )

    return change_settings(change)


def saved_filters() -> dict[str, str]:
    """Return the texts of searches by the names they were saved under, in order of names."""
    return dict(sorted(load_settings().filters.items(), key=lambda one: one[0].casefold()))


def save_filter(name: str, text: str) -> dict[str, str]:
    """Keep the text of a search; return all saved ones.

    Parameters
    ----------
    name : str
        Any text but quotes and control characters; one that is taken is replaced.
    text : str
        As typed into the search box, where ``@name`` stands for it from now on.

    Raises
    ------
    DicomDbError
        If the name is empty or could not be typed.
    """
    name = " ".join(name.split())
    if not name or '"' in name or not name.isprintable() or len(name) > 200:
        raise DicomDbError(
            "a filter's name has 1 to 200 characters, no quotes and no control characters",
            reason="bad-name",
        )
    text = text.encode("utf-8", "replace").decode("utf-8")
    change_settings(lambda s: replace(s, filters=MappingProxyType({**s.filters, name: text})))
    return saved_filters()


def forget_filter(name: str) -> dict[str, str]:
    """Forget a saved search, if there is one of that name; return those that are left."""

    def change(settings: Settings) -> Settings:
        left = {known: text for known, text in settings.filters.items() if known != name}
        return replace(settings, filters=MappingProxyType(left))

    change_settings(change)
    return saved_filters()


def _set_aside(path: Path, why: str) -> Settings:
    broken = path.with_name(path.name + ".broken")
    os.replace(path, broken)
    _log.warning("%s cannot be read (%s): moved to %s, defaults are used", path, why, broken)
    return Settings()
