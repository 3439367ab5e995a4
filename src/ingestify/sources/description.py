"""What a type of source is and takes, read from its class: for people who choose one, and for tools."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugins
from ingestify.provider_formats.built_in import FORMATS, LOADERS_GROUP
from ingestify.sources.registry import BUILT_IN, ENTRY_POINT_GROUP, OPEN_DATA, find_options, find_source_class
from ingestify.suggestion import did_you_mean

__all__ = [
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
    """What `configuration` may hold.

    Attributes:
        kind: Its type, as it is annotated; empty if it is not.
        default: As Python writes it; None: there is none, so it must be given.
        text: What its class says of it; empty if nothing.
    """

    name: str
    kind: str = ""
    default: str | None = None
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LoaderDescription:
    """What `loader` of a source can be.

    Attributes:
        requires: The feeds that kloppy needs, `one|another`; none of those of an installed package, which says nothing.
        optional: Those that it reads besides.
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


@dataclasses.dataclass(frozen=True, slots=True)
class SourceDescription:
    """A type of source.

    Attributes:
        type: What `type:` of the configuration says.
        provider: Empty if only the configuration decides on it.
        open_data: Whether `use_open_data` means this type.
        summary: The first sentence of its class.
        text: All that its class says, without its arguments.
        dataset_types: Of each that it declares: `dataset_type`, `identifier_keys`, `requires` and `optional` feeds.
        options: What its configuration takes.
        takes_any_option: Whether it takes others besides.
        loaders: What its option `loader` can be, if it has one.
        redirect_hosts: Hosts that its downloads may be redirected to, with `*` for any name.
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
    dataset_types: tuple[dict[str, Any], ...]
    options: tuple[SourceOption, ...]
    takes_any_option: bool
    loaders: tuple[LoaderDescription, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON has them."""
        return dataclasses.asdict(self)


def source_types() -> list[str]:
    """Return each `type:` that has a name: those built in, and those of installed packages."""
    installed = {one.name for one in find_plugins(ENTRY_POINT_GROUP)}
    return [*sorted(BUILT_IN), *sorted(installed - BUILT_IN.keys())]


def describe_loaders() -> list[LoaderDescription]:
    """Return what `loader` of a source can be: the formats that are built in, and those of installed packages."""
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
    """Return what a type of source is.

    Args:
        name: What `type:` of a configuration may be, or a provider that has open data.

    Raises:
        ConfigurationError: There is none.
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
            {
                "dataset_type": one.dataset_type,
                "identifier_keys": _identifier_keys(source_class, one.dataset_type),
                "requires": list(one.requires),
                "optional": list(one.optional),
            }
            for one in source_class.bundle_types
        ),
        options=options,
        takes_any_option=takes_any,
        loaders=() if declaration is None else tuple(describe_loaders()),
    )


def _find(name: str) -> tuple[str, type[Source]]:
    """Return a type of source with its class, by what `describe_source` takes."""
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
        name: As `describe_source` takes it.

    Raises:
        ConfigurationError: There is no such source, or it has no schema.
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
    """Return the typed configuration of a source without code; None: its arguments are its options."""
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
    said = source_class.identifier_keys
    if isinstance(said, property):  # it depends on the configuration
        return []
    return list(said.get(dataset_type, ()) if isinstance(said, Mapping) else said)


_KINDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping", "array": "list"}


def _kind(schema: Mapping[str, Any]) -> str:
    """Return in a few words what a JSON schema lets through."""
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
    """Return what a class says, and what it, or its `__init__`, says of each argument."""
    text = ""
    arguments: dict[str, str] = {}
    for documented in (source_class.__dict__.get("__init__"), source_class):
        # Not inspect.getdoc: a class that says nothing is not what the class above it says.
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
