"""What metrics of the lake are read from: a few numbers, grouped."""

from __future__ import annotations

import dataclasses

from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import Catalogue
from ingestify.domain.run import Counters, JobEnd, JobSummary, RunState
from tests.support.catalogue_data import apply_one, change, everything, job, minutes, with_file


def match(provider: str, **identifier: object) -> dict[str, object]:
    return {"provider": provider, "identifier": Identifier(identifier)}


class TestCompetitions:
    def test_each_is_counted_by_state_with_the_moment_of_its_newest_revision(self, catalogue: Catalogue) -> None:
        assert list(catalogue.coverage.count(everything())) == []
        for number, one in enumerate(
            [
                match("statsbomb", competition_id=43, season_id=106, match_id=1),
                match("statsbomb", competition_id="43", season_id=3, match_id=2),
                match("statsbomb", competition_id="É / \"q'", match_id=3),
                match("statsbomb", competition_id="é / \"q'", match_id=3),
                match("impect", iteration_id=518, match_id=4),
                match("metrica", match_id=5),
            ]
        ):
            apply_one(catalogue, with_file(number, **one))
        empty = match("statsbomb", competition_id=43, match_id=9)
        apply_one(catalogue, change(9, state=DatasetState.SCHEDULED, **empty))
        apply_one(catalogue, with_file(7, bucket="other", **match("statsbomb", competition_id=2, match_id=7)))
        found = {
            (one.provider, one.dataset_type, one.competition, one.season, one.state): one
            for one in catalogue.coverage.count(everything())
        }
        assert {key: one.number for key, one in found.items()} == {
            ("statsbomb", "match", "43", "106", DatasetState.COMPLETE): 1,
            ("statsbomb", "match", "43", "3", DatasetState.COMPLETE): 1,
            ("statsbomb", "match", "43", "", DatasetState.SCHEDULED): 1,
            ("statsbomb", "match", "É / \"q'", "", DatasetState.COMPLETE): 1,
            ("statsbomb", "match", "é / \"q'", "", DatasetState.COMPLETE): 1,
            ("impect", "match", "518", "", DatasetState.COMPLETE): 1,
            ("metrica", "match", "", "", DatasetState.COMPLETE): 1,
        }
        second = catalogue.datasets.find(
            "main", "statsbomb", "match", Identifier({"competition_id": 43, "season_id": 3, "match_id": 2})
        )
        assert second is not None
        assert found["statsbomb", "match", "43", "3", DatasetState.COMPLETE].newest == second.revisions[-1].created_at
        assert found["statsbomb", "match", "43", "", DatasetState.SCHEDULED].newest is None


class TestLastDone:
    def test_a_source_was_done_with_its_last_finished_job(self, catalogue: Catalogue) -> None:
        assert catalogue.jobs.find_last_done() == {}
        for number, (source, state, counters) in enumerate(
            [
                ("a", RunState.FINISHED, Counters(discovered=3)),
                ("a", RunState.FAILED, Counters()),
                ("b", RunState.SKIPPED, Counters(discovered=3, unchanged=3)),
                ("b", RunState.SKIPPED, Counters()),  # another run was at it
                ("c", RunState.ABORTED, Counters(discovered=3)),
                ("d", RunState.RUNNING, Counters(discovered=3)),
            ]
        ):
            ended = None if state is RunState.RUNNING else minutes(number)
            catalogue.jobs.save(job(f"j{number}", source=source, state=state, counters=counters, ended_at=ended))
        assert catalogue.jobs.find_last_done() == {
            ("a", "fake", "match"): minutes(0),
            ("b", "fake", "match"): minutes(2),
        }

    def test_runs_that_count_with_an_earlier_one_are_among_them(self, catalogue: Catalogue) -> None:
        for number in range(3):
            done = job(f"j{number}", state=RunState.FINISHED, started_at=minutes(number), ended_at=minutes(10 + number))
            catalogue.jobs.save(_with_end(done))
        failed = job("j3", state=RunState.FAILED, started_at=minutes(3), ended_at=minutes(13), error="down")
        catalogue.jobs.save(_with_end(failed))
        assert max(one.runs for one in catalogue.jobs.load()) > 1
        assert catalogue.jobs.find_last_done() == {("mine", "fake", "match"): minutes(12)}


def _with_end(one: JobSummary) -> JobSummary:
    return dataclasses.replace(one, end=JobEnd.of(one, "the same"))


class TestQuarantineCounts:
    def test_open_entries_are_counted_by_kind(self, catalogue: Catalogue) -> None:
        assert catalogue.quarantine.count_open("main") == {}
        for number, provider in enumerate(["a", "a", "b"]):
            apply_one(catalogue, with_file(number, provider=provider, rejected=("empty",)))
        discarded = apply_one(catalogue, with_file(8, provider="b", rejected=("empty",))).entry
        assert discarded is not None
        catalogue.changes.discard_quarantine([discarded.entry_id], "Rinus", "")
        apply_one(catalogue, with_file(9, bucket="other", rejected=("empty",)))
        assert catalogue.quarantine.count_open("main") == {("a", "match"): 2, ("b", "match"): 1}
