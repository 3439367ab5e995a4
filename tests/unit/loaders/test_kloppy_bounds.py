"""The slow check that is shipped as an example, over invented matches."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import pytest

from ingestify import IngestionEngine, get_dev_engine
from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy_bounds import KloppyBounds
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Season(matches=1, seed=1, events_per_match=60, matches_with_360=1)) as started:
        yield started


def engine_with(simulator: Simulator, check: KloppyBounds) -> IngestionEngine:
    source = StatsBombGithub("statsbomb", simulator.base_url)
    source.bundle_checks = (*source.bundle_checks, check)
    return get_dev_engine(source, "match")


def test_a_believable_match_is_published_and_another_one_waits_with_the_numbers(simulator: Simulator) -> None:
    with engine_with(simulator, KloppyBounds(shots=[0, 80], events=[1, 10_000])) as engine:
        assert engine.load().totals.new == 1
    with engine_with(simulator, KloppyBounds(shots=None, goals=None, events=[100_000, 200_000])) as engine:
        assert engine.load().totals.quarantined == 1
        (entry,) = engine.store.quarantine.list_entries()
        (reason,) = entry.reasons
        assert reason.startswith("kloppy finds ")
        assert reason.endswith(" events; 100,000 to 200,000 are believable")


def test_a_match_that_kloppy_cannot_read_is_quarantined_with_kloppys_error(simulator: Simulator) -> None:
    check = KloppyBounds(kloppy={"coordinates": "no such system"})
    with engine_with(simulator, check) as engine:
        assert engine.load().totals.quarantined == 1
        (entry,) = engine.store.quarantine.list_entries()
        assert entry.reasons[0].startswith("KloppyBounds: kloppy cannot read it: ")


def test_a_kloppy_that_is_not_installed_says_nothing_against_the_match(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without_kloppy(name, *args, **kwargs):
        if name.partition(".")[0] == "kloppy":
            raise ModuleNotFoundError("No module named 'kloppy'", name="kloppy")
        return real_import(name, *args, **kwargs)

    with engine_with(simulator, KloppyBounds(shots=[0, 80])) as engine:
        monkeypatch.setattr(builtins, "__import__", without_kloppy)
        report = engine.load()
        assert (report.totals.failed, report.totals.quarantined) == (1, 0)
        assert "pip install" in report.failed_tasks[0].error
        monkeypatch.undo()
        assert engine.load().totals.new == 1


@pytest.mark.parametrize("wanted", [[1], [2, 1], "few", [None, 3]])
def test_bounds_that_are_none_are_refused_when_it_is_made(wanted: object) -> None:
    with pytest.raises(ConfigurationError, match="KloppyBounds: shots is "):
        KloppyBounds(shots=wanted)  # type: ignore[arg-type]


def test_the_check_is_for_datasets_that_kloppy_loads() -> None:
    check = KloppyBounds()
    assert check.is_for("statsbomb", "match")
    assert not check.is_for("statsbomb", "video")
    assert not check.is_for("nobody", "match")
