from __future__ import annotations

import importlib.metadata

import pytest

from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy import registry, statsbomb
from ingestify.loaders.kloppy.registry import LOADERS, find_loader, loader_kinds


@pytest.fixture
def installed(monkeypatch):
    """Entry points of packages that are installed."""

    def install(**values: str) -> None:
        group = registry.ENTRY_POINT_GROUP
        points = [importlib.metadata.EntryPoint(name.replace("_", "."), value, group) for name, value in values.items()]
        monkeypatch.setattr(
            importlib.metadata, "entry_points", lambda group: [one for one in points if one.group == group]
        )
        registry._entry_points.cache_clear()

    yield install
    monkeypatch.undo()
    registry._entry_points.cache_clear()


def load_mine(files, kwargs):
    return files, kwargs


def test_an_installed_package_brings_loaders_for_what_is_not_built_in(installed):
    installed(mine_match=f"{__name__}:load_mine", statsbomb_match=f"{__name__}:load_mine")
    assert find_loader("mine", "match") is load_mine
    assert find_loader("statsbomb", "match") is statsbomb.load_match, "what is built in comes first"
    assert find_loader("mine", "tracking") is None
    assert loader_kinds() == sorted({"mine/match", *("/".join(kind) for kind in LOADERS)})


@pytest.mark.parametrize(
    ("value", "message"),
    [("no_such_package:load", "cannot be imported: ModuleNotFoundError"), (f"{__name__}:pytest", "must be a function")],
)
def test_a_package_whose_loader_is_none_is_named(installed, value, message):
    installed(mine_match=value)
    with pytest.raises(ConfigurationError, match=rf"The loader 'mine\.match' of an installed package .*{message}"):
        find_loader("mine", "match")
