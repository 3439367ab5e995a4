"""The place of a lake: how the user named it, and the nearest lake if it does not exist."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from ingestify.config.locations import current_folder, named_path, resolve_url
from ingestify.config.ownership import check_found_config
from ingestify.config.reader import CONFIG_FILE_NAME, find_config
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.masking import mask_url
from ingestify.remedies import is_at_command_line, quoted, remedy
from ingestify.vaults.url import is_vault_url

__all__ = ["Place", "find_nearest_lake", "find_place"]

CATALOGUE_NAME = "catalog.db"
FILES_NAME = "files"
DEFAULT_FOLDER = "database"

_USUAL_NAMES = ("", DEFAULT_FOLDER, "lake")
"""Where a lake usually is in a project folder: the folder itself, or one of these in it."""

_OPEN_DATA = 'engine.iter_datasets(auto_ingest={"use_open_data": True}, provider=…, dataset_type=…)'

_MOST_PARENTS = 6
_MOST_CHILDREN = 200
_SQLITE_BEGINS = b"SQLite format 3\0"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """The config file or the URLs of a lake, which may not exist.

    Attributes:
        config: The config.yaml that names the lake and its plans. None: the two URLs name it.
        metadata_url: Its catalogue, or a vault url.
        file_url: Its files, or a vault url.
        folder: The folder that has both, if the user named that.
        is_default: Whether the user named nothing.
        secret: The vault urls of its addresses, which are shown in place of the addresses; empty: there are none.
    """

    config: Path | None = None
    metadata_url: str = dataclasses.field(default="", repr=False)
    file_url: str = dataclasses.field(default="", repr=False)
    folder: Path | None = None
    is_default: bool = False
    secret: str = ""

    @property
    def base(self) -> Path:
        """The base of its relative paths."""
        return current_folder() if self.config is None else self.config.absolute().parent

    @property
    def title(self) -> str:
        """Its name in messages."""
        if self.config is not None:
            return str(self.config)
        return mask_url(self.metadata_url) if self.folder is None else str(self.folder)

    def config_for(self, purpose: str) -> Path:
        """Return the config.yaml, for commands that need one.

        Args:
            purpose: What it is needed for, such as `what is to be fetched`.

        Raises:
            ConfigurationError: There is none; the message says how to get one.
        """
        if self.config is not None:
            return self.config
        if self.is_default:
            raise ConfigurationError(
                f"There is no {CONFIG_FILE_NAME} here or in a parent folder, which says {purpose}: write one with "
                f"{remedy('init')}, or name one with --config."
            )
        what = f"{self.title} is a lake, and not what says {purpose}: that is in a {CONFIG_FILE_NAME}."
        if self.folder is not None and not (self.folder / CATALOGUE_NAME).exists():
            what = (
                f"There is no {CONFIG_FILE_NAME} in {self.folder}, which says {purpose}, and no lake: "
                f"{'it has no ' + CATALOGUE_NAME if self.folder.is_dir() else 'that folder does not exist'}."
            )
        raise ConfigurationError(
            f"{what} Name one with --config, or write one with {remedy('init')}. These commands need only a lake: "
            f"list, show, status, verify, gc, copy, delete, quarantine, events. In Python {_OPEN_DATA} fills it with "
            "open data."
        )

    @classmethod
    def of_config(cls, path: str | Path) -> Place:
        """Return the place that a config file names.

        Raises:
            ConfigurationError: It does not exist, or is a folder.
        """
        folder = named_path(path)
        if (folder / CATALOGUE_NAME).is_file() and not (folder / CONFIG_FILE_NAME).exists():
            named = f"--lake {quoted(str(path))}" if is_at_command_line() else f"get_engine({_literal(str(path))})"
            raise ConfigurationError(
                f"{path} is the folder of a lake, and no {CONFIG_FILE_NAME}. A lake is named by its folder:  {named} ."
            )
        return cls(config=find_config(path))

    @classmethod
    def of_folder(cls, folder: Path, *, is_default: bool = False) -> Place:
        """Return the place of a lake in a folder."""
        folder = folder if folder.is_absolute() else current_folder() / folder
        folder = folder if ".." not in folder.parts else folder.resolve()
        return cls(
            metadata_url=resolve_url(f"sqlite:///{CATALOGUE_NAME}", folder),
            file_url=resolve_url(f"file://{FILES_NAME}/", folder),
            folder=folder,
            is_default=is_default,
        )

    def not_found(self, catalogue: Path | None, where: str) -> LakeNotFound:
        """Return the error for the use of a lake that does not exist.

        Args:
            catalogue: The file of its catalogue; None: the catalogue is not a file.
            where: The catalogue for people, without secrets.
        """
        text = f"{self._what_is_missing(catalogue, where)}."
        nearest = None if catalogue is None or self.secret else find_nearest_lake(self.folder or catalogue.parent)
        if nearest is not None:
            named = _shortest(nearest)
            call = f"--lake {quoted(named)}" if is_at_command_line() else f"get_engine({_literal(named)})"
            text += f" The nearest lake is in {nearest}:  {call} ."
        return LakeNotFound(f"{text} {self._what_creates_it()}")

    def of_urls(self, *urls: str) -> Place:
        """Return the same place with the vault urls among its addresses."""
        return dataclasses.replace(self, secret=" and ".join(url for url in urls if is_vault_url(url)))

    def _what_is_missing(self, catalogue: Path | None, where: str) -> str:
        if self.secret:
            return f"There is no lake at the place that {self.secret} names"
        if catalogue is None:
            named = "" if self.config is None else f", which {self.config} names"
            return f"There is no lake at {where}{named}: its database has no tables of one"
        if self.is_default:
            return f"There is no {CONFIG_FILE_NAME} here or in a parent folder, and no lake in {self.folder}"
        folder = catalogue.parent
        if catalogue.exists() and catalogue.stat().st_size:
            why = f"{catalogue.name} has no tables of one"
        else:
            why = f"it has no {catalogue.name}" if folder.is_dir() else "that folder does not exist"
        named = "" if self.config is None else f", where {self.config} says it is"
        return f"There is no lake in {folder}{named}: {why}"

    def _what_creates_it(self) -> str:
        if self.config is not None:
            return f"{remedy('run')} creates it{self._how_to_begin_empty()}."
        if not is_at_command_line():
            return f"{_OPEN_DATA} creates one, and so does engine.load() of a plan."
        return f"Only a run of a config.yaml creates one ({remedy('init')} writes that and makes its lake), or a copy."

    def _how_to_begin_empty(self) -> str:
        if self.config is None or self.config.name != CONFIG_FILE_NAME or not is_at_command_line():
            return ""
        folder = self.config.absolute().parent
        named = () if folder == Path.cwd() else (quoted(str(folder)),)
        return f", and {remedy('init', *named)} an empty one"


def find_place(
    named: str | Path | None = None, *, metadata_url: str | None = None, file_url: str | None = None
) -> Place:
    """Return the place of a lake.

    Args:
        named: A config file, the folder of a lake, or a folder with a config.yaml. None, without URLs: the result of
            `find_config`, else a lake in `./database`.
        metadata_url: The catalogue, in place of `named`.
        file_url: The files, with `metadata_url`.

    Raises:
        ConfigurationError: Both kinds of name are given, or only one URL; the config file does not exist; or another
            user could have written the config file of the folder.
    """
    is_named = named is not None and str(named) != ""
    if metadata_url is not None or file_url is not None:
        if is_named:
            raise ConfigurationError("get_engine got a config file or a folder, and URLs; give one kind of them.")
        if metadata_url is None or file_url is None:
            raise ConfigurationError("get_engine needs both metadata_url and file_url, or neither.")
        return Place(metadata_url=metadata_url, file_url=file_url)
    if is_named:
        assert named is not None
        try:
            return _find_named(named_path(named))
        except PermissionError as error:
            raise ConfigurationError(
                f"{error.filename} cannot be looked at: this user has no right to its folder ({error.strerror})."
            ) from None
    config = find_config()
    if config is not None:
        return Place(config=config)
    return Place.of_folder(current_folder() / DEFAULT_FOLDER, is_default=True)


def _find_named(path: Path) -> Place:
    if path.is_dir():
        if (path / CATALOGUE_NAME).exists() or not (path / CONFIG_FILE_NAME).is_file():
            return Place.of_folder(path)
        # A user who names a folder has not checked who owns its files.
        check_found_config(path / CONFIG_FILE_NAME)
        return Place(config=path / CONFIG_FILE_NAME)
    if path.name == CATALOGUE_NAME:
        raise ConfigurationError(f"{path} is the catalogue of a lake: name the folder of both, {path.parent}.")
    if path.exists() or path.suffix.lower() in (".yaml", ".yml"):
        return Place.of_config(path)
    return Place.of_folder(path)


# ---- the nearest one ---------------------------------------------------------------------------------------


def find_nearest_lake(missing: Path) -> Path | None:
    """Return the folder of a lake near a missing one, or near the current folder. The search is bounded.

    It searches the folders above both, and then the folders beside and in them, beginning with the names that are most
    similar to the missing one.

    Args:
        missing: Absolute.
    """
    return next((folder for folder in _iter_near(missing) if folder != missing and _is_lake(folder)), None)


def _iter_near(missing: Path) -> Iterator[Path]:
    here = current_folder()
    for folder in itertools.chain(_first_parents(missing), [here], _first_parents(here)):
        yield from (folder / name for name in _USUAL_NAMES)
    there = next((folder for folder in missing.parents if folder.is_dir()), missing)
    like = "" if there == missing else missing.relative_to(there).parts[0]
    for folder in dict.fromkeys((missing, there, here)):
        for child in _children(folder, like):
            yield from (child / name for name in _USUAL_NAMES)


def _first_parents(folder: Path) -> list[Path]:
    return list(folder.parents[:_MOST_PARENTS])


def _children(folder: Path, like: str) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = list(itertools.islice(found, 10 * _MOST_CHILDREN))
        names = [one.name for one in entries if one.is_dir() and not one.name.startswith(".")]
    except OSError:
        return
    names.sort(key=lambda name: (-difflib.SequenceMatcher(None, name, like[:100]).ratio(), name))
    yield from (folder / name for name in names[:_MOST_CHILDREN])


def _is_lake(folder: Path) -> bool:
    try:
        with (folder / CATALOGUE_NAME).open("rb") as file:
            return file.read(len(_SQLITE_BEGINS)) == _SQLITE_BEGINS
    except OSError:
        return False


def _shortest(path: Path) -> str:
    relative = os.path.relpath(path)
    if relative.startswith(("-", "~")):  # an option, and somebody's home
        relative = f"./{relative}"
    return relative if len(relative) < len(str(path)) else str(path)


def _literal(text: str) -> str:
    """Return a text as a Python literal, in double quotes if possible."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)
