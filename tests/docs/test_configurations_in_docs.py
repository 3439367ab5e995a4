"""Each config.yaml in docs/ that is marked as one is read, checked, and its sources are made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestify.main.configuration import check_config

DOCS = Path(__file__).parent.parent.parent / "docs"
_BLOCK = re.compile(r"<!-- config: (\S+) -->\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAIN = re.compile(r"^```yaml\nmain:", re.MULTILINE)

CONFIGURATIONS = {
    f"{document.stem}-{name}": text
    for document in sorted(DOCS.rglob("*.md"))
    for name, text in _BLOCK.findall(document.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_in_the_docs_is_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", CONFIGURATIONS[name]):
        monkeypatch.setenv(variable, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
    (tmp_path / "config.yaml").write_text(CONFIGURATIONS[name])
    _, found = check_config(tmp_path / "config.yaml")
    assert "source" in found


def test_those_of_the_sources_without_code_are_among_them() -> None:
    assert {"rest-statsbomb", "rest-paged", "files-folder", "files-servers"} <= CONFIGURATIONS.keys()
