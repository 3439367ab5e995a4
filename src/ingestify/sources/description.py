"""Describes a type of source by its class: for people who choose one, and for tools."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any, TypedDict

from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugins
from ingestify.provider_formats.built_in import FORMATS, LOADERS_GROUP
from ingestify.sources.registry import BUILT_IN, ENTRY_POINT_GROUP, OPEN_DATA, find_options, find_source_class
from ingestify.suggestion import did_you_mean

__all__ = [
    "DatasetTypeDescription",
    "LoaderDescription",
    "SourceDescription",
    "SourceOption",
    "describe_loaders",
    "describe_source",
    "get_schema",
    "source_types",
]

_ENTRY = re.compile(r"(\*{0,2}\w+)(?: \([^)]*\))?:\s*(.*)")


@dataclasses.dataclass(frozen=True, slots=True)
class SourceOption:
    """An option of a source's `configuration`.

    Attributes:
        name: The key.
        kind: The type, as the class annotates it; empty if it does not.
        default: The default in Python's notation; None: the option is required.
        text: The description in the class; empty if there is none.
    """

    name: str
    kind: str = ""
    default: str | None = None
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LoaderDescription:
    """A possible value of a source's option `loader`.

    Attributes:
        name: The value.
        dataset_type: The type of datasets that it loads.
        requires: The feeds that kloppy needs, `one|another`; empty for a loader of an installed package.
        optional: The feeds that kloppy reads if they are there.
    """

    name: str
    dataset_type: str
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def feeds_text(self) -> str:
        """The feeds, for people."""
        feeds = [*self.requires, *(f"{feed} (optional)" for feed in self.optional)]
        return ", ".join(feed.replace("|", " or ") for feed in feeds) or "-"


class DatasetTypeDescription(TypedDict):
    """A dataset type that a source declares, with the feeds of a complete dataset and optional ones."""

    dataset_type: str
    identifier_keys: list[str]
    requires: list[str]
    optional: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class SourceDescription:
    """A type of source.

    Attributes:
        type: The value of `type:` in the configuration.
        provider: The provider; empty if the configuration decides it.
        open_data: Whether `use_open_data` means this type.
        summary: The first sentence of the class's docstring.
        text: The class's docstring without its arguments.
        licence: The licence of the data.
        attribution: How users of the data must name its source.
        hosts: The hosts that it requests by default.
        redirect_hosts: The hosts to which its downloads may be redirected, with `*` for any name.
        change_signal: How it sees that a file changed.
        max_concurrency: The most requests in flight; None: no limit of its own.
        requests_per_second: The most requests in a second; None: no limit of its own.
        dataset_types: The declared dataset types.
        options: The options of its configuration.
        takes_any_option: Whether it also takes other options.
        loaders: The values of its option `loader`, if it has one.
    """

    type: str
    provider: str
    open_data: bool
    summary: str
    text: str
    licence: str
    attribution: str
    hosts: tuple[str, ...]
    redirect_hosts: tuple[str, ...]
    change_signal: str
    max_concurrency: int | None
    requests_per_second: float | None
    dataset_types: tuple[DatasetTypeDescription, ...]
    options: tuple[SourceOption, ...]
    takes_any_option: bool
    loaders: tuple[LoaderDescription, ...] = ()


def source_types() -> list[str]:
    """Return the types with a name: those that are built in, and those of installed packages."""
    installed = {one.name for one in find_plugins(ENTRY_POINT_GROUP)}
    return [*sorted(BUILT_IN), *sorted(installed - BUILT_IN.keys())]


def describe_loaders() -> list[LoaderDescription]:
    """Return the loaders: those that are built in, and those of installed packages."""
    found = {
        (one.name, one.dataset_type): LoaderDescription(
            one.name, one.dataset_type, one.bundle_type.requires, one.bundle_type.optional
        )
        for one in FORMATS.values()
    }
    for plugin in find_plugins(LOADERS_GROUP):
        name, _, dataset_type = plugin.name.partition(".")
        found.setdefault((name, dataset_type), LoaderDescription(name, dataset_type))
    return [found[kind] for kind in sorted(found)]


def describe_source(name: str) -> SourceDescription:
    """Return the description of a type of source.

    Args:
        name: A value of `type:` in a configuration, or a provider with open data.

    Raises:
        ConfigurationError: There is no such type.
    """
    type_name, source_class = _find(name)
    text, arguments = _split_docstring(source_class)
    declaration = _find_declaration(source_class)
    options, takes_any = _options(source_class, arguments) if declaration is None else (_declared(declaration), False)
    provider = getattr(source_class, "provider", "")
    return SourceDescription(
        type=type_name,
        provider=provider if isinstance(provider, str) else "",
        open_data=type_name in OPEN_DATA.values(),
        summary=" ".join(text.split("\n\n")[0].split()),
        text=text,
        licence=source_class.licence,
        attribution=source_class.attribution,
        hosts=tuple(source_class.hosts),
        redirect_hosts=tuple(source_class.redirect_hosts),
        change_signal=source_class.change_signal,
        max_concurrency=source_class.max_concurrency,
        requests_per_second=source_class.requests_per_second,
        dataset_types=tuple(
            DatasetTypeDescription(
                dataset_type=one.dataset_type,
                identifier_keys=_identifier_keys(source_class, one.dataset_type),
                requires=list(one.requires),
                optional=list(one.optional),
            )
            for one in source_class.bundle_types
        ),
        options=options,
        takes_any_option=takes_any,
        loaders=() if declaration is None else tuple(describe_loaders()),
    )


def _find(name: str) -> tuple[str, type[Source]]:
    """Return a type of source and its class, by a name as for `describe_source`."""
    type_name = OPEN_DATA.get(name, name)
    try:
        return type_name, find_source_class(type_name)
    except ConfigurationError as error:
        meant = "" if "." in name else did_you_mean(name, OPEN_DATA)
        if not meant:
            raise
        raise ConfigurationError(f"There is no source '{name}'{meant}") from error


def get_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a source's configuration.

    Args:
        name: A name as for `describe_source`.

    Raises:
        ConfigurationError: There is no such type, or it has no schema.
    """
    type_name, source_class = _find(name)
    declaration = _find_declaration(source_class)
    if declaration is None:
        raise ConfigurationError(
            f"The configuration of '{type_name}' has no schema, as only that of a source without code has "
            f"(ingestify.files, ingestify.rest); without --schema its options are described."
        )
    schema: dict[str, Any] = declaration.model_json_schema()
    return schema


def _find_declaration(source_class: type[Source]) -> Any:
    """Return the typed configuration of a source without code; None: the arguments of the class are its options."""
    return getattr(source_class, "declaration", None)


def _declared(declaration: Any) -> tuple[SourceOption, ...]:
    schema = declaration.model_json_schema()
    required = set(schema.get("required", ()))
    return tuple(
        SourceOption(
            name,
            _kind(one),
            None if name in required else repr(one["default"]) if one.get("default") is not None else "none",
            one.get("description", ""),
        )
        for name, one in schema["properties"].items()
    )


def _identifier_keys(source_class: type[Source], dataset_type: str) -> list[str]:
    keys = source_class.identifier_keys
    if isinstance(keys, property):  # the configuration decides it
        return []
    return list(keys.get(dataset_type, ()) if isinstance(keys, Mapping) else keys)


_KINDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping", "array": "list"}


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a JSON schema in a few words."""
    for several in ("anyOf", "oneOf"):
        if several in schema:
            kinds = [_kind(one) for one in schema[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return "mapping"
    kind = str(schema.get("type", ""))
    return _KINDS.get(kind, kind)


def _options(source_class: type[Source], texts: dict[str, str]) -> tuple[tuple[SourceOption, ...], bool]:
    parameters, takes_any = find_options(source_class)
    options = tuple(
        SourceOption(
            one.name,
            "" if one.annotation is one.empty else inspect.formatannotation(one.annotation).strip("'"),
            None if one.default is one.empty else repr(one.default),
            texts.get(one.name, ""),
        )
        for one in parameters
    )
    return options, takes_any


def _split_docstring(source_class: type[Source]) -> tuple[str, dict[str, str]]:
    """Return the docstring of a class, and what it, or its `__init__`, says about each argument."""
    text = ""
    arguments: dict[str, str] = {}
    for documented in (source_class.__dict__.get("__init__"), source_class):
        # Not inspect.getdoc, which returns the docstring of the base class if the class has none.
        found = documented.__dict__.get("__doc__") if isinstance(documented, type) else documented.__doc__
        text, _, rest = inspect.cleandoc(found or "").partition("\nArgs:\n")
        arguments |= _arguments(rest)
    for section in ("Raises", "Attributes", "Returns", "Example"):
        text = text.partition(f"\n{section}:\n")[0]
    return text.strip(), arguments


def _arguments(section: str) -> dict[str, str]:
    arguments: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        indented = len(line) - len(line.lstrip())
        if line.strip() and indented == 0:
            break  # the next section
        found = _ENTRY.fullmatch(line.strip()) if indented == 4 else None
        if found:
            name = found[1].lstrip("*")
            arguments[name] = found[2]
        elif name and line.strip():
            arguments[name] = f"{arguments[name]} {line.strip()}".strip()
    return arguments
