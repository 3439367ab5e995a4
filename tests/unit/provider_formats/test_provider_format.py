from __future__ import annotations

import pytest

from ingestify.errors import ConfigurationError
from ingestify.provider_formats.built_in import FORMATS, check_loader, find_format
from ingestify.provider_formats.provider_format import FormatFeed
from tests.support.installed_packages import Install

PARTS = FormatFeed("ball", "ball_feeds", has_parts=True)
EITHER = FormatFeed("f24", "f24_data", other_name="f73")


def test_parts_are_in_the_order_of_their_numbers():
    there = ["ball-1-10", "balloon", "ball-2-1", "centroids-1-1", "ball-1-2", "ball-1-10"]
    assert PARTS.find_names(there) == ["ball-1-2", "ball-1-10", "ball-2-1"]
    assert PARTS.find_names(["ball"]) == ["ball"]
    assert [PARTS.part_of(one) for one in ("ball", "ball-1-10")] == ["", "1-10"]


def test_of_two_names_the_first_counts():
    assert EITHER.find_names(["f73", "f7", "f24"]) == ["f24"]
    assert EITHER.find_names(["f7", "f73"]) == ["f73"]
    assert EITHER.find_names(["f7", "f24-1"]) == []


def test_a_complete_dataset_has_one_of_the_names():
    opta, hawkeye = FORMATS["opta", "match"].bundle_type, FORMATS["hawkeye", "tracking"].bundle_type
    assert opta.lacking(["f7", "f73"]) == ()
    assert opta.lacking(["f7", "f1"]) == ("f24|f73",)
    assert hawkeye.lacking(["ball-1-1", "centroids-1-1"]) == ()
    assert hawkeye.lacking(["balls", "centroids"]) == ("ball|ball-*",)
    assert hawkeye.can_do_without("metadata")
    assert not hawkeye.can_do_without("ball-1-1")


def test_each_format_names_each_argument_once():
    for one in FORMATS.values():
        assert len({feed.argument for feed in one.feeds}) == len({feed.name for feed in one.feeds}) == len(one.feeds)
        assert one.function.partition(".")[2]


def test_each_argument_is_one_of_kloppys():
    pytest.importorskip("kloppy", reason="the extra kloppy is not installed")
    import importlib
    import inspect

    for one in FORMATS.values():
        module, _, function = one.function.partition(".")
        parameters = inspect.signature(getattr(importlib.import_module(f"kloppy.{module}"), function)).parameters
        required = {name for name, of in parameters.items() if of.default is of.empty}
        arguments = {feed.argument: feed.is_optional for feed in one.feeds}
        assert required <= arguments.keys() <= parameters.keys(), one.function
        assert not any(arguments[name] for name in required), one.function


@pytest.mark.parametrize(
    ("loader", "dataset_type", "message"),
    [
        ("otpa", "match", "there is no loader 'otpa'; did you mean 'opta'"),
        ("nobody", "match", "there is no loader 'nobody'; of the type 'match' there are datafactory, impect, "),
        ("nobody", "video", r"there is no loader 'nobody'\."),
        ("opta", "tracking", "the loader 'opta' reads no datasets of the type 'tracking'; it reads match"),
    ],
)
def test_a_loader_that_there_is_not_is_refused(loader, dataset_type, message):
    with pytest.raises(ConfigurationError, match=message):
        check_loader(loader, dataset_type)


def test_that_of_an_installed_package_is_one(install: Install):
    install("loaders", {"ingestify.loaders": {"mine.match": "my_package:load"}})
    check_loader("mine", "match")
    assert find_format("mine", "match") is None
    with pytest.raises(ConfigurationError, match="'mine' reads no datasets of the type 'tracking'; it reads match"):
        check_loader("mine", "tracking")
