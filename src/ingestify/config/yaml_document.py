"""A YAML file as plain values, with the line of each value and the `!ENV` tag.

It is YAML 1.1 as PyYAML's safe loader reads it, with these differences:
    `!ENV "${NAME}"` and `!ENV "${NAME:default}"` become text; a text may have several.
    A duplicate key is a problem; PyYAML would use the last one.
    Keys are text: `360: v2` has the key "360". Only below `configuration` a number stays a number.
    `2023_2024`, `12:30`, `007` and `0x1F` are text; in YAML 1.1 they are the numbers 20232024, 750, 7 and 31.
    `NO` and `ON` are text: Norway and Ontario. `no`, `No`, `on` and `On` are truth values, as in YAML 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from ingestify.errors import ConfigurationError
from ingestify.masking import hide, hide_url

__all__ = ["Document", "KeyPath", "Problem", "path_text", "read_document"]

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of the file."""

MAX_VALUES = 100_000
"""The most values of a file with its aliases expanded: nested aliases could make billions from a few lines."""

MAX_DEPTH = 50
"""The most levels of a file."""

MAX_CHARACTERS = 1_000_000
"""The most characters of a file; a configuration of a thousand sources has half as many."""

MAX_ENV_CHARACTERS = 10_000
"""The most characters of a text after `!ENV`."""

_TAG = "tag:yaml.org,2002:"
_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")


class Problem(msgspec.Struct, frozen=True):
    """A problem of a value in the file.

    Attributes:
        path: The keys and indexes of the value.
        message: The problem, without the value, which may be a secret.
        line: From 1; None if it is unknown.
        is_lost: Whether the value could not be read, so that the document has None in its place.
    """

    path: KeyPath
    message: str
    line: int | None = None
    is_lost: bool = False


class Document(msgspec.Struct, frozen=True):
    """The content of a file.

    Attributes:
        content: Dicts, lists and single values; None if the file is empty.
        lines: The line of each key and each list entry, from 1.
        problems: The problems of single values.
    """

    content: object
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line of the value at `path`, or of the nearest level above it."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return None


def path_text(path: KeyPath) -> str:
    """Return a path as people write it: `ingestion_plans[0].selectors[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_document(text: str, name: str, environment: Mapping[str, str]) -> Document:
    """Read a YAML text.

    Args:
        text: The content of the file.
        name: The name of the file in error messages.
        environment: The variables for `!ENV`.

    Raises:
        ConfigurationError: It is no YAML, or much too large. Problems of single values are in the result.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(
            f"{name}: it has {len(text):,} characters, and {MAX_CHARACTERS:,} is the most; is it another file?"
        )
    try:
        # This refuses a control character, with an error that has no line.
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(
            f"{name}:{line}: there is a control character, which YAML does not allow; remove it."
        ) from None
    try:
        try:
            root = loader.get_single_node()
            reading = _Reading(loader, environment)
            content = None if root is None else reading.value(root, ())
        finally:
            loader.dispose()
    # Not `from` the cause: PyYAML's errors show the lines around the place, which may have secrets.
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_syntax_message(error, name)) from None
    except RecursionError:
        raise ConfigurationError(f"{name}: it has far too many levels.") from None
    except _TooLarge as error:
        raise ConfigurationError(f"{name}: {error}") from None
    except (ValueError, OverflowError):  # a character by its number, and there is none: "\U00110000"
        raise ConfigurationError(
            f"{name}:{loader.line + 1}: a text in double quotes has an escape for a character that does not exist; "
            "put the text in single quotes, or write \\\\ for \\."
        ) from None
    return Document(content, reading.lines, tuple(reading.problems))


def _syntax_message(error: yaml.MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    place = "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"
    what = error.problem or "it cannot be read"
    if any(word in what for word in ("alias", "anchor", "handle")):
        # The name is a piece of the file: `password: *hunter2` is an undefined alias 'hunter2'.
        what = re.sub(r"'.*'", "…", what, flags=re.DOTALL)
    hint = ""
    if r"'\t'" in what:
        hint = " Indent with blanks instead of tabs."
    elif any(word in what for word in ("alias", "anchor", "handle", "cannot start any token")):
        hint = " A text that begins with * & ! % @ or ` needs quotes around it."
    elif mark is not None and "mapping values are not allowed" in what:
        hint = " Is a line before it indented differently, or does a text with ': ' in it lack quotes?"
    elif "another document" in what:
        hint = " A config file is one document: remove the line ---."
    context = f" ({error.context})" if error.context and "'" not in error.context and '"' not in error.context else ""
    return f"{name}{place}: this is not valid YAML: {what}{context}.{hint}"


class _TooLarge(Exception):
    """The file has too many values or levels."""


class _Loader(yaml.SafeLoader):
    """Only parses. `_Reading` makes the values, as it has the path and line of each."""

    # A copy without the number formats of YAML 1.1. The usual ones are added below.
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to configure a loader
        first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}int" and tag != f"{_TAG}float"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803 - PyYAML's name
        # PyYAML checks each open bracket for each token, so many brackets would take very long.
        if self.flow_level > MAX_DEPTH:
            raise _TooLarge(f"it has more than {MAX_DEPTH} levels (line {self.line + 1}).")
        super().fetch_flow_collection_start(TokenClass)

    def add_indent(self, column: int) -> bool:
        if len(self.indents) > 2 * MAX_DEPTH:  # a list in a mapping may have both on one level
            raise _TooLarge(f"it has more than {MAX_DEPTH} levels (line {self.line + 1}).")
        return bool(super().add_indent(column))


_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"^[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+][0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"),
    list("-+0123456789."),
)

_CODES = frozenset({"NO", "ON"})
"""Codes of a country or a region, which YAML 1.1 reads as false and true."""

_SCALARS = frozenset({"null", "bool", "int", "float", "timestamp", "binary"})


class _Reading:
    """One walk over the nodes of a file."""

    def __init__(self, loader: _Loader, environment: Mapping[str, str]) -> None:
        self._loader = loader
        self._environment = environment
        self._values = 0
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        """Return the value of a node, and note its problems."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise _TooLarge(f"it has more than {MAX_VALUES:,} values, its aliases expanded.")
        if len(path) > MAX_DEPTH:
            raise _TooLarge(f"it has more than {MAX_DEPTH} levels.")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.tag == "!ENV":
            return self._environment_value(node, path)
        match node:
            case yaml.MappingNode() if node.tag == f"{_TAG}map":
                return self._mapping(node, path)
            case yaml.SequenceNode() if node.tag == f"{_TAG}seq":
                return [self.value(each, (*path, index)) for index, each in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, path)
        return self._unknown_tag(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[object, object]:
        own: dict[object, object] = {}
        merged: dict[object, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for inherited in self._merged(value_node, path):
                    merged = {**inherited, **merged}  # of several, the first counts
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._note(path, "a key must be a single value.", key_node)
                continue
            key = self._key(key_node, path)
            inner = (*path, key_node.value)
            if key in own:
                first = self.lines.get(inner)
                self._note(inner, f"this key is there twice, first on line {first}; remove one.", key_node)
                continue
            self.lines[inner] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, inner)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: KeyPath) -> Iterator[dict[object, object]]:
        several = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for each in several:
            if isinstance(each, yaml.MappingNode) and each.tag == f"{_TAG}map":
                # One level deeper, so that a mapping that merges itself comes to an end.
                value = self.value(each, (*path, "<<"))
                assert isinstance(value, dict)
                yield value
            else:
                self._note(path, "<< must be followed by a mapping, or a list of mappings.", each)

    def _key(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        if "configuration" in path and node.tag == f"{_TAG}int":
            return self._scalar(node, path)
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        kind = node.tag.removeprefix(_TAG)
        if kind in {"str", "value"} or (kind == "bool" and node.value in _CODES):
            return str(node.value)
        if kind not in _SCALARS:
            return self._unknown_tag(node, path)
        construct: Any = getattr(self._loader, f"construct_yaml_{kind}")
        try:
            return construct(node)
        except (ValueError, LookupError, OverflowError, AttributeError, yaml.YAMLError):
            words = {"timestamp": "date", "int": "whole number", "float": "number", "bool": "truth value"}
            return self._lost(path, f"looks like a {words.get(kind, kind)}, and is none; put it in quotes.", node)

    def _environment_value(self, node: yaml.Node, path: KeyPath) -> object:
        if not isinstance(node, yaml.ScalarNode):
            return self._lost(path, "!ENV can only stand before a single text.", node)
        text: str = node.value
        if len(text) > MAX_ENV_CHARACTERS:
            return self._lost(path, f"has more than {MAX_ENV_CHARACTERS:,} characters, too many for !ENV.", node)
        found = list(_ENV.finditer(text))
        if not found or "${" in _ENV.sub("", text):
            return self._lost(path, '!ENV needs ${NAME} or ${NAME:default}, as in !ENV "${API_KEY}".', node)
        missing = [match[1] for match in found if match[1] not in self._environment and match[2] is None]
        if missing:
            names = ", ".join(f"'{name}'" for name in dict.fromkeys(missing))
            plural = "variables {} are" if len(set(missing)) > 1 else "variable {} is"
            return self._lost(
                path,
                f"the environment {plural.format(names)} not set; set it, put it into a .env file next to this one, "
                f"or give a default: ${{{missing[0]}:default}}.",
                node,
            )
        if "configuration" in path:
            # The variable may have any name: people keep credentials out of the file. In a URL only the secrets are
            # hidden.
            for match in found:
                value = self._environment.get(match[1], "")
                if "://" in value:
                    hide_url(value)
                elif not value.startswith(("/", "./", "../")):
                    hide(value)
        return _ENV.sub(lambda match: self._environment.get(match[1], match[2] or ""), text)

    def _unknown_tag(self, node: yaml.Node, path: KeyPath) -> object:
        return self._lost(
            path, "has an unknown tag; there is !ENV. A text that begins with ! needs quotes around it.", node
        )

    def _lost(self, path: KeyPath, message: str, node: yaml.Node) -> object:
        """Note a problem of a value that cannot be read. Returns None for the value."""
        self.problems.append(Problem(path, message, node.start_mark.line + 1, is_lost=True))
        return None

    def _note(self, path: KeyPath, message: str, node: yaml.Node) -> None:
        self.problems.append(Problem(path, message, node.start_mark.line + 1))
