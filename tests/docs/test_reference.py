"""What the code has is documented: names are found in the code, never listed here by hand."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ingestify
from ingestify import DomainEvent, consume, quality
from ingestify.domain import events

from .test_code_in_docs import DOCUMENTS, ROOT

DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "ingestify"
CODE = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.txt")]


def site_module(name: str) -> ModuleType:
    """Import a module of docs/site, which is no package. Its modules import each other as scripts do."""
    if str(DOCS / "site") not in sys.path:
        sys.path.append(str(DOCS / "site"))
    spec = importlib.util.spec_from_file_location(f"docs_site_{name}", DOCS / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_code(pattern: str) -> set[str]:
    """Find what a pattern captures anywhere in the package."""
    return {found for path in CODE for found in re.findall(pattern, path.read_text(encoding="utf-8"))}


def text_of(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


WRITTEN = site_module("reference").written_files()


@pytest.mark.parametrize("path", WRITTEN)
def test_what_is_written_from_the_code_is_as_the_code_says(path: str):
    """Every setting is in docs/settings.md, every command and option in docs/commands.md, every key in docs/json.md."""
    assert (ROOT / path).read_text(encoding="utf-8") == WRITTEN[path], f"{path} is out of date: run  make reference"


def test_the_example_has_no_file_besides_those_that_init_writes():
    kinds = {Path(path).suffix for path in WRITTEN if path.startswith("examples/")}
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "examples" / "my_provider").rglob("*")}
    assert {path for path in there if Path(path).suffix in kinds} == {p for p in WRITTEN if p.startswith("examples/")}


def test_there_is_no_schema_of_an_event_besides_those_that_are_written():
    there = {path.relative_to(ROOT).as_posix() for path in SOURCE.glob("*/schemas/*")}
    assert there == {path for path in WRITTEN if "/schemas/" in path}


def test_each_domain_event_is_documented():
    public = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, DomainEvent)]
    kinds = {one for one in public if not one.__subclasses__()}  # the others are what some of them have in common
    assert len(kinds) > 10
    text = text_of(DOCS / "events.md")
    assert {one for one in kinds if one.__name__ not in text and one.event_type not in text} == set()


def test_each_group_of_entry_points_is_documented():
    groups = in_code(r'_GROUP = "(ingestify\.\w+)"')
    assert len(groups) >= 6
    assert {group for group in groups if f"`{group}`" not in text_of(DOCS / "plugins.md")} == set()


def test_each_environment_variable_is_documented():
    variables = in_code(r'"(INGESTIFY_[A-Z_]+)"')
    assert len(variables) >= 4
    assert {name for name in variables if name not in text_of(*DOCS.rglob("*.md"))} == set()


def test_the_reference_has_exactly_the_public_names():
    named = re.findall(r"^::: (ingestify\.\S+)$", text_of(*(DOCS / "reference").glob("*.md")), re.MULTILINE)
    of_tests = {name for name in named if name.startswith("ingestify.testing.")}
    public = {f"ingestify.{name}" for name in ingestify.__all__ if name != "__version__"}
    documents = {f"ingestify.documents.{path.stem}" for path in (SOURCE / "documents").glob("[a-z]*.py")}
    of_consumers = {f"ingestify.consume.{name}" for name in consume.__all__}
    of_quality = {f"ingestify.quality.{name}" for name in quality.__all__}
    of_orchestrators = names_of_orchestrators()
    assert sorted(named) == sorted(public | of_tests | documents | of_consumers | of_quality | of_orchestrators)
    assert {name.rpartition(".")[0] for name in of_tests} == tools_for_tests()


def test_each_member_that_the_reference_chooses_is_there():
    text = text_of(*(DOCS / "reference").glob("*.md"))
    chosen = re.findall(
        r"^::: ingestify\.(\w+)\n    options:\n      members:\n((?:        - \w+\n)+)", text, re.MULTILINE
    )
    assert len(chosen) == text.count("members:")
    for name, members in chosen:
        for member in re.findall(r"\w+", members):
            assert hasattr(getattr(ingestify, name), member), f"{name}.{member}"


def names_of_orchestrators() -> set[str]:
    """The public names of the rooms of orchestrators, which are not installed here."""
    found = set()
    for path in (SOURCE / "orchestrators").rglob("__init__.py"):
        room = ".".join(path.parent.relative_to(SOURCE.parent).parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found |= {f"{room}.{name}" for name in ast.literal_eval(node.value)}
    return found


def tools_for_tests() -> set[str]:
    """Return the modules of `ingestify.testing` that README.md, docs/ and the package for a source name."""
    pages = [*DOCUMENTS, *(SOURCE / "config").rglob("*.txt")]
    return {module for page in pages for module in re.findall(r"ingestify\.testing\.\w+", page.read_text("utf-8"))}


def test_each_decision_is_listed():
    listed = text_of(DOCS / "decisions" / "README.md")
    for path in (DOCS / "decisions").glob("0*.md"):
        title = path.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2]
        assert f"[{title}]({path.name})" in listed


def test_each_path_that_a_page_names_is_there():
    """Below the repository, the package or the tests; a name in capitals stands for any."""
    roots = (ROOT, SOURCE, ROOT / "tests")
    rooms = {path.name for root in roots for path in root.iterdir() if path.is_dir()}
    for document in DOCUMENTS:
        for path in re.findall(r"`([\w.-]+/[\w./-]*)`", document.read_text(encoding="utf-8")):
            if path.partition("/")[0] in rooms and not re.search(r"[A-Z]{3,}", path):
                assert any((root / path).exists() for root in roots), f"{document} names {path}"


def test_each_command_of_make_that_is_named_is_there():
    makefile = text_of(ROOT / "Makefile")
    named = set(re.findall(r"`make ([a-z-]+)", text_of(*DOCUMENTS)))
    for path in [ROOT / ".ci" / "run", *(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]:
        text = path.read_text(encoding="utf-8")
        for names in re.findall(r"\bmake (?:--no-print-directory )?((?:[a-z][a-z-]* ?)+)", text):
            named |= set(names.split())
        for names in re.findall(r"command: \[(.+)\]", text):
            named |= set(names.split(", "))
    assert {"test", "lint", "docs"} <= named
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()
