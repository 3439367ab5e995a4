"""The lake in short, and pages of its lists while runs commit."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.catalogue import SqlCatalogue
from ingestify.clock import now
from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.run import Counters, RunState
from ingestify.errors import ConfigurationError
from ingestify.events.dispatcher import Dispatcher
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.overview import LakeOverview, Listed, kind_of_reason
from tests.support.catalogue_data import apply_one, change, job, minutes, new_file, task, with_file


@contextlib.contextmanager
def opened() -> Iterator[DatasetStore]:
    store = DatasetStore(SqlCatalogue.open("sqlite:///:memory:"), MemoryStorage(), Dispatcher(), bucket="main")
    yield store
    store.close()


@pytest.fixture
def store() -> Iterator[DatasetStore]:
    with opened() as one:
        yield one


class _Lake:
    """Something of each list, and what a run does to it."""

    def __init__(self, store: DatasetStore) -> None:
        self.store = store
        self.count = 0

    def add(self) -> None:
        """A new dataset, an entry of the quarantine, and a job of a run of its own."""
        self.count += 1
        apply_one(self.store.catalogue, with_file(self.count))
        apply_one(self.store.catalogue, with_file(-self.count, rejected=("empty",)))
        self.save_job()

    def save_job(self, **attributes: Any) -> None:
        self.store.catalogue.jobs.save(
            job(f"j{self.count}", run_id=f"r{self.count}", started_at=minutes(self.count), **attributes)
        )

    def revise(self) -> None:
        """A revision of the oldest dataset, and the progress of the last job."""
        (oldest,) = list(self.store.overview.datasets(limit=1_000).items)[-1:]
        apply_one(self.store.catalogue, change(existing=oldest, files=[new_file(content=f"again {self.count}")]))
        self.save_job(updated_at=minutes(99))


PAGES: dict[str, tuple[Callable[..., Listed[Any]], Callable[[Any], object]]] = {
    "datasets": (lambda store, **page: store.overview.datasets(**page), lambda one: one.dataset_id),
    "found": (lambda store, **page: store.overview.datasets(search="MATCH", **page), lambda one: one.dataset_id),
    "runs": (lambda store, **page: store.overview.runs(**page), lambda one: one.run_id),
    "changes": (lambda store, **page: store.overview.changes(**page), lambda one: one.position),
    "entries": (lambda store, **page: store.overview.entries(**page), lambda one: one.entry_id),
}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 7), st.integers(1, 4), st.lists(st.lists(st.booleans(), max_size=2), max_size=9))
def test_pages_repeat_nothing_and_lose_nothing_while_a_run_commits(
    there: int, limit: int, meanwhile: list[list[bool]]
) -> None:
    with opened() as store:
        lake, commits = _Lake(store), iter(meanwhile)
        for _ in range(there):
            lake.add()
        before = {what: [key(one) for one in read(store, limit=1_000).items] for what, (read, key) in PAGES.items()}
        seen: dict[str, list[object]] = {what: [] for what in PAGES}
        after = dict.fromkeys(PAGES, "")
        while after:
            for what, begin in list(after.items()):
                read, key = PAGES[what]
                page = read(store, limit=limit, after=begin)
                assert len(page.items) <= limit
                seen[what] += [key(one) for one in page.items]
                after[what] = page.after
                if not page.after:
                    del after[what]
            for is_new in next(commits, ()):
                if is_new or not before["datasets"]:
                    lake.add()
                else:
                    lake.revise()
        assert seen == before


@pytest.mark.parametrize("what", [what for what in PAGES if what != "found"])
def test_a_page_that_never_was_is_refused(store: DatasetStore, what: str) -> None:
    read, _ = PAGES[what]
    lake = _Lake(store)
    for _ in range(3):
        lake.add()
    foreign = PAGES["runs" if what == "datasets" else "datasets"][0]
    for after in (
        *("x", "é", "-", "AAAA", "9" * 10_000, "\x00", foreign(store, limit=1).after),
        *(
            base64.urlsafe_b64encode(text).decode()
            for text in (b"[]", b"{}", b"1", b"[" * 100_000, f'["{what}"]'.encode(), f'["{what}", "x"]'.encode())
        ),
        *(base64.urlsafe_b64encode(f'["{what}", {one}]'.encode()).decode() for one in ("true", "1e400", -1, 2**70)),
    ):
        with pytest.raises(ConfigurationError, match="Begin at the first page"):
            read(store, after=after)


def test_a_page_of_datasets_takes_filters_and_words(store: DatasetStore) -> None:
    for number in range(4):
        state = DatasetState.PARTIAL if number % 2 else DatasetState.COMPLETE
        apply_one(store.catalogue, with_file(number, state=state, name=f"Ajax - PSV {number}"))
    overview = store.overview
    assert [one.name for one in overview.datasets(search="psv ajax", state="PARTIAL").items] == [
        *("Ajax - PSV 3", "Ajax - PSV 1")
    ]
    assert [one.name for one in overview.datasets(match_id=2).items] == ["Ajax - PSV 2"]
    assert overview.facets(search="ajax", provider="fake") == {
        "provider": {"fake": 4},
        "dataset_type": {"match": 4},
        "state": {"COMPLETE": 2, "PARTIAL": 2},
        "competition": {"11": 4},
    }
    with pytest.raises(ConfigurationError, match="no where"):
        overview.datasets(where="name == 'x'")


def test_reasons_of_the_quarantine_are_grouped_by_their_kind(store: DatasetStore) -> None:
    for number, reason in enumerate(
        [
            "events__v8: it has 1,024 bytes, and had 99,000 in revision 0: less",
            "events__v8: it has 12 bytes, and had 7 in revision 3: less",
            "events__v8: the player 'Cruijff' is not in the lineups",
            'events__v8: the player "d\'Or" is not in the lineups',
            "tracking__v2: it has 12 bytes, and had 7 in revision 3: less",
        ]
    ):
        apply_one(store.catalogue, with_file(number, rejected=(reason, "no events")))
    assert [(one.kind, one.entries) for one in store.overview.reasons()] == [
        ("no events", 5),
        ("events__v8: it has N bytes, and had N in revision N: less", 2),
        ("events__v8: the player … is not in the lineups", 2),
        ("tracking__v2: it has N bytes, and had N in revision N: less", 1),
    ]
    assert store.overview.reasons()[1].example.startswith("events__v8: it has ")


def test_a_run_is_its_jobs_together(store: DatasetStore) -> None:
    for number, (state, error) in enumerate(
        [(RunState.FINISHED, ""), (RunState.FAILED, "down"), (RunState.FAILED, "down")]
    ):
        ended = minutes(9 + number)
        counters = Counters(discovered=2, requests=number)
        one = job(f"j{number}", state=state, source=f"s{number % 2}", error=error, ended_at=ended, counters=counters)
        store.catalogue.jobs.save(dataclasses.replace(one, tasks=[task(1, dataset_id="d1")]))
    store.catalogue.jobs.save(job("j9", run_id="r2", started_at=minutes(60)))
    running, failed = store.overview.runs().items
    assert (running.state, running.ended_at) == (RunState.RUNNING, None)
    assert (failed.state, failed.ended_at, failed.errors) == (RunState.FAILED, minutes(11), ["down"])
    assert failed.jobs == {RunState.FINISHED: 1, RunState.FAILED: 2}
    assert (failed.sources, failed.counters.discovered, failed.counters.requests) == (["s0", "s1"], 6, 3)
    assert [len(one.tasks) for one in store.overview.jobs_of("r1")] == [1, 1, 1]
    assert store.overview.jobs_of("r3") == []
    assert list(store.overview.last_runs(1)) == ["r2"]


def test_coverage_and_freshness_are_tables(store: DatasetStore) -> None:
    apply_one(store.catalogue, change(1, identifier=Identifier({"competition_id": 11, "match_id": 1})))
    found = store.overview.coverage()
    assert "1 of 1 datasets complete" in repr(found)
    (row,) = found.as_rows()
    assert (row["complete"], row["partial"], row["competition_id"], row["not_fetched"]) == (1, 0, "11", 0)
    assert "0 selectors" in repr(store.overview.freshness())
    assert store.overview.storage() == []


def test_the_requests_of_the_last_days_are_counted(store: DatasetStore) -> None:
    for days in (0, 5):
        one = job(f"j{days}", started_at=now() - dt.timedelta(days=days), counters=Counters(requests=7))
        store.catalogue.jobs.save(one)
    assert [one.requests for one in store.overview.requests(days=3)] == [7]
    assert len(store.overview.requests()) == 2
    assert store.overview.read_mark() == store.overview.read_mark()


def test_the_numbers_before_a_colon_in_a_sentence_are_details():
    reason = "{0} of {0} freeze frames of 360-frames belong to no event: the two are of different exports"
    assert kind_of_reason(reason.format("1,073")) == kind_of_reason(reason.format(12)) == reason.format("N")


def test_files_that_a_provider_does_not_have_are_one_kind_of_reason():
    reason = "GET https://provider.example:81/data/events/{}.json: status {}; the provider does not have it."
    kinds = {kind_of_reason(reason.format(number, 404)) for number in (3857288, 12)}
    assert kinds == {"GET https://provider.example:81/data/events/N.json: status 404; the provider does not have it."}
    assert kind_of_reason(reason.format(12, 500)) not in kinds


def _counted(overview: LakeOverview) -> list[object]:
    return [overview.totals(), overview.coverage(), overview.storage(), overview.facets(), list(overview.freshness())]


def test_the_whole_lake_is_counted_once_until_something_changes(store, monkeypatch):
    lake = _Lake(store)
    for _ in range(3):
        lake.add()
        assert _counted(store.overview) == _counted(LakeOverview(store))
        with monkeypatch.context() as patched:
            for reader, name in (
                (store.catalogue.overview, "count_all"),
                (store.catalogue.overview, "read_storage"),
                (store.catalogue.coverage, "read"),
                (store.catalogue.coverage, "read_freshness"),
                (store.catalogue.coverage, "count"),
            ):
                patched.setattr(reader, name, None)
            assert len(_counted(store.overview)) == 5


def test_what_a_caller_does_with_a_count_is_its_own_affair(store):
    _Lake(store).add()
    store.overview.totals().clear()
    assert store.overview.totals()["datasets"] == 1


def test_facets_of_a_filter_are_counted_each_time(store):
    _Lake(store).add()
    assert store.overview.facets()["provider"]
    assert store.overview.facets(has_warnings=True) == store.overview.facets("no such name")
