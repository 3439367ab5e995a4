"""The notebooks in examples/ run from top to bottom and tell their stories.

The project there is what `ingestify init --source` writes (test_reference.py), which end_to_end/test_source_project.py
lets ingest.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.sizes import sample_and_rest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return executed(nbformat.read(EXAMPLES / "season.ipynb", as_version=4), tmp_path_factory.mktemp("notebook"))


def executed(notebook: Any, folder: Path) -> list[Any]:
    """The cells with code, after a kernel of its own ran them in an empty folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "PYTEST_CURRENT_TEST"):  # with them nobody looks, so that no progress is shown
            patch.delenv(name, raising=False)
        NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def told(cell: Any) -> str:
    """What a cell shows, as text: what it printed, its value, and its error."""

    def texts() -> Iterator[str]:
        for output in cell.outputs:
            if output.output_type == "stream":
                yield output.text
            elif output.output_type == "error":
                yield "\n".join(output.traceback)
            else:
                yield output.data.get("text/plain", "")

    return "\n".join(texts())


def cell_with(cells: list[Any], code: str) -> Any:
    (found,) = (cell for cell in cells if code in cell.source)
    return found


def warnings_of(cell: Any) -> list[str]:
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    return "".join(stream.text for stream in streams if stream.name == "stderr").strip().splitlines()


@pytest.mark.slow
def test_it_goes_from_nothing_to_a_shot_map(cells: list[Any]) -> None:
    assert "1 competition" in told(cell_with(cells, "engine.competitions"))
    ingested = told(cell_with(cells, "season = {"))
    assert "20 matches: 20 new, 0 revised, 0 unchanged, 0 failed" in ingested
    assert "Created the lake in" in ingested
    assert "StatsBomb Public Data User Agreement" in ingested
    assert told(cell_with(cells, "engine.list_datasets(**season)")).startswith("20 datasets")
    assert has_picture(cell_with(cells, "plt.show()"))


@pytest.mark.slow
def test_each_thing_that_goes_wrong_is_told_in_one_line(cells: list[Any]) -> None:
    broken = cell_with(cells, "rekey=True")
    (warning,) = warnings_of(broken)
    assert warning.startswith("20 matches: 1 in quarantine")
    assert "engine.quarantine" in warning
    assert "19 unchanged, 0 failed, 1 in quarantine" in told(broken)
    assert "1 bundle waits" in told(cell_with(cells, "engine.quarantine"))
    assert "Revision(1, VALID" in told(cell_with(cells, "current_revision"))
    offline = cell_with(cells, "provider.close()")
    (warning,) = warnings_of(offline)
    assert "cannot be reached" in warning
    assert "the lake's 20 datasets are served" in warning
    assert warnings_of(cell_with(cells, '"statsbom"')) == [
        "The lake has no provider 'statsbom'; did you mean 'statsbomb'? It has statsbomb."
    ]
    assert "did you mean 'competition_id'?" in " ".join(warnings_of(cell_with(cells, "competiton_id")))


@pytest.mark.slow
def test_an_error_shows_the_line_of_the_notebook_and_what_to_do(cells: list[Any]) -> None:
    lines = told(cell_with(cells, 'rename("season-lake")')).strip().splitlines()
    assert lines[0].strip() == 'Cell, line 5: get_engine("lake").list_datasets()'
    assert lines[1].startswith("LakeNotFound: There is no lake in ")
    assert 'get_engine("season-lake")' in lines[1]
    assert len(lines) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "said"),
    sample_and_rest(
        [("reading", "changes.sentence", "1 shot's xG changed")],
        [("league", "provider.correct", "events: 1 dataset replaced")],
    ),
)
def test_a_notebook_that_is_kept_with_its_outputs_shows_them_again(
    tmp_path: Path, name: str, code: str, said: str
) -> None:
    kept = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    again = executed(copy.deepcopy(kept), tmp_path)
    assert not [one for cell in again for one in warnings_of(cell)]
    shown = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert sum(map(bool, map(words_of, shown))) >= 9, "it is kept with its outputs"
    assert list(map(words_of, again)) == list(map(words_of, shown))
    assert list(map(has_picture, again)) == list(map(has_picture, shown))
    assert said in told(cell_with(again, code))


def words_of(cell: Any) -> list[str]:
    """Words and numbers of what a cell shows, without the lines of a table, which libraries draw anew."""
    return re.findall(r"[\w.'-]+", told(cell))


def has_picture(cell: Any) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)
