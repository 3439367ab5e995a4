"""`engine.verify` and `engine.copy_to`: what they return and show, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ingestify import ConfigurationError
from tests.support.damaged_lake import DamagedLake
from tests.support.lake_in_memory import Lake, match

TERMS = "fake: CC BY 4.0 · Fake et al., 2024."


@pytest.fixture
def two(make_lake: Callable[..., Lake]) -> Lake:
    """A source of two matches."""
    return make_lake(lambda **_: [match(1), match(2)])


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
