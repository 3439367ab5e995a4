"""What a person at a terminal or a notebook sees of a call in Python, and that nobody else does."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify.engine.calls import shown_run
from ingestify.progress import display
from ingestify.progress.formatting import summary_line
from tests.support.lake_in_memory import FunctionSource, Lake, match

TERMS = "fake: CC BY 4.0 · Fake et al., 2024."


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A source of two matches, whose terms this process has not told yet."""
    monkeypatch.setattr(shown_run, "_told_terms", set())
    source = FunctionSource(lambda **_: [match(1), match(2)])
    source.licence, source.attribution = "CC BY 4.0", "Fake et al., 2024."
    made = Lake(source)
    yield made
    made.engine.close()


def load(lake: Lake, **options: Any) -> None:
    lake.engine.load(**options)


def read(lake: Lake, **options: Any) -> None:
    assert len(list(lake.engine.iter_datasets(auto_ingest=True, **options))) == 2


def stream(lake: Lake, **options: Any) -> None:
    assert len(list(lake.engine.iter_datasets(auto_ingest={"streaming": True}, **options))) == 2


@pytest.mark.parametrize("call", [load, read, stream])
def test_a_run_ends_with_the_commands_line_and_the_terms_once(two: Lake, call: Any, capsys):
    call(two)
    assert capsys.readouterr() == ("", ""), "nobody looks at a test"
    call(two, progress=False)
    assert capsys.readouterr() == ("", "")
    call(two, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert two.engine.last_report is not None
    assert err.splitlines()[0] == summary_line(two.engine.last_report)
    assert TERMS not in err, "it was logged when nobody looked"


@pytest.mark.parametrize("call", [load, stream])
def test_the_terms_are_shown_on_first_use(two: Lake, call: Any, capsys):
    two.engine.load(dry_run=True, progress=True)
    assert TERMS not in capsys.readouterr().err
    call(two, progress=True)
    assert capsys.readouterr().err.splitlines()[-1] == TERMS
    call(two, progress=True)
    assert TERMS not in capsys.readouterr().err


def test_the_last_line_is_there_for_whom_leaves_a_stream_too(two: Lake, capsys):
    for _ in two.engine.iter_datasets(auto_ingest={"streaming": True}, progress=True):
        break
    assert two.engine.last_report is not None
    assert summary_line(two.engine.last_report) in capsys.readouterr().err.splitlines()


def test_a_loop_says_how_many_it_has_gone_through(two: Lake, capsys):
    two.engine.load()
    assert len(list(two.engine.iter_datasets(progress=True, dataset_type="match"))) == 2
    assert capsys.readouterr().err.startswith("2 of 2 matches read · 0:")
    (both,) = two.engine.iter_datasets(progress=True, yield_dataset_collection=True)
    assert len(both) == 2
    assert capsys.readouterr().err.startswith("2 of 2 datasets read · 0:")
    for number, _ in enumerate(two.engine.iter_datasets(progress=True)):
        if number == 1:
            break
    assert capsys.readouterr().err.startswith("1 of 2 datasets read · 0:")


# ---- a notebook --------------------------------------------------------------------------------------------


class Notebook:
    """The outputs of a cell, as IPython's `display` makes and updates them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs: list[list[str]] = []
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
        shown = types.ModuleType("IPython.display")
        shown.display = self._display
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", shown)
        monkeypatch.setattr(display, "REFRESH_SECONDS", 0.001)

    def _display(self, content: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        output = [content["text/plain"]]
        self.outputs.append(output)
        return types.SimpleNamespace(update=lambda content, raw: output.append(content["text/plain"]))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing says that this is a test, in which nobody looks."""
    for name in ("PYTEST_CURRENT_TEST", "CI", "INGESTIFY_NO_PROGRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("call", [load, read, stream])
def test_in_a_notebook_the_line_becomes_the_last_one(two: Lake, call: Any, notebook: Notebook, monkeypatch, capsys):
    call(two)
    assert notebook.outputs == [], "a test is no notebook"
    shown_run._told_terms.clear()
    forget(monkeypatch)
    call(two)
    (output,) = notebook.outputs
    assert output[0] == "starting"
    assert two.engine.last_report is not None
    assert output[-1] == f"{summary_line(two.engine.last_report)}\n{TERMS}"
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook_nothing_is_left_of_a_line_that_an_error_ended(two: Lake, notebook: Notebook, monkeypatch):
    forget(monkeypatch)

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("ingestify.engine.run.run.IngestionRun.execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        two.engine.load()
    ((*_, last),) = notebook.outputs
    assert last == ""
