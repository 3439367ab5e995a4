"""Writes pages and pictures of docs/, the JSON Schemas of events, and examples/my_provider, for `make reference`.

The words are those of `ingestify config schema`, of `--help`, of the docstrings in `ingestify.documents` and
`ingestify.events.payload`, and of `ingestify init --source my_provider`: to change one, change it there. A test
compares what is written here with the code.
"""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import click
from event_schemas import schema_files, texts_of_keys
from pictures import picture_files
from pydantic import BaseModel

from ingestify.cli.app import app
from ingestify.cli.options import JsonOption
from ingestify.config.settings import Settings
from ingestify.config.source_project import source_project
from ingestify.documents import datasets, keeping, runs, sources, tables, watching
from ingestify.sources.files.settings import FilesDeclaration
from ingestify.sources.push.settings import PushDeclaration
from ingestify.sources.rest.settings import RestDeclaration
from ingestify.telemetry.table import METRICS, Metric, Scope

__all__ = ["ROOT", "written_files"]

ROOT = Path(__file__).resolve().parents[2]

_SETTINGS_TOP = """\
# Settings

Every key of `config.yaml`, with its default. `ingestify init` writes a file with comments, `ingestify config check`
says what is wrong with one, and [configuration.md](configuration.md) has what takes more than a line. The keys
below `configuration` are each source's own. Those of the two sources without code are below; for the others, ask
`ingestify sources describe NAME`.

In the headings, `NAME` and `KEY` stand for a name of yours, and `[]` for each entry of a list.
"""

_COMMANDS_TOP = """\
# Commands

What `ingestify COMMAND --help` says, on one page. Data goes to stdout, everything else to stderr; with `--json` it is
JSON Lines, whose keys are in [json.md](json.md). The exit codes are in the
[README](../README.md#five-minutes-for-the-engineer).
"""

_JSON_TOP = """\
# JSON of the commands

The keys of what a command writes with `--json`: a line for each object. A command that writes several kinds of lines
says in `event` which one it is. A time is a text as in ISO 8601, in UTC. New keys may come; those that are here stay.

In Python, `ingestify.documents` has these shapes as types, and the functions that make them:
[JSON documents](reference/documents.md).

`ingestify sources competitions` and `matches` write the columns of their table instead, which depend on the provider.
"""

_SHARED_COUNT = 20
"""An option that so many commands have is described once."""
_WIDTH = 120


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [_SETTINGS_TOP, *_tables(Settings, "## The file")]
    declarations = {
        "ingestify.rest": RestDeclaration,
        "ingestify.files": FilesDeclaration,
        "ingestify.push": PushDeclaration,
    }
    for name, declaration in declarations.items():
        parts += _tables(declaration, f"## `configuration` of `{name}`")
    return "\n".join(parts).rstrip() + "\n"


def _tables(model: type[BaseModel], heading: str) -> list[str]:
    """Return a table for each section of a model; one that several keys have is there once."""
    schema = model.model_json_schema()
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for path, node in _sections(schema, schema, ""):
        found.setdefault(node["title"], (node, []))[1].append(path)
    (top, _), *others = found.values()
    tables = [_table(schema, top, heading)]
    for node, paths in others:
        path = paths[0] if len(paths) == 1 else paths[0].rpartition(".")[2]
        tables.append(_table(schema, node, f"### `{path}`"))
    return tables


def _sections(schema: dict[str, Any], node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find a section, and each one below it, by its path."""
    node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if "properties" in node:
        kind = node["properties"].get("type", {}).get("const")
        yield (f"{path}: {{type: {kind}}}" if kind else path), node
        for key, below in node["properties"].items():
            yield from _sections(schema, below, f"{path}.{key}" if path else key)
    for option in [*node.get("anyOf", ()), *node.get("oneOf", ())]:
        yield from _sections(schema, option, path)
    if isinstance(node.get("additionalProperties"), dict):
        name = "KEY" if path.endswith("_keys") else "NAME"
        yield from _sections(schema, node["additionalProperties"], f"{path}.{name}")
    if "items" in node:
        yield from _sections(schema, node["items"], f"{path}[]")


def _table(schema: dict[str, Any], node: dict[str, Any], heading: str) -> str:
    required = node.get("required", ())
    rows = [
        f"| `{key}` | {'**needed**' if key in required else _default(below)} | {_description(schema, below)} |"
        for key, below in node["properties"].items()
    ]
    return "\n".join([heading, "", node["description"], "", "| key | default | |", "|---|---|---|", *rows, ""])


def _default(node: dict[str, Any]) -> str:
    default = node.get("default")
    if default in (None, [], {}) or isinstance(default, dict):
        return ""
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text}`" if text else "empty"


def _description(schema: dict[str, Any], node: dict[str, Any]) -> str:
    if "description" in node or "$ref" not in node:
        return _cell(node.get("description", ""))
    return _cell(schema["$defs"][node["$ref"].rpartition("/")[2]].get("description", ""))


def commands_page() -> str:
    """Return docs/commands.md."""
    commands = list(_commands(app, ()))
    records = [_options(command) for _, command in commands]
    counted = [record for options in records for record in options]
    shared = [record for record in dict.fromkeys(counted) if counted.count(record) >= _SHARED_COUNT]
    parts = [_COMMANDS_TOP, "## Options of many commands", "", *_option_table(shared)]
    for (path, command), options in zip(commands, records, strict=True):
        context = click.Context(command, info_name=" ".join(("ingestify", *path)), terminal_width=_WIDTH)
        parts += [f"## `{context.info_name}`", "", "```", command.get_usage(context).removeprefix("Usage: "), "```", ""]
        parts += [" ".join(paragraph.split()) + "\n" for paragraph in (command.help or "").split("\n\n")]
        parts += _option_table([option for option in options if option not in shared])
        if also := [option[0].split()[0].rstrip(",") for option in options if option in shared]:
            parts += ["Also: " + ", ".join(f"`{option}`" for option in also) + ".", ""]
        if shapes := _shapes(command):
            named = ", ".join(f"[{shape.__name__}](json.md#{shape.__name__.lower()})" for shape in shapes)
            parts += [f"With `--json`: {named}.", ""]
    return "\n".join(parts).rstrip() + "\n"


def _shapes(command: click.Command) -> Sequence[type]:
    """Return the shapes of what a command writes with --json."""
    return next((option.shapes for option in command.params if isinstance(option, JsonOption)), ())


def json_page() -> str:
    """Return docs/json.md: the shapes in the order of the commands, and after each one the shapes in it."""
    found: dict[type, None] = {}
    for _, command in _commands(app, ()):
        for shape in _shapes(command):
            _add_shapes(shape, found)
    return "\n".join([_JSON_TOP, *(line for shape in found for line in _shape_table(shape))]).rstrip() + "\n"


def _add_shapes(annotation: Any, found: dict[type, None]) -> None:
    if not is_typeddict(annotation):
        for inner in get_args(annotation):
            _add_shapes(inner, found)
    elif annotation not in found:
        found[annotation] = None
        for inner in get_type_hints(annotation).values():
            _add_shapes(inner, found)


def _shape_table(shape: Any) -> list[str]:
    hints, texts = get_type_hints(shape), _key_texts(shape)
    keys = sorted(shape.__annotations__, key=lambda key: key != "event")
    rows = [f"| `{key}` | {_json_type(hints[key])} | {_cell(texts.get(key, ''))} |" for key in keys]
    text = " ".join(inspect.cleandoc(shape.__doc__).partition("\n\n")[0].split())
    return [f"## {shape.__name__}", "", text, "", "| key | | |", "|---|---|---|", *rows, ""]


def _key_texts(shape: Any) -> dict[str, str]:
    """Return what the docstring of a shape, and those of the shapes that it extends, say of each key."""
    texts: dict[str, str] = {}
    for module in (datasets, keeping, runs, sources, tables, watching):
        for other in vars(module).values():
            if is_typeddict(other) and other.__annotations__.items() <= shape.__annotations__.items():
                texts |= texts_of_keys(other)
    return texts


_JSON_TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dt.datetime: "time",
    types.NoneType: "null",
    Any: "any value",
}


def _json_type(annotation: Any) -> str:
    """Return the JSON type of a key in a few words."""
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_json_type(one) for one in arguments)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if get_origin(annotation) in (Sequence, list):
        return f"list of {_json_type(arguments[0])}"
    if get_origin(annotation) is Mapping:
        return "object" if arguments[1] is Any else f"object of {_json_type(arguments[1])}"
    if is_typeddict(annotation):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return ", ".join(f"`{one.value}`" for one in annotation)
    return _JSON_TYPES[annotation]


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _commands(below, (*path, name))


def _options(command: click.Command) -> list[tuple[str, str]]:
    context = click.Context(command)
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    return [record for record in records if record is not None]


def _option_table(options: list[tuple[str, str]]) -> list[str]:
    if not options:
        return []
    rows = [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in options]
    return ["| option | |", "|---|---|", *rows, ""]


def _cell(text: str) -> str:
    """Return a text for one cell of a table, in which only `code` is Markdown."""
    return " ".join(text.split()).replace("|", r"\|").replace("*", r"\*")


_TABLE_OF_METRICS = re.compile(r"(?<=<!-- written from the code: the metrics -->\n).*?(?=<!-- end -->)", re.DOTALL)


def metrics_page() -> str:
    """Return docs/metrics.md with its table anew; the other text stays."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = "".join(
        f"\n**Of {scope}**\n\n| in OpenTelemetry, in Prometheus | kind, unit | labels | |\n|---|---|---|---|\n"
        + "".join(map(_row_of_metric, (one for one in METRICS if one.scope is scope)))
        for scope in Scope
    )
    found, count = _TABLE_OF_METRICS.subn(lambda _: f"{rows}\n", page)
    assert count == 1, "docs/metrics.md has a place for the table"
    return found


def _row_of_metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return (
        f"| `{metric.name}`<br>`{metric.prometheus_name}` | {metric.kind}, {metric.unit.strip('{}')} | {labels} | "
        f"{metric.help} |\n"
    )


def written_files() -> dict[str, str]:
    """Return what is written from the code: path in the repository to text."""
    example = {f"examples/my_provider/{path}": text for path, text in source_project("my_provider").items()}
    pages = {
        "settings": settings_page(),
        "commands": commands_page(),
        "json": json_page(),
        "metrics": metrics_page(),
    }
    return {**{f"docs/{name}.md": page for name, page in pages.items()}, **schema_files(), **picture_files(), **example}


if __name__ == "__main__":
    for _path, _text in written_files().items():
        (ROOT / _path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / _path).write_text(_text, encoding="utf-8")
