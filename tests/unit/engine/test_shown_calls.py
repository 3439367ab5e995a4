"""What a person at a terminal or a notebook sees of a call in Python, and that nobody else does."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify import ConfigurationError
from ingestify.engine.calls import shown_run
from ingestify.progress import display
from ingestify.progress.formatting import summary_line
from tests.support.damaged_lake import DamagedLake
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


# ---- keeping a lake ----------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path) -> Iterator[DamagedLake]:
    made = DamagedLake(tmp_path / "lake")
    made.fill()
    made.path(1, "events").write_bytes(b"<b>")
    yield made
    made.engine.close()


def test_verify_returns_a_table_of_what_is_wrong_and_repair_mends_it(damaged: DamagedLake, capsys):
    found = damaged.engine.verify(progress=True)
    assert found.line.endswith(": 1 damage")
    assert capsys.readouterr().err == f"{found.line}\n"
    (damage,) = found.left
    assert repr(found) == f"VerifyReport({found.line}; the first: truncated: {damage.where}: {damage.what})"
    assert found._repr_html_().count("<tr>") == 2
    mended = damaged.engine.verify(repair=True)
    assert capsys.readouterr() == ("", "")
    assert mended.line.endswith(": 1 damage, 1 repaired, 0 left")
    assert "fetched anew" in mended._repr_html_()
    assert damaged.engine.verify().line.endswith(": no damage")
    assert damaged.engine.verify(sample=0.5, seed=7).line.endswith("a sample of 0.5 with the seed 7: no damage")


def test_copy_to_mirrors_into_another_lake(two: Lake, make_lake: Callable[..., Lake], capsys):
    two.engine.load()
    target = make_lake(lambda **_: [match(9)]).engine
    target.load()
    planned = two.engine.copy_to(target, dry_run=True)
    assert planned.line.startswith("to copy: 2 new, 0 updated, 0 unchanged · 2 files · ")
    assert "fake/match/competition_id=1/match_id=9" in planned._repr_html_()
    assert len(target.list_datasets()) == 1
    done = two.engine.copy_to(target, progress=True)
    assert capsys.readouterr().err == f"{done.line}\n"
    assert repr(done) == f"CopyReport({done.line})"
    assert len(target.list_datasets()) == 3
    assert two.engine.copy_to(target.store, delete=True).line == (
        "copied: 0 new, 0 updated, 2 unchanged, 1 removed · 0 files · 0 bytes"
    )
    assert sorted(dataset.identifier["match_id"] for dataset in target.list_datasets()) == [1, 2]


def test_what_would_empty_a_lake_or_copy_it_onto_itself_is_refused(two: Lake, make_lake: Callable[..., Lake]):
    two.engine.load()
    with pytest.raises(ConfigurationError, match="is this lake itself"):
        two.engine.copy_to(two.engine)
    empty = make_lake(lambda **_: []).engine
    with pytest.raises(ConfigurationError, match="The source has no such dataset"):
        empty.copy_to(two.engine, delete=True)
    assert len(two.engine.list_datasets()) == 2


def test_a_copy_of_nothing_says_why(two: Lake, make_lake: Callable[..., Lake], caplog):
    two.engine.load()
    target = make_lake(lambda **_: []).engine
    two.engine.copy_to(target, match_id=1)
    assert caplog.messages == []
    assert two.engine.copy_to(target, matchid=2).progress.new == 0
    assert caplog.messages == [
        (
            "None of the 2 matches has the identifier key 'matchid'; did you mean 'match_id'? The keys are "
            "competition_id, match_id."
        )
    ]


def test_a_copy_into_what_is_no_engine_says_what_to_write(two: Lake, tmp_path):
    for target in ("archive", tmp_path / "archive"):
        with pytest.raises(ConfigurationError, match=r'write engine\.copy_to\(get_engine\(".*archive"\)\)\.'):
            two.engine.copy_to(target)
    with pytest.raises(ConfigurationError, match="copy_to takes the engine of the other lake, and got a NoneType"):
        two.engine.copy_to(None)
