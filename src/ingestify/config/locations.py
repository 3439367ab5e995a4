"""URLs of local files: relative ones made absolute, and turned into paths.

A plain path follows `file://`: a blank is a blank, and `%20` is three characters, also in the name of a folder that the
URL is relative to. So `Path.as_uri()` would make wrong URLs. SQLAlchemy reads the part after `sqlite:///`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_url

__all__ = ["current_folder", "expand_home", "local_path", "named_path", "resolve_url"]

_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]*)(.*)", re.IGNORECASE | re.DOTALL)
_FILE = re.compile(r"(file://)(.+)", re.IGNORECASE | re.DOTALL)
_PERCENT_CODE = re.compile(r"%[0-9A-Fa-f]{2}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LONGEST_SHOWN = 100
_WINDOWS_DRIVE = re.compile(r"/?[A-Za-z]:[\\/]")


def current_folder() -> Path:
    """Return the current folder.

    Raises:
        ConfigurationError: It was removed.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError("The current folder was removed: change to another one, and try again.") from None


def expand_home(path: str | Path) -> Path:
    """Return a path with `~` or `~user` at its beginning replaced by that home folder, if it has one."""
    return Path(_with_home(str(path)))


def named_path(path: str | Path) -> Path:
    """Return the path of a file or folder that a user named, with `~` expanded. It does not have to exist.

    Raises:
        ConfigurationError: It is a URL, or no path, because of its characters or its length.
    """
    text = str(path)
    if _URL.match(text):
        raise ConfigurationError(
            f"{mask_url(text)} is a URL: a config file or a folder is named by its path, and a lake of two URLs by "
            f"metadata_url and file_url."
        )
    expanded = expand_home(path)
    try:
        expanded.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError) as error:
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{shown!r} cannot be the path of a file or a folder: {why}.") from None
    return expanded


def resolve_url(url: str, folder: str | Path) -> str:
    """Return `url` with the relative path of a `sqlite:///` or `file://` URL made absolute.

    `sqlite:///database/catalog.db` becomes `sqlite:////lake/database/catalog.db`, `file://database/files/`
    `file:///lake/database/files/`, and `file://~/lake/files/` `file:///home/me/lake/files/`. Absolute paths, Windows'
    drives, `sqlite:///:memory:`, SQLite's own `file:` names and all other schemes stay as they are, so calling it twice
    is harmless.

    Args:
        url: Any URL.
        folder: The base of a relative path: the config file's folder, or the current one.

    Raises:
        ConfigurationError: A SQLite file would be in a folder with a `?` or a percent code such as `%20` in its name,
            which a SQLite URL cannot name.
    """
    if match := _SQLITE.fullmatch(url):
        prefix, path, options = match.groups()
        path = _with_home(path)
        if not path or path == ":memory:" or path.startswith("file:") or _is_absolute(path):
            return f"{prefix}{path}{options}"
        absolute = _absolute(path, folder)
        # SQLAlchemy 2.1 decodes %20 in the path and 2.0 does not: with either, such a folder would be another one.
        if "?" in absolute or _PERCENT_CODE.search(str(Path(folder).absolute())):
            raise ConfigurationError(
                f"The catalogue cannot lie in '{absolute}': a SQLite URL cannot name a folder with "
                "a ? or a percent code such as %20. Rename the folder, or give metadata_url an absolute path elsewhere."
            )
        return f"{prefix}{absolute}{options}"
    if match := _FILE.fullmatch(url):
        path = _with_home(match[2])
        return f"{match[1]}{path if _is_absolute(path) else _absolute(path, folder)}"
    return url


def local_path(file_url: str) -> Path:
    """Return the folder that a `file://` URL names; on Windows `file:///C:/lake` and `file://C:/lake` are the same.

    Raises:
        ConfigurationError: It is no `file://` URL, or names no folder.
    """
    match = _FILE.fullmatch(file_url)
    if match is None or not match[2].strip("/"):
        raise ConfigurationError("file_url: this names no local folder; write file:// and a path.")
    path = match[2]
    if os.name == "nt" and _WINDOWS_DRIVE.match(path):
        path = path.removeprefix("/")
    return Path(path)


def _with_home(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - Path's drops a slash at the end, and raises where there is no home


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\")) or _WINDOWS_DRIVE.match(path) is not None


def _absolute(path: str, folder: str | Path) -> str:
    absolute = (Path(folder).absolute() / path).as_posix()
    return f"{absolute}/" if path.endswith(("/", "\\")) else absolute
