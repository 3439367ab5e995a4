"""Reads a config.yaml into `Settings`.

An error lists all problems of the file, each with its line and the path of its key, and never with the value.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingestify.config.locations import current_folder, local_path, named_path
from ingestify.config.older_spellings import Spelling, in_todays_words
from ingestify.config.ownership import check_env_file, check_found_config
from ingestify.config.schema import field_description, known_keys
from ingestify.config.settings import FileOptions, Settings, find_contradictions
from ingestify.config.yaml_document import Document, Problem, path_text, read_document
from ingestify.errors import ConfigurationError
from ingestify.masking import hide_all, hide_url
from ingestify.suggestion import did_you_mean

__all__ = [
    "CONFIG_FILE_NAME",
    "CONFIG_FILE_VARIABLE",
    "describe_older_spellings",
    "find_config",
    "local_path",
    "read_file_options",
    "read_settings",
]

CONFIG_FILE_VARIABLE = "INGESTIFY_CONFIG_FILE"
"""The environment variable that names the config file; a .env file in the current folder may set it."""

MOST_PROBLEMS = 50
"""The most problems of a file that an error lists."""

CONFIG_FILE_NAME = "config.yaml"
ENV_FILE_NAME = ".env"


def find_config(explicit: str | Path | None = None) -> Path | None:
    """Return the config file to use, or None if there is none.

    Args:
        explicit: The caller's path. None: `INGESTIFY_CONFIG_FILE`, else `config.yaml` in the current folder or
            the nearest folder above it.

    Raises:
        ConfigurationError: The file that the caller or the variable names does not exist; or another user could have
            written a file that was found.
    """
    if explicit is not None and str(explicit):
        return _existing(named_path(explicit), "The config file")
    here = current_folder()
    named = os.environ.get(CONFIG_FILE_VARIABLE) or _env_file(here).get(CONFIG_FILE_VARIABLE)
    if named:
        return _existing(named_path(named), f"{CONFIG_FILE_VARIABLE}: the config file")
    for folder in (here, *here.parents):
        if (path := folder / CONFIG_FILE_NAME).is_file():
            check_found_config(path)
            return path
    return None


def read_settings(path: str | Path) -> Settings:
    """Read a config file. Its URLs are as it has them; `resolve_lake_url` makes their paths absolute.

    The variables of the .env files next to it and in the current folder are added to this process's environment, where
    sources and database drivers find them too. A variable that is set already has priority, then the .env file next to
    the config file.

    Raises:
        ConfigurationError: It cannot be read, or it has problems, which the message lists; or another user could have
            written one of the .env files.
    """
    path = named_path(path)
    document, _ = _read_document(path)
    content = document.content
    _hide_secrets(content)
    if content is None and not document.problems:
        raise ConfigurationError(f"{path}: it is empty. Write at least main with metadata_url and file_url.")
    if not isinstance(content, dict):
        content = {}
        if not document.problems:
            raise ConfigurationError(f"{path}: it must begin with keys such as main: and sources:.")
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        raise _all_problems(path, document, content, error) from error
    if document.problems:
        raise _all_problems(path, document, content, None)
    return settings


def describe_older_spellings(path: str | Path) -> list[str]:
    """Return a line for each spelling of the published package in a config file: where it is, and what it means today.

    They are valid for good, so no run tells of them; `ingestify config check` does.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    path = named_path(path)
    document, spellings = _read_document(path)
    return [f"{path}:{document.line_of(one.path)}: {path_text(one.path)}: {one}" for one in spellings]


def _read_document(path: Path) -> tuple[Document, tuple[Spelling, ...]]:
    """Return a config file's content in today's words, and the older spellings. Its .env files are loaded first."""
    folder, here = path.absolute().parent, current_folder()
    _load_env_file(folder, path)
    if not folder.exists() or not folder.samefile(here):
        _load_env_file(here)
    return in_todays_words(read_document(_text_of(path), str(path), os.environ))


def read_file_options(options: Mapping[str, Any]) -> FileOptions:
    """Return `file_options` that were given outside of a config file, with the same checks.

    Raises:
        ConfigurationError: It has problems, which the message lists.
    """
    try:
        return FileOptions.model_validate(options)
    except ValidationError as error:
        place = ("main", "file_options")
        problems = [_problem(one["type"], (*place, *one["loc"]), one["msg"]) for one in error.errors(include_url=False)]
        problems = [Problem(one.path[1:], one.message) for one in problems]
        found = ConfigurationError(_message("get_engine", problems, 0))
    raise found


def _existing(path: Path, what: str) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        usual = path / CONFIG_FILE_NAME
        which = f", such as {usual}" if usual.is_file() else f"; it has no {CONFIG_FILE_NAME}"
        raise ConfigurationError(f"{what} {path} is a folder; name a file in it{which}.")
    raise ConfigurationError(f"{what} {path} does not exist (the current folder is {current_folder()}).")


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: it is not UTF-8 text (byte {error.start + 1}); save it as UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read: {error.strerror or error}.") from error


def _env_file(folder: Path) -> dict[str, str | None]:
    path = folder / ENV_FILE_NAME
    if not path.is_file():
        return {}
    check_env_file(path)
    from dotenv import dotenv_values  # mostly there is no such file

    return dict(dotenv_values(stream=io.StringIO(_text_of(path))))


def _load_env_file(folder: Path, config: Path | None = None) -> None:
    path = folder / ENV_FILE_NAME
    if not path.is_file():
        return
    check_env_file(path, config)
    from dotenv import load_dotenv  # mostly there is no such file

    try:
        load_dotenv(stream=io.StringIO(_text_of(path)), override=False)
    except ValueError as error:
        raise ConfigurationError(f"{path}: it has a character that no environment variable can have.") from error


def _hide_secrets(content: object) -> None:
    """Hide the secrets of each `configuration` and of the lake's URLs in messages."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == "configuration":
                hide_all(value)
            elif key in ("metadata_url", "file_url"):
                hide_url(value)
            else:
                _hide_secrets(value)
    elif isinstance(content, list):
        for value in content:
            _hide_secrets(value)


# Problems -----------------------------------------------------------------------------------------------------------


def _all_problems(
    path: Path, document: Document, content: Mapping[str, Any], error: ValidationError | None
) -> ConfigurationError:
    problems = list(document.problems)
    lost = {problem.path for problem in problems if problem.is_lost}
    found = [] if error is None else _validation_problems(error)
    left_out = 0 if error is None else error.error_count() - len(found)
    found += [Problem(place, message) for place, message in find_contradictions(content)]
    seen: set[tuple[object, ...]] = set()
    for problem in found:
        # A value that could not be read has a problem already, and the None in its place would cause others.
        hidden = any(problem.path[: len(place)] == place[: len(problem.path)] for place in lost)
        if not hidden and (problem.path, problem.message) not in seen:
            seen.add((problem.path, problem.message))
            problems.append(Problem(problem.path, problem.message, document.line_of(problem.path)))
    problems.sort(key=lambda problem: problem.line or 0)
    return ConfigurationError(_message(str(path), problems[:MOST_PROBLEMS], len(problems[MOST_PROBLEMS:]) + left_out))


def _message(name: str, problems: list[Problem], more: int) -> str:
    if len(problems) == 1 and not more:
        [problem] = problems
        line = "" if problem.line is None else f":{problem.line}"
        return f"{name}{line}: {_one(problem)}"
    lines = [f"{name} has {len(problems) + more:,} problems:"]
    for problem in problems:
        line = "" if problem.line is None else f"line {problem.line}: "
        lines.append(f"  {line}{_one(problem)}".replace("\n", "\n    "))
    if more:
        lines.append(f"  and {more:,} more")
    return "\n".join(lines)


def _one(problem: Problem) -> str:
    return f"{path_text(problem.path)}: {problem.message}" if problem.path else problem.message


def _validation_problems(error: ValidationError) -> list[Problem]:
    return [
        _problem(detail["type"], detail["loc"], detail["msg"])
        # A suggestion takes milliseconds, which is too long for thousands.
        for detail in error.errors(include_url=False, include_input=False)[:MOST_PROBLEMS]
    ]


def _problem(kind: str, path: tuple[str | int, ...], message: str) -> Problem:
    """Return a problem with a message of ours, for common errors."""
    if path and path[-1] == "[key]":
        return Problem(path[:-1], "the key must be text.")
    match kind:
        case "extra_forbidden":
            known = known_keys(path[:-1])
            hint = did_you_mean(str(path[-1]), known) or f"; there {_listed(known)}."
            return Problem(path, f"unknown key{hint}")
        case "missing":
            about = field_description(path)
            return Problem(path, f"this key is missing{f'. {about}' if about else '.'}")
        case "model_type" | "model_attributes_type" | "dict_type":
            return Problem(path, "must be a mapping of keys to values.")
        case "string_type":
            return Problem(path, "must be text; put quotes around it.")
        case "tuple_type" | "list_type":
            return Problem(path, "must be a list: put a - before each entry.")
    return Problem(path, message.replace("Input should", "should").replace("String should", "should"))


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"{'is' if len(listed) == 1 else 'are'} {', '.join(listed) or 'none'}"
