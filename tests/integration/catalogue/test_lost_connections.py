"""Connections that are lost: no commit is lost with them, and none is made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import DatasetEvent
from ingestify.domain.ports import HeadMoved, SelectorSync
from ingestify.domain.revision import RevisionState
from ingestify.errors import LakeUnwritable, StoreError
from tests.integration.catalogue.proxy import Cut, Proxy
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import T0, apply_one, change, everything, job, new_file, read_all, task, with_file

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    url = sa.make_url(server.url)
    opened = Proxy(url.host or "127.0.0.1", url.port or {"postgresql": 5432, "mysql": 3306}[server.kind])
    yield opened
    opened.close()


@pytest.fixture
def through(empty: SqlCatalogue, server: Server, database: str, proxy: Proxy) -> Iterator[SqlCatalogue]:
    """The empty lake, with the proxy before it."""
    options = {"sslmode": "disable"} if server.kind == "postgresql" else {}
    url = server.url_of(database, host="127.0.0.1", port=proxy.port, query=options)
    catalogue = SqlCatalogue.open(url)
    yield catalogue
    catalogue.close()


def logged(catalogue: SqlCatalogue) -> list[tuple[int | None, str, str]]:
    return [_of(event) for event in catalogue.event_log.read(0, 1000)]


def _of(event: DatasetEvent) -> tuple[int | None, str, str]:
    return event.position, event.event_type, event.dataset.dataset_id


@pytest.mark.parametrize("cut", Cut)
def test_each_change_of_a_group_is_there_once_and_told_once(
    through: SqlCatalogue, empty: SqlCatalogue, proxy: Proxy, cut: Cut
) -> None:
    old = apply_one(empty, with_file(1)).dataset
    rejected = apply_one(empty, with_file(2)).dataset
    before = logged(empty)
    changes = [
        *(with_file(number) for number in range(10, 30)),
        change(existing=old, files=[new_file(content="later")]),
        change(existing=rejected, files=[new_file(content="broken")], rejected=("it is broken",)),
    ]
    proxy.cut(cut)
    applied = through.changes.apply(changes)
    assert proxy.all_cut
    assert [_of(event) for one in applied for event in one.events] == logged(empty)[len(before) :]
    ids = [one.dataset.dataset_id for one in applied]
    assert empty.datasets.get(ids) == [one.dataset for one in applied]
    assert len(read_all(empty)) == len(set(ids)) == 22
    assert len(list(empty.quarantine.iter_entries(everything()))) == 1


@pytest.mark.parametrize("cut", Cut)
def test_invalidating_marking_missing_and_deleting(
    through: SqlCatalogue, empty: SqlCatalogue, proxy: Proxy, cut: Cut
) -> None:
    ids = [apply_one(empty, with_file(number)).dataset.dataset_id for number in (1, 2, 3)]
    proxy.cut(cut)
    invalidated = through.changes.invalidate(ids[:2], "wrong")
    proxy.cut(cut)
    missing = through.changes.mark_missing(ids[:2])
    proxy.cut(cut)
    deleted: list[DatasetEvent] = []
    through.changes.delete(ids[2:], deleted.extend)
    assert proxy.all_cut
    assert [_of(event) for event in (*invalidated, *missing, *deleted)] == logged(empty)[-5:]
    assert len(logged(empty)) == 11
    datasets = read_all(empty)
    assert len(datasets) == 2
    for dataset in datasets:
        assert dataset.state is DatasetState.MISSING
        assert dataset.revisions[-1].state is RevisionState.VALIDATION_FAILED


@pytest.mark.parametrize("cut", Cut)
def test_what_says_how_something_is_to_be(through: SqlCatalogue, empty: SqlCatalogue, proxy: Proxy, cut: Cut) -> None:
    sync = SelectorSync(T0, True, T0, "digest")
    acts: list[Callable[[], object]] = [
        lambda: through.jobs.save(job(tasks=[task(1), task(2)])),
        lambda: through.event_readers.set_position("reader", 7),
        lambda: through.selector_syncs.save("key", sync),
    ]
    for act in acts:
        proxy.cut(cut)
        act()
    assert proxy.all_cut
    (saved,) = empty.jobs.load()
    assert len(saved.tasks) == 2
    assert empty.event_readers.find_position("reader") == 7
    assert empty.selector_syncs.find("key") == sync


def test_several_cuts_after_each_other(through: SqlCatalogue, empty: SqlCatalogue, proxy: Proxy) -> None:
    proxy.cut(Cut.BEFORE, Cut.BEFORE, Cut.ANSWER_LOST)
    applied = apply_one(through, with_file(1))
    assert proxy.all_cut
    assert [_of(event) for event in applied.events] == logged(empty)
    assert read_all(empty) == [applied.dataset]


def test_another_writer_that_was_faster_is_not_taken_for_us(
    through: SqlCatalogue, empty: SqlCatalogue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = apply_one(empty, with_file(1)).dataset
    look = through.changes._commits._is_there

    def after_theirs(*args: object) -> bool:
        apply_one(empty, change(existing=old, files=[new_file(content="theirs")]))
        return look(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(through.changes._commits, "_is_there", after_theirs)
    proxy.cut(Cut.BEFORE)
    with pytest.raises(HeadMoved):
        through.changes.apply([change(existing=old, files=[new_file(content="ours")])])
    assert len(logged(empty)) == 3


def test_connections_that_were_lost_while_nobody_used_them(through: SqlCatalogue, proxy: Proxy) -> None:
    first = apply_one(through, with_file(1)).dataset
    proxy.cut_all()
    assert read_all(through) == [first]
    proxy.cut_all()
    apply_one(through, with_file(2))
    proxy.cut_all()
    through.jobs.save(job())
    assert len(read_all(through)) == 2


READS: dict[str, Callable[[SqlCatalogue, Dataset], object]] = {
    "find_known": lambda lake, old: lake.datasets.find_known("main", "fake", "match", [old.identifier]),
    "get_datasets": lambda lake, old: lake.datasets.get([old.dataset_id]),
    "find_quarantined": lambda lake, old: lake.quarantine.has_any("main", "fake", "match") is False,
    "read_events": lambda lake, old: lake.event_log.read(0, 10),
    "load_jobs": lambda lake, old: lake.selector_syncs.find("key") is None,
}


@pytest.mark.parametrize("what", READS)
def test_what_is_read_is_read_again_when_the_connection_is_lost_meanwhile(
    through: SqlCatalogue, proxy: Proxy, what: str
) -> None:
    old = apply_one(through, with_file(1)).dataset
    cuts: list[str] = []

    def cut(conn: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT") and not cuts:
            cuts.append(statement)
            proxy.cut_all()

    sa.event.listen(through._database._engine, "before_cursor_execute", cut)
    assert READS[what](through, old)
    assert cuts


def test_a_server_that_is_gone_is_told_and_used_again_when_it_is_back(
    through: SqlCatalogue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestify.catalogue.databases.retries.LONGEST_PAUSE_SECONDS", 0.01)
    kept = apply_one(through, with_file(1)).dataset
    proxy.go_down()
    with pytest.raises(LakeUnwritable, match=r"refused to save 1 dataset: the connection.*was lost"):
        through.changes.apply([with_file(2)])
    with pytest.raises(StoreError, match=r"refused to read datasets"):
        read_all(through)
    proxy.come_back()
    assert read_all(through) == [kept]
    apply_one(through, with_file(2))
