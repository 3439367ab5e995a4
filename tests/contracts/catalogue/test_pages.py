"""Pages of lists, newest first, and searching in names."""

from __future__ import annotations

import dataclasses

import pytest

from ingestify.domain.dataset import DatasetState
from ingestify.domain.ports import Catalogue
from ingestify.domain.quarantine import QuarantineState
from ingestify.domain.run import Counters, JobEnd, JobSummary, RunState
from tests.support.catalogue_data import apply_one, change, everything, job, minutes, task, with_file

NAMES = ["Málaga - Köln", "MÁLAGA - köln", "100 % FC", "100 x FC", "AC_Milan", "AC-Milan", "[a-z] * ?", r"a\b^c]"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("málaga",), NAMES[:2]),
        (("KÖLN", "MÁL"), NAMES[:2]),
        (("koln",), []),
        (("100 %",), NAMES[2:3]),
        (("c_m",), NAMES[4:5]),
        (("C-m",), NAMES[5:6]),
        (("*",), NAMES[6:7]),
        (("[A-Z]",), NAMES[6:7]),
        (("?",), NAMES[6:7]),
        (("\\B^",), NAMES[7:8]),
        (("C]",), NAMES[7:8]),
        ((".",), []),
        (("a\x00",), []),
        (("a" * 300,), []),
        ((), NAMES),
    ],
)
def test_names_are_searched_in_any_case_and_with_any_character(
    catalogue: Catalogue, words: tuple[str, ...], found: list[str]
) -> None:
    catalogue.changes.apply([change(number, name=name) for number, name in enumerate(NAMES)])
    wanted = everything(words=words)
    datasets, _ = catalogue.datasets.find_newest(wanted, 50)
    assert [dataset.name for dataset in datasets] == found[::-1]
    assert sum(one.number for one in catalogue.coverage.count(wanted)) == len(found)
    assert all(wanted.names(dataset) for dataset in datasets)


def test_datasets_are_read_newest_first_page_by_page(catalogue: Catalogue) -> None:
    for number in range(5):
        apply_one(catalogue, with_file(number, state=DatasetState.PARTIAL if number % 2 else DatasetState.COMPLETE))
    wanted = everything(states=(DatasetState.COMPLETE,))
    first, after = catalogue.datasets.find_newest(wanted, 2)
    rest, end = catalogue.datasets.find_newest(wanted, 2, after)
    assert [dataset.name for dataset in [*first, *rest]] == ["match 4", "match 2", "match 0"]
    assert end is None
    assert list(first[0].files) == ["events__v1"]
    assert catalogue.datasets.find_newest(wanted, 3)[1] is None  # a page that is just full is the last one


def test_entries_of_the_quarantine_are_read_newest_first_and_grouped_by_reason(catalogue: Catalogue) -> None:
    for number, reason in enumerate(["empty", "no JSON", "empty"]):
        apply_one(catalogue, with_file(number, rejected=(reason,)))
    first, after = catalogue.quarantine.find_newest(everything(), 2)
    rest, end = catalogue.quarantine.find_newest(everything(), 2, after)
    assert [entry.name for entry in [*first, *rest]] == ["match 2", "match 1", "match 0"]
    assert end is None
    assert sorted(catalogue.quarantine.count_reasons("main")) == [
        ("fake", ("empty",), 2),
        ("fake", ("no JSON",), 1),
    ]
    catalogue.changes.discard_quarantine([first[0].entry_id], "Rinus", "")
    assert sorted(one[2] for one in catalogue.quarantine.count_reasons("main")) == [1, 1]
    assert len(catalogue.quarantine.find_newest(everything(), 9, states=[QuarantineState.DISCARDED])[0]) == 1


def test_events_are_read_newest_first_each_with_its_own_dataset(catalogue: Catalogue) -> None:
    for number in range(3):
        apply_one(catalogue, with_file(number))
    events = catalogue.event_log.find_newest(4)
    assert [(event.event_type, event.dataset.name) for event in events] == [
        ("revision_added", "match 2"),
        ("dataset_created", "match 2"),
        ("revision_added", "match 1"),
        ("dataset_created", "match 1"),
    ]

    rest = catalogue.event_log.find_newest(4, events[-1].position)
    assert [event.dataset.name for event in rest] == ["match 0", "match 0"]
    added = catalogue.event_log.find_newest(9, kinds=["revision_added"])
    # These rows have no content of their own: it is that of the event before.
    assert [event.dataset.name for event in added] == ["match 2", "match 1", "match 0"]


def test_runs_are_listed_with_their_jobs_and_those_that_counted_as_a_repetition(catalogue: Catalogue) -> None:
    for number in range(4):
        for part in range(2):
            done = job(
                f"j{number}{part}",
                run_id=f"r{number}",
                state=RunState.FINISHED,
                started_at=minutes(10 * number + part),
                ended_at=minutes(10 * number + 5),
                counters=Counters(discovered=3, unchanged=3, new=number == 0),
                tasks=[task(part)] if number == 0 else [],
            )
            catalogue.jobs.save(_with_end(done, f"selector {part}"))
    # The runs 1 and 2 had the result of run 3, which stands for them.
    assert catalogue.jobs.find_newest_runs(9) == [(minutes(30), "r3"), (minutes(0), "r0")]
    assert catalogue.jobs.find_newest_runs(9, (minutes(30), "r3")) == [(minutes(0), "r0")]
    assert catalogue.jobs.find_newest_runs(1) == [(minutes(30), "r3")]
    jobs = catalogue.jobs.load_runs(["r3", "r0", "r1"], with_tasks=True)
    assert [(one.run_id, one.job_id, len(one.tasks)) for one in jobs] == [
        *(("r3", "j31", 0), ("r3", "j30", 0), ("r0", "j01", 1), ("r0", "j00", 1))
    ]
    assert catalogue.jobs.load_runs([]) == []


def _with_end(one: JobSummary, identity: str) -> JobSummary:
    return dataclasses.replace(one, end=JobEnd.of(one, identity))
