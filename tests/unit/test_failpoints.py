"""Failpoints: what the variable may say, and that nothing happens without it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

import ingestify
from ingestify.errors import ConfigurationError
from ingestify.failpoints import NAMES, failpoint, installed, parse


def test_without_any_nothing_happens():
    for name in NAMES:
        failpoint(name)


def test_an_installed_function_is_called_at_its_place_only():
    called = []
    with installed({"commit.begun": lambda: called.append(1)}):
        failpoint("commit.begun")
        failpoint("commit.done")
    failpoint("commit.begun")
    assert called == [1]


def test_an_error_is_raised_from_the_wanted_time_on():
    with installed(parse(" staging.synced=error:ENOSPC@3, commit.begun=sleep:0 ")):
        failpoint("staging.synced")
        failpoint("staging.synced")
        failpoint("commit.begun")
        for _ in range(2):
            with pytest.raises(OSError, match="No space") as raised:
                failpoint("staging.synced")
            assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "text",
    [
        "commit.begun",
        "commit.begun=",
        "commit.begun=kill@0",
        "commit.begun=kill@x",
        "commit.begun=error:NONE",
        "commit.begun=sleep:-1",
        "commit.begun=sleep:x",
        "commit.begun=nap",
        "commit.begun=kill:now",
    ],
)
def test_what_is_not_understood_is_named(text: str):
    with pytest.raises(ConfigurationError, match=re.escape(text)):
        parse(text)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"'commit\.near'; there are job\.begun"):
        parse("commit.near=kill")
    with pytest.raises(ConfigurationError), installed({"commit.near": lambda: None}):
        pass


def test_every_name_stands_somewhere_in_the_code_and_every_place_has_a_name():
    code = "\n".join(path.read_text() for path in Path(ingestify.__file__).parent.rglob("*.py"))
    assert set(re.findall(r'failpoint\("([^"]+)"\)', code)) == set(NAMES)
