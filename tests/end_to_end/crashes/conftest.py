"""What the tests of crashes share."""

from __future__ import annotations

import pytest

from tests.support.command_line import CommandLine, shared_command_line


@pytest.fixture
def command_line() -> CommandLine:
    return shared_command_line()
