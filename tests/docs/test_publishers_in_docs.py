"""docs/publishers.md: each example is a valid configuration, and each publisher and each of its arguments is there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from ingestify.config.reader import read_settings
from ingestify.main.parts import check_publisher, make_publisher
from ingestify.publishers.registry import BUILT_IN, find_built_in

PAGE = (Path(__file__).parent.parent.parent / "docs" / "publishers.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- publisher: (\S+) -->\n```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in _VARIABLE.findall(EXAMPLES[name]):
        monkeypatch.setenv(variable, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
    main = "main: {metadata_url: 'sqlite:///catalog.db', file_url: 'file://files/'}\nsources: {}\n"
    (tmp_path / "config.yaml").write_text(main + EXAMPLES[name])
    publishers = read_settings(tmp_path / "config.yaml").event_publishers
    assert publishers
    for one in publishers:
        check_publisher(one)
        make_publisher(one).close()


def test_every_example_is_one_that_is_checked() -> None:
    assert len(re.findall(r"^```yaml$", PAGE, re.MULTILINE)) == len(EXAMPLES)


@pytest.mark.parametrize("type_name", BUILT_IN)
def test_a_publisher_is_documented_with_all_its_arguments(type_name: str) -> None:
    types = {one["type"] for text in EXAMPLES.values() for one in yaml.load(text, _Loader)["event_publishers"]}
    assert type_name in types, f"{type_name} has no example"
    assert re.search(rf"^\|.*`{re.escape(type_name)}`", PAGE, re.MULTILINE), f"{type_name} is not in the table"
    found = find_built_in(type_name)
    assert found is not None
    for argument in list(inspect.signature(found).parameters):
        assert re.search(rf"^\|.*`{argument}`.*\|.*\|", PAGE, re.MULTILINE), f"{type_name} has the argument {argument}"


class _Loader(yaml.SafeLoader):
    """Reads `!ENV` as its text."""


_Loader.add_constructor("!ENV", lambda loader, node: loader.construct_scalar(node))
