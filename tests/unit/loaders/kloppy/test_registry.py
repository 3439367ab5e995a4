from __future__ import annotations

import pytest

from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy.registry import LOADERS, find_loader, loader_kinds
from tests.support.installed_packages import Install


def load_mine(files, kwargs):
    return files, kwargs


def test_an_installed_package_brings_loaders_for_other_formats(install: Install):
    value = f"{__name__}:load_mine"
    install("loaders", {"ingestify.loaders": {"mine.match": value, "statsbomb.match": value}})
    assert find_loader("mine", "match") is load_mine
    assert find_loader("statsbomb", "match") is LOADERS["statsbomb", "match"], "what is built in comes first"
    assert find_loader("mine", "tracking") is None
    assert loader_kinds() == sorted({"mine/match", *("/".join(kind) for kind in LOADERS)})


@pytest.mark.parametrize(
    ("value", "message"),
    [("no_such_package:load", "cannot be imported: ModuleNotFoundError"), (f"{__name__}:pytest", "must be a function")],
)
def test_a_package_whose_loader_is_none_is_named(install: Install, value, message):
    install("loaders", {"ingestify.loaders": {"mine.match": value}})
    title = r"The loader 'mine\.match' of the installed package loaders 1\.0"
    with pytest.raises(ConfigurationError, match=f"{title} .*{message}"):
        find_loader("mine", "match")
