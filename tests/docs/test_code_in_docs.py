"""The code in README.md and docs/ runs, against a simulated provider."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ingestify
from ingestify.sources import statsbomb_github
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

ROOT = Path(__file__).parent.parent.parent
BESIDE_DOCS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "examples/README.md",
]
DOCUMENTS = [*(ROOT / name for name in BESIDE_DOCS), *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"<!-- (run|file|command|example): (\S+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_PYTHON = re.compile(r"^```python$", re.MULTILINE)


def blocks(kind: str) -> list[tuple[str, str]]:
    return [
        (name, code)
        for document in DOCUMENTS
        for what, name, _, code in _BLOCK.findall(document.read_text(encoding="utf-8"))
        if what == kind
    ]


def test_every_python_block_is_one_that_runs():
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        marked = sum(language == "python" for _, _, language, _ in _BLOCK.findall(text))
        assert len(_ANY_PYTHON.findall(text)) == marked, f"{document} has Python that no test runs"


def test_the_code_of_an_example_is_in_it_as_the_page_shows_it():
    shown = blocks("example")
    assert shown
    for name, code in shown:  # tests/separate runs the examples
        assert code in (ROOT / name).read_text(encoding="utf-8"), f"{name} is another one than the docs show"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_code_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, code in blocks("file"):
        (tmp_path / name).write_text(code)
    with Simulator(Season(matches=4, seed=3, competition_id=43, season_id=106)) as provider:
        monkeypatch.setattr(statsbomb_github, "BASE_URL", provider.base_url)
        with ingestify.get_engine("config.yaml") as engine:
            engine.load()
        namespace: dict[str, object] = {}
        ran = []
        for name, code in blocks("run"):
            exec(compile(code, f"the block '{name}'", "exec"), namespace)
            ran.append(name)
        assert ran == [
            "open-data",
            "offer",
            "reading",
            "own-source",
            "consumer",
            "a-check",
            "a-check-that-warns",
            "a-secret-reader",
            "a-transformation",
            "an-event-reader",
            "a-subscriber",
            "where",
            "deliveries",
            "writing",
            "metrics",
            "an-older-project",
            "a-run-hook",
            "log-context",
            "orchestrators",
            "pictures",
            "a-data-frame",
            "as-it-was",
            "what-changed",
            "export",
            "many-matches",
            "json-documents",
            "map",
            "a-source",
            "a-loader",
            "an-archive",
            "a-policy",
            "tables",
            "sql",
            "lazy-table",
            "tutorial-provider",
            "tutorial-source",
            "tutorial-discover",
            "tutorial-fetch",
            "tutorial-again",
            "tutorial-correct",
            "tutorial-check",
            "tutorial-load",
            "tutorial-suite",
        ]
        assert namespace["exit_code"] == 0
        assert len(namespace["counts"]) == 4  # type: ignore[arg-type]
        assert namespace["wins"].metadata.row_count in range(1, 5)  # type: ignore[attr-defined]
    out = capsys.readouterr().out
    assert out.count(" shots\n") == 4
    assert out.count("revision_added") == 4


def test_the_yaml_of_the_readme_is_a_valid_configuration(tmp_path, monkeypatch):
    from ingestify.main.configuration import check_config

    for name, code in blocks("file"):
        (tmp_path / name).write_text(code)
    _, found = check_config(tmp_path / "config.yaml")
    assert found == "1 source, 1 ingestion plan"


def test_links_between_documents_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document} links to {target}"
