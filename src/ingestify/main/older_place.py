"""Where the published package has put a lake: it took relative URLs from the current folder, not from the config's."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from ingestify.config.locations import current_folder, local_path, resolve_url
from ingestify.config.settings import MainSettings
from ingestify.errors import ConfigurationError
from ingestify.store.objects.identity import MARK_PATH

__all__ = ["refuse_lake_by_current_folder"]

_TABLES = ("dataset", "revision", "file")


def refuse_lake_by_current_folder(main: MainSettings, folder: Path) -> None:
    """Refuse relative URLs if the lake of the published package is where the current folder makes them point.

    Otherwise the next run would make a second, empty lake in the folder of the config file. If that has a lake at the
    same URL already, it is the one that is meant.

    Args:
        main: The settings, with the URLs as the file has them.
        folder: The folder of the config file.

    Raises:
        ConfigurationError: There is such a lake; the message says where, and what to write.
    """
    here = current_folder()
    catalogue, its_catalogue = (_sqlite_path(main.metadata_url, base) for base in (folder, here))
    files, its_files = (_files_path(main.file_url, base) for base in (folder, here))
    if catalogue is not None and catalogue.is_file() and catalogue.stat().st_size:
        return
    found: list[str] = []
    if catalogue != its_catalogue and _is_older_catalogue(its_catalogue, main.metadata_options.table_prefix):
        found.append(f"metadata_url: sqlite:///{its_catalogue}")
    if files != its_files and _is_empty(files) and _has_older_objects(its_files):
        found.append(f"file_url: file://{its_files}")
    if found:
        raise ConfigurationError(
            f"The relative URLs of the config file in {folder.resolve()} name a lake that does not exist, and there is "
            f"one of the published package below the current folder, {here}. That package took relative URLs from the "
            f"current folder; today they go by the folder of the config file. Nothing was made or changed. To go on "
            f"with that lake, write {' and '.join(found)} into the config file, or move the file to {here}. For a new "
            f"lake, start in another folder."
        )


def _sqlite_path(url: str, base: Path) -> Path | None:
    scheme, _, path = resolve_url(url, base).partition(":///")
    return Path(path.partition("?")[0]) if scheme.lower().startswith("sqlite") and path.startswith("/") else None


def _files_path(url: str, base: Path) -> Path | None:
    return local_path(resolve_url(url, base)) if url.lower().startswith("file://") else None


def _is_older_catalogue(path: Path | None, table_prefix: str) -> bool:
    """Whether a SQLite file has the tables of the published package, and not ours."""
    if path is None or not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return False  # no database, or none that this user may read
    return names.issuperset(table_prefix + name for name in _TABLES) and not any(
        name.endswith("ingestify_version") for name in names
    )


def _is_empty(path: Path | None) -> bool:
    return path is not None and (not path.is_dir() or next(path.iterdir(), None) is None)


def _has_older_objects(path: Path | None) -> bool:
    """Whether a folder has the folders of providers in a bucket's, and no mark of ours."""
    if path is None or not path.is_dir() or (path / MARK_PATH).exists():
        return False
    return next(path.glob("*/provider=*"), None) is not None
