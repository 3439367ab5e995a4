"""Rooms below the command line say what can be done next by a remedy's key, and not as a command that they spell."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ingestify
from ingestify.cli.app import COMMANDS

PACKAGE = Path(ingestify.__file__).parent
LOWER = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "cli" and path.name != "remedies.py"]
COMMAND = re.compile(rf"['`]ingestify ({'|'.join(COMMANDS)})\b|  ingestify ({'|'.join(COMMANDS)})\b")
WRITTEN = {"config/template.py", "config/source_project.py"}
"""What these hold is written into files for people at a command line."""


@pytest.mark.parametrize("room", sorted({path.relative_to(PACKAGE).parts[0] for path in LOWER}))
def test_no_message_below_the_command_line_spells_a_command(room):
    for path in LOWER:
        if path.relative_to(PACKAGE).parts[0] != room or path.relative_to(PACKAGE).as_posix() in WRITTEN:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                assert not COMMAND.search(node.value), f"{path}:{node.lineno}"
