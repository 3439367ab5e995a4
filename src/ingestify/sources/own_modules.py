"""Makes the modules beside a config file importable, without hiding any other module.

Their folder comes after Python's own modules and the installed packages. If it came first, a `secrets.py` or a
`calendar.py` in it would replace the module of that name in every package that imports it later. A module of the folder
that another module hides is reported; the other one is never used silently in its place.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from ingestify.progress.printable import PrintableLogger

__all__ = ["find_hiding", "latest_folder", "make_importable", "warn_of_hidden"]

logger = PrintableLogger(__name__)


class _Folders(msgspec.Struct):
    """The folders that this process has made importable. There is one object, as there is one `sys.path`.

    Attributes:
        latest: The folder of the lake that was opened last.
        added: The folders that were not importable before.
        reported: The folders whose hidden modules were reported.
    """

    latest: str | None = None
    added: set[str] = msgspec.field(default_factory=set)
    reported: set[str] = msgspec.field(default_factory=set)


_folders = _Folders()


def latest_folder() -> str | None:
    """Return the folder of the config file of the lake that was opened last; None: there was none."""
    return _folders.latest


def make_importable(folder: str) -> None:
    """Make the modules in the folder of a config file importable. The latest of several folders comes first."""
    _folders.latest = folder
    _forget_those_of_others(folder)
    if folder in sys.path:
        if folder not in _folders.added:
            return  # other code has put it there
        sys.path.remove(folder)
    _folders.added.add(folder)
    place = next((index for index, entry in enumerate(sys.path) if entry in _folders.added), len(sys.path))
    sys.path.insert(place, folder)


def _forget_those_of_others(folder: str) -> None:
    """Forget the imported modules of another lake's folder that this folder has too: each lake uses its own."""
    # By name, because a folder may have been removed while its modules are imported.
    others = _folders.added - {folder}
    if not others or not Path(folder).is_dir():
        return
    for name in _module_names(folder):
        module = sys.modules.get(name)
        paths = getattr(module, "__path__", None)
        file = getattr(module, "__file__", None)
        places = list(paths) if paths is not None else [] if file is None else [file]
        parents = {os.path.realpath(Path(place).parent) for place in places}
        if parents and not parents.isdisjoint(map(os.path.realpath, others)):
            for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
                del sys.modules[key]
    importlib.invalidate_caches()


def find_hiding(module_name: str) -> str | None:
    """Return which module hides the one of this name beside the config file; None: there is none, or none hides it.

    Args:
        module_name: A dotted name. The caller has tried to import it.
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
    """Warn once of hidden modules beside the config file, before the first module there is imported."""
    folder = _folders.latest
    if folder is None or folder in _folders.reported or not _is_module(folder, module_name.split(".")):
        return
    _folders.reported.add(folder)
    hidden = [name for name in _module_names(folder) if _comes_from_elsewhere(folder, name)]
    if hidden:
        logger.warning(
            "The modules in %s with the names %s cannot be imported: Python has other modules of these names, which "
            "come first. Rename those that your own code imports.",
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
        return False  # it was imported without a place
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
            continue  # the folder does not exist, or is in a ZIP
    return False
