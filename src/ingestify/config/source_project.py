"""The package that `ingestify init --source my_provider` writes: a source, its simulated provider and its tests.

The templates are in `source_project_files`, for a provider `my_provider`, whose names are replaced.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import keyword
import re
import sys
from importlib.resources.abc import Traversable
from pathlib import Path

from ingestify.errors import ConfigurationError

__all__ = ["check_source_name", "source_project", "write_source_project"]

_LONGEST_NAME = 30
_NAME = re.compile(r"[a-z][a-z0-9_]*[a-z0-9]")
_FOLDER = "source_project_files"
_OTHERS = frozenset({"tests", "test", "conftest", "ingestify"})
"""Names that the package itself, or pytest, uses."""


def check_source_name(name: str) -> None:
    """Refuse a name that no package can have, or that is taken.

    Raises:
        ConfigurationError: The message says what would be right.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"A source cannot be called {name!r}: use 2 to {_LONGEST_NAME} small letters, digits and _, beginning with "
            f"a letter, such as my_provider."
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ConfigurationError(f"A source cannot be called '{name}', which is a word of Python; call it {name}_data.")
    if name in _OTHERS or name in sys.stdlib_module_names or _is_installed(name):
        raise ConfigurationError(
            f"A source cannot be called '{name}': there is a module of that name, which it would hide. Call it "
            f"{name}_data, or whatever else is free."
        )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True  # there is a module of that name, which is broken


def source_project(name: str) -> dict[str, str]:
    """Return the files of a source's package: path to text.

    Args:
        name: Such as `my_provider`; see `check_source_name`.
    """
    words = [word for word in name.split("_") if word]
    renamed = {
        "my_provider": name,
        "MyProvider": "".join(word.capitalize() for word in words),
        "My Provider": " ".join(word.capitalize() for word in words),
        "MY_PROVIDER": name.upper(),
    }
    pattern = re.compile("|".join(renamed))
    root = importlib.resources.files("ingestify.config").joinpath(_FOLDER)
    return {
        pattern.sub(lambda found: renamed[found[0]], path): pattern.sub(lambda found: renamed[found[0]], text)
        for path, text in _files_below(root, "")
    }


def _files_below(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    files = []
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir():
            files += _files_below(one, f"{prefix}{one.name}/")
        elif one.name.endswith(".txt"):
            files.append((prefix + one.name.removesuffix(".txt"), one.read_text(encoding="utf-8")))
    return files


def write_source_project(name: str, folder: Path) -> Path:
    """Write the package of a source into a new folder in `folder`. Returns the new folder.

    Raises:
        ConfigurationError: The name cannot be used, or exists already: nothing is overwritten.
        OSError: The folder cannot be written.
    """
    project = folder / name
    # Before the name is checked, as a package in the current folder could be imported.
    if _NAME.fullmatch(name) and (project.exists() or project.is_symlink()):
        raise ConfigurationError(f"{project} exists already, and is not overwritten; use another name or folder.")
    check_source_name(name)
    for path, text in source_project(name).items():
        target = project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return project
