"""Checks what a command writes with --json against the shapes that it names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

import click
import msgspec

from ingestify.cli.app import app
from ingestify.cli.options import JsonOption


def check_json(arguments: Sequence[str], out: str) -> None:
    """Fail if a line of JSON has other keys than its shape, a value of another type, or keys in another order."""
    shapes = shapes_of(arguments)
    if "--json" not in arguments or "--schema" in arguments or not shapes:
        return
    for line in out.splitlines():
        document = json.loads(line)
        shape = shape_of(document, shapes)
        typed = msgspec.convert(document, shape)  # which ignores keys that the shape has not
        assert keys_of(typed) == keys_of(document), shape
        assert list(document) == [key for key in shape_keys(shape) if key in document]


def shapes_of(arguments: Sequence[str]) -> Sequence[type]:
    """Return the shapes that the command of these arguments names; () if it has no --json."""
    command: click.Command = app
    for name in arguments:
        if isinstance(command, click.Group) and name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
    return next((option.shapes for option in command.params if isinstance(option, JsonOption)), ())


def shape_of(document: dict[str, Any], shapes: Sequence[type]) -> type:
    """Return the shape of a document, by its `event` if there are several."""
    if len(shapes) == 1:
        return shapes[0]
    (found,) = [shape for shape in shapes if document["event"] in get_args(get_type_hints(shape)["event"])]
    return found


def shape_keys(shape: type) -> list[str]:
    return sorted(shape.__annotations__, key=lambda key: key != "event")


def keys_of(value: object) -> object:
    """Return the keys of all dictionaries, so that two documents can be compared without their values."""
    if isinstance(value, dict):
        return {key: keys_of(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [keys_of(one) for one in value]
    return None
