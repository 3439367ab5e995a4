"""Reads the typed configuration of sources without code; its errors name each key by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field, ValidationError

from ingestify.errors import ConfigurationError
from ingestify.suggestion import did_you_mean
from ingestify.typed_section import Section

__all__ = ["KeyName", "read_declaration"]

KeyName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
"""The name of an identifier's key, which is also a keyword argument and a part of paths."""


S = TypeVar("S", bound=Section)


def read_declaration(model: type[S], configuration: Mapping[str, Any], source_name: str) -> S:
    """Return the typed configuration of a source.

    Args:
        model: Its type.
        configuration: The settings.
        source_name: The source's name, for errors.

    Raises:
        ConfigurationError: The configuration is wrong. The message names each key by its path, and shows no value.
    """
    try:
        return model.model_validate(configuration)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = list(dict.fromkeys(_problem(model, one["type"], one["loc"], one["msg"]) for one in details))
    where = f"The source '{source_name}'"
    if len(problems) == 1:
        raise ConfigurationError(f"{where}: {problems[0]}")
    raise ConfigurationError("\n  ".join([f"{where} has {len(problems)} problems in its configuration:", *problems]))


def _problem(model: type[Section], kind: str, place: tuple[str | int, ...], message: str) -> str:
    """Return the text of a problem: `dataset_types.match.feeds.events.url: what is wrong`."""
    path, section = _shown_path(model, place[:-1] if kind == "extra_forbidden" else place)
    if kind == "extra_forbidden":
        key = str(place[-1])
        known = tuple(section.model_fields) if section is not None else ()
        there = f" There {'is' if len(known) == 1 else 'are'} {', '.join(sorted(known))}." if known else ""
        return f"{f'{path}: ' if path else ''}there is no key '{key}'{did_you_mean(key, known) or '.'}{there}"
    if kind == "missing":
        return f"{path}: it is missing."
    if kind == "union_tag_not_found":
        return f"{path}: it needs a type."
    if kind == "union_tag_invalid":
        return f"{path}: {message.partition('does not match ')[2] or message}".replace(
            "any of the expected tags", "its type must be one of"
        )
    return f"{path}: {message}" if path else message


def _shown_path(model: type[Section], place: tuple[str | int, ...]) -> tuple[str, type[Section] | None]:
    """Return a path without pydantic's names for members of a union, and the section at its end."""
    shown: list[str] = []
    annotation: Any = model
    for part in place:
        sections = _sections(annotation)
        field = next(
            (one.model_fields[part] for one in sections if isinstance(part, str) and part in one.model_fields), None
        )
        if field is not None:
            annotation = field.annotation
        elif isinstance(part, str) and (chosen := _member(sections, part)) is not None:
            annotation = chosen
            continue
        elif (inside := _inside(annotation)) is not None:
            annotation = inside
        elif isinstance(part, str) and (part in _PYDANTIC_NAMES or "[" in part):
            continue
        shown.append(f"[{part}]" if isinstance(part, int) else f".{part}" if shown else str(part))
    sections = _sections(annotation)
    return "".join(shown), sections[0] if len(sections) == 1 else None


_PYDANTIC_NAMES = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple", "constrained-str"})


def _sections(annotation: Any) -> list[type[Section]]:
    """Return the sections of a type: one, or those of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    if _container(annotation):
        return []
    return [one for part in get_args(annotation) for one in _sections(part)]


def _member(sections: list[type[Section]], name: str) -> type[Section] | None:
    """Return the section that pydantic calls `name`, which is its class or its `type`."""
    for one in sections:
        field = one.model_fields.get("type")
        tags = get_args(field.annotation) if field is not None else ()
        if one.__name__ == name or name in tags:
            return one
    return None


def _container(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, (dict, list, tuple))


def _inside(annotation: Any) -> Any:
    """Return the type of the values of a mapping or list; None: the type is neither."""
    if _container(annotation):
        arguments = [one for one in get_args(annotation) if one is not Ellipsis]
        return arguments[-1]
    if getattr(annotation, "__origin__", None) is Literal:
        return None
    return next((found for part in get_args(annotation) if (found := _inside(part)) is not None), None)
