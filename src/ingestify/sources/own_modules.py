"""Modules beside a config file: they can be imported, and take nobody's place.

Their folder comes after Python's own modules and what is installed. If it came first, a `secrets.py` with API keys or a
`calendar.py` there would be what every package gets that imports a module of that name later. One that is hidden for
its name is told; it is never silently replaced by the other.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ingestify.progress.printable import PrintableLogger

__all__ = ["find_hiding", "make_importable", "warn_of_hidden"]

logger = PrintableLogger(__name__)


@dataclasses.dataclass(slots=True)
class _Folders:
    """What this process has made importable: as `sys.path`, one for all of it.

    Attributes:
        latest: Of the lake that was opened last.
        added: Those that were not importable before.
        looked_through: Those of which it was told what is hidden.
    """

    latest: str | None = None
    added: set[str] = dataclasses.field(default_factory=set)
    looked_through: set[str] = dataclasses.field(default_factory=set)


_folders = _Folders()


def make_importable(folder: str) -> None:
    """Let modules in `folder`, that of a config file, be imported. Of several, the latest comes first."""
    _folders.latest = folder
    _forget_those_of_others(folder)
    if folder in sys.path:
        if folder not in _folders.added:
            return  # somebody else put it where it is
        sys.path.remove(folder)
    _folders.added.add(folder)
    place = next((index for index, entry in enumerate(sys.path) if entry in _folders.added), len(sys.path))
    sys.path.insert(place, folder)


def _forget_those_of_others(folder: str) -> None:
    """Forget modules of another lake's folder that this one has, too: each lake is to get its own."""
    # By name: a folder may be gone by now, and its modules stay.
    others = {os.path.realpath(one) for one in _folders.added if one != folder}
    if not others or not Path(folder).is_dir():
        return
    for name in _module_names(folder):
        module = sys.modules.get(name)
        paths = getattr(module, "__path__", None)
        file = getattr(module, "__file__", None)
        places = list(paths) if paths is not None else [] if file is None else [file]
        if any(os.path.realpath(Path(place).parent) in others for place in places):
            for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
                del sys.modules[key]
    importlib.invalidate_caches()


def find_hiding(module_name: str) -> str | None:
    """Return what hides the module of that name that lies beside the config file; None: nothing does, or none is there.

    Args:
        module_name: Dotted. An import of it was tried before.
    """
    folder = _folders.latest
    parts = module_name.split(".")
    if folder is None or not (_is_module(folder, parts) or _is_module(folder, parts[:1])):
        return None
    for count in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is None:
            continue
        paths = getattr(module, "__path__", None)
        file = getattr(module, "__file__", None)
        if _is_any(Path(folder, *parts[:count]), paths) or _is_in(Path(folder, *parts[: count - 1]), file, paths):
            return None
        name, where = ".".join(parts[:count]), file or next(iter(paths or ()), None) or "its own"
        return (
            f"Python has another module '{name}' ({where}), and that in {folder} is hidden behind it. Rename the one "
            f"in {folder}, and what names it here"
        )
    return None


def warn_of_hidden(module_name: str) -> None:
    """Tell once, before a module beside the config file is imported, what lies there too and no import will find."""
    folder = _folders.latest
    if folder is None or folder in _folders.looked_through or not _is_module(folder, module_name.split(".")):
        return
    _folders.looked_through.add(folder)
    hidden = [name for name in _module_names(folder) if _comes_from_elsewhere(folder, name)]
    if hidden:
        logger.warning(
            "What lies in %s and is called %s is not what an import of that name gives: Python has other modules of "
            "these names, which come first. Rename what your own code imports.",
            folder,
            ", ".join(sorted(hidden)),
        )


def _is_module(folder: str, parts: Sequence[str]) -> bool:
    path = Path(folder, *parts)
    return path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()


def _module_names(folder: str) -> Iterator[str]:
    for path in Path(folder).iterdir():
        name = path.stem if path.suffix == ".py" else path.name
        if name.isidentifier() and _is_module(folder, [name]):
            yield name


def _comes_from_elsewhere(folder: str, name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:
        return False  # imported in a way that says nothing of where
    if spec is None:
        return False
    paths = spec.submodule_search_locations
    return not (_is_any(Path(folder, name), paths) or _is_in(Path(folder), spec.origin, paths))


def _is_in(folder: Path, file: str | None, paths: Iterable[str] | None) -> bool:
    return paths is None and file is not None and _is_any(folder, [os.path.dirname(file)])  # noqa: PTH120 - of "built-in" too


def _is_any(folder: Path, paths: Iterable[str] | None) -> bool:
    for path in paths or ():
        try:
            if folder.samefile(path or "."):
                return True
        except OSError:
            continue  # one of them is not there, or lies in a ZIP
    return False
