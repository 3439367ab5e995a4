"""`ingestify.adopt`: a lake of the published package, as its users have it, becomes one of ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingestify import (
    AdoptionReport,
    ConfigurationError,
    Dataset,
    DatasetResource,
    DraftFile,
    EventLogConsumer,
    IngestionEngine,
    IngestionPlan,
    NotTakenKind,
    RevisionState,
    Source,
    StoreError,
    adopt,
    get_engine,
)
from ingestify.clock import reading
from ingestify.errors import LakeIdentityError
from ingestify.failpoints import installed
from tests.support.published_lake import BEGIN, PublishedFile, PublishedLake, folder_objects

MATCH = PublishedFile("match", b'{"id": 1}')
MATCH_2 = PublishedFile("match", b'{"id": 1, "score": "1-0"}')
EVENTS = PublishedFile("events", b"[1, 2, 3]", "v8", etag='W/"abc"')
LINEUPS = PublishedFile("lineups", b"[]", "v4")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., PublishedLake]]:
    """Makes a lake in the folder; config.yaml names it."""
    engines = []

    def make(prefix: str = "", **options: Any) -> PublishedLake:
        engine = sa.create_engine(f"sqlite:///{tmp_path}/catalog.db")
        engines.append(engine)
        (tmp_path / "config.yaml").write_text(
            "main:\n  metadata_url: sqlite:///catalog.db\n  file_url: file://files/\n"
            f"  metadata_options: {{table_prefix: '{prefix}'}}\n"
        )
        return PublishedLake(engine, folder_objects(tmp_path / "files"), prefix=prefix, **options)

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def published(make: Callable[..., PublishedLake]) -> PublishedLake:
    return make()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def take(config: Path, **options: Any) -> AdoptionReport:
    return adopt(config, dry_run=False, **options)


def object_of(config: Path, ending: str) -> Path:
    (found,) = (path for path in (config.parent / "files").rglob("*.gz") if path.as_posix().endswith(ending))
    return found


@contextlib.contextmanager
def opened(config: Path) -> Iterator[IngestionEngine]:
    """The adopted lake, which is whole."""
    with get_engine(config) as engine:
        yield engine
        assert not engine.verify().damages


def the_only(engine: IngestionEngine) -> Dataset:
    (dataset,) = engine.store.get_dataset_collection()
    return dataset


def the_first(engine: IngestionEngine) -> Dataset:
    dataset = engine.store.get_dataset_collection().first()
    assert dataset is not None
    return dataset


def contents(engine: IngestionEngine, dataset: Dataset) -> dict[str, bytes]:
    files = engine.store.load_files(dataset)
    return {file_id: files[file_id].stream.read() for file_id in dataset.files}


class FailsAt:
    """A failpoint that fails when it is passed for the n-th time."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise StoreError("interrupted")


# ---- before it -----------------------------------------------------------------------------------------


def test_opening_it_says_what_to_do_and_changes_nothing(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    published.engine.dispose()
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    with pytest.raises(ConfigurationError, match=r"has a lake of the published package.* ingestify\.adopt\(…\) shows"):
        get_engine(config)
    assert adopt(config).progress.datasets == 1
    assert {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()} == before


def test_where_there_is_none_it_says_so(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="There is no lake of the published package"):
        adopt(tmp_path)
    with get_engine(
        metadata_url=f"sqlite:///{tmp_path}/own/catalog.db", file_url=f"file://{tmp_path}/own/files"
    ) as own:
        own.store.create()
    with pytest.raises(ConfigurationError, match="There is no lake of the published package"):
        adopt(tmp_path / "own")


def test_a_time_zone_is_refused_where_times_need_none(published: PublishedLake, config: Path):
    with pytest.raises(ConfigurationError, match="A timezone is for the times without zone"):
        adopt(config, timezone="Europe/Amsterdam")


# ---- what is carried -----------------------------------------------------------------------------------


def test_bytes_ids_times_and_names_are_carried(published: PublishedLake, config: Path):
    identifier = {"season": "2024/25", "competition_id": 7, "half": 1.5, "word": "03"}
    dataset_id = published.add_dataset(identifier, [MATCH, EVENTS], [MATCH_2], state="PARTIAL", name="Ajax - PSV")
    rows = published.dump()
    report = take(config)
    assert report.line.startswith("adopted: 1 dataset, 2 revisions, 3 files · ")
    assert (report.is_whole, report.zone_note, report.not_taken) == (True, "", [])
    with opened(config) as engine:
        dataset = the_only(engine)
        assert (dataset.dataset_id, dataset.name, dataset.state) == (dataset_id, "Ajax - PSV", "PARTIAL")
        assert list(dataset.identifier.items()) == list(identifier.items())
        assert dataset.metadata == {"home": "Ajax", "ümlaut": None}
        assert (dataset.created_at, dataset.updated_at) == (BEGIN, BEGIN + dt.timedelta(minutes=3))
        assert dataset.last_modified_at == BEGIN
        assert [one.created_at for one in dataset.revisions] == [BEGIN + dt.timedelta(minutes=n) for n in (1, 2)]
        assert dict(dataset.revisions[0].source) == {"source_type": "TASK", "source_id": "1"}
        assert contents(engine, dataset) == {"match__v1": MATCH_2.content, "events__v8": EVENTS.content}
        assert dataset.files["match"].tag == hashlib.sha256(MATCH_2.content).hexdigest()
        assert dataset.files["match"].storage_path.endswith(
            "season=2024%2F25/competition_id=7/half=1.5/word=03/1/match__v1.json.gz"
        )
    assert published.dump() == rows


def test_validators_are_those_of_the_current_files(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [EVENTS, MATCH], [PublishedFile("events", b"[]", "v8", etag='"new"')])
    take(config)
    with opened(config) as engine:
        feeds = the_only(engine).feeds
        assert (feeds["events__v8"].validators.etag, feeds["match__v1"].validators.etag) == ('"new"', None)
        assert all(feed.present and feed.is_adopted for feed in feeds.values())


@pytest.mark.parametrize(
    ("failed", "states"),
    [([0, 1], ["VALIDATION_FAILED"] * 2), ([0], ["VALIDATION_FAILED"] * 2), ([1], ["VALID", "VALIDATION_FAILED"])],
)
def test_a_current_set_with_a_file_of_an_invalidated_revision_counts_as_invalidated(
    published: PublishedLake, config: Path, failed: list[int], states: list[str]
):
    published.add_dataset({"match_id": 1}, [MATCH, EVENTS], [MATCH_2], failed=failed, last_modified_at=None)
    take(config)
    with opened(config) as engine:
        dataset = the_only(engine)
        assert [revision.state for revision in dataset.revisions] == states
        assert dataset.last_modified_at is None


def test_an_invalidated_revision_without_current_files_does_not_count(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2], failed=[0])
    take(config)
    with opened(config) as engine:
        assert the_only(engine).revisions[-1].state is RevisionState.VALID


def test_a_lake_of_the_first_version_lacks_columns(make: Callable[..., PublishedLake], config: Path):
    make(first_version=True).add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    take(config)
    with opened(config) as engine:
        dataset = the_only(engine)
        assert [one.state for one in dataset.revisions] == ["VALID", "VALID"]
        assert dataset.last_modified_at == BEGIN


@pytest.mark.parametrize("prefix", ["fb_", "x" * 60 + "_"])
def test_a_prefix_stays_in_the_config_as_it_is(make: Callable[..., PublishedLake], config: Path, prefix: str):
    make(prefix).add_dataset({"match_id": 1}, [MATCH])
    with pytest.raises(ConfigurationError, match="a lake of the published package"):
        get_engine(config)
    take(config)
    with opened(config) as engine:
        assert the_only(engine).identifier["match_id"] == 1


def test_raw_values_in_paths_are_read_where_they_are(published: PublishedLake, config: Path):
    published.add_dataset(
        {"word": "50% / \\ ü", "rank": 1}, [MATCH], path_values={"word": "50% / \\ ü", "rank": "1"}, bucket="Main"
    )
    take(config)
    with get_engine(config, bucket="Main") as engine:
        assert not engine.verify().damages
        assert contents(engine, the_only(engine)) == {"match__v1": MATCH.content}


def test_what_the_provider_sent_as_gzip_is_read_inflated(published: PublishedLake, config: Path):
    whole = PublishedFile("tracking", gzip.compress(b"{}\n" * 9), file_format="jsonl", as_it_came=True)
    parts = PublishedFile("frames", gzip.compress(b"[1,") + gzip.compress(b"2]"), as_it_came=True, etag='"7"')
    before_0_11 = PublishedFile("video", gzip.compress(b"twice"))
    published.add_dataset({"match_id": 1}, [whole, parts, before_0_11])
    assert take(config).is_whole
    with opened(config) as engine:
        dataset = the_only(engine)
        read = contents(engine, dataset)
        assert read == {"tracking__v1": b"{}\n" * 9, "frames__v1": b"[1,2]", "video__v1": before_0_11.content}
        file = engine.store.load_files(dataset)["tracking__v1"]
        assert file.raw_stream.read() == whole.content
        assert (file.size, file.tag) == (len(whole.content), hashlib.sha256(whole.content).hexdigest())
        assert not engine.verify().damages


def test_an_identifier_may_be_empty_or_have_no_value(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": None, "half": 1}, [MATCH], path_values={"match_id": "None", "half": "1"})
    published.add_dataset({}, [MATCH_2], provider="other")
    assert take(config).is_whole
    with opened(config) as engine:
        assert [dict(one.identifier) for one in engine.store.get_dataset_collection()] == [
            {"match_id": None, "half": 1},
            {},
        ]


def test_a_dataset_without_files_is_carried(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [], state="SCHEDULED", last_modified_at=None)
    published.add_dataset({"match_id": 2}, state="MISSING", last_modified_at=None)
    take(config)
    with opened(config) as engine:
        first, second = engine.store.get_dataset_collection()
        assert (len(first.revisions), first.state, len(second.revisions), second.state) == (
            1,
            "SCHEDULED",
            0,
            "MISSING",
        )


def test_half_a_character_in_metadata_is_replaced(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH], metadata={"home": "Aj\ud83dax", "away": "P\0SV"})
    take(config)
    with opened(config) as engine:
        assert the_only(engine).metadata == {"home": "Aj�ax", "away": "P\0SV"}


def test_all_buckets_are_taken(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    published.add_dataset({"match_id": 1}, [MATCH_2], bucket="second")
    assert take(config).progress.datasets == 2
    with get_engine(config, bucket="second") as engine:
        assert contents(engine, the_only(engine)) == {"match__v1": MATCH_2.content}


def test_more_datasets_than_one_commit_takes(published: PublishedLake, config: Path):
    ids = [published.add_dataset({"match_id": n}, [PublishedFile("match", b"%d" % n)]) for n in range(120)]
    assert take(config).progress.datasets == 120
    with opened(config) as engine:
        assert [dataset.dataset_id for dataset in engine.store.get_dataset_collection()] == ids


# ---- what cannot be taken ------------------------------------------------------------------------------


def test_of_one_identity_the_row_that_was_written_last_is_taken(published: PublishedLake, config: Path):
    first = published.add_dataset({"a": 1, "match_id": 1}, [MATCH])
    second = published.add_dataset({"match_id": "1", "a": 1}, [MATCH_2], path_values={"a": "1", "match_id": "1"})
    report = take(config)
    (replaced,) = report.not_taken
    assert (replaced.kind, replaced.dataset_id, report.is_whole) == (NotTakenKind.REPLACED, first, True)
    assert second in replaced.reason
    with opened(config) as engine:
        assert the_only(engine).dataset_id == second


def test_an_older_row_of_an_identity_is_taken_if_the_newest_is_damaged(published: PublishedLake, config: Path):
    oldest = published.add_dataset({"match_id": 1}, [MATCH_2, LINEUPS])
    updated = published.add_dataset({"match_id": 1}, [MATCH_2, LINEUPS])
    whole = published.add_dataset({"match_id": 1}, [MATCH, LINEUPS])
    published.add_revision(updated, [PublishedFile("lineups", b"[1]", "v4")])  # its match__v1 is the one of `whole`
    report = take(config)
    assert [(one.kind, one.dataset_id) for one in report.not_taken] == [
        (NotTakenKind.LEFT_OUT, updated),
        (NotTakenKind.REPLACED, oldest),
    ]
    with opened(config) as engine:
        assert the_only(engine).dataset_id == whole
        assert len(engine.store.catalogue.event_log.read(0, 10)) == 2
    assert take(config).present == (1, 1)


def test_written_last_is_not_made_last(published: PublishedLake, config: Path):
    """Two writers made a dataset at once, and later runs found the older row."""
    older = published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    newer = published.add_dataset({"match_id": 1}, [MATCH])
    with published.engine.begin() as connection:
        revision = published.revision
        of_older = (revision.c.dataset_id == older, revision.c.revision_id == 1)
        connection.execute(revision.update().where(*of_older).values(created_at=dt.datetime(2025, 6, 1)))
    (replaced,) = take(config).not_taken
    assert replaced.dataset_id == newer
    with opened(config) as engine:
        assert contents(engine, the_only(engine)) == {"match__v1": MATCH_2.content}


def test_a_dataset_with_a_damaged_current_file_is_taken_up_to_where_it_was_whole(
    published: PublishedLake, config: Path
):
    published.add_dataset({"match_id": 1}, [MATCH, EVENTS], [MATCH_2], [PublishedFile("events", b"[4]", "v8")])
    object_of(config, "2/events__v8.json.gz").write_bytes(gzip.compress(b"[5]", 9))
    (cut,) = take(config).not_taken
    assert (cut.kind, cut.is_failure) == (NotTakenKind.CUT, True)
    assert cut.reason.startswith(
        "only up to revision 1, which the next run fetches in full: events__v8 of revision 2: "
    )
    assert "holds other bytes" in cut.reason
    with opened(config) as engine:
        dataset = the_only(engine)
        assert [revision.state for revision in dataset.revisions] == ["VALID", "VALIDATION_FAILED"]
        assert contents(engine, dataset) == {"match__v1": MATCH_2.content, "events__v8": EVENTS.content}
        assert dataset.feeds["events__v8"].validators.etag == EVENTS.etag


def test_a_damaged_file_that_a_later_revision_replaced_costs_only_itself(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH, EVENTS], [MATCH_2])
    object_of(config, "0/match__v1.json.gz").unlink()
    report = take(config)
    (old,) = report.not_taken
    assert (old.kind, old.reason, report.is_whole) == (NotTakenKind.OLD_FILE, "its object is missing", False)
    with opened(config) as engine:
        dataset = the_only(engine)
        assert dataset.revisions[0].description == "Create (adopted without match__v1: damaged)"
        assert [file.file_id for file in dataset.revisions[0].modified_files] == ["events__v8"]
        assert contents(engine, dataset) == {"match__v1": MATCH_2.content, "events__v8": EVENTS.content}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its object has 0 bytes"),
        (gzip.compress(EVENTS.content, 9)[:-9], "cannot be decompressed"),
        (b"not gzip at all, but as long!!", "cannot be decompressed"),
        (
            gzip.compress(EVENTS.content, 9)[:-8] + b"\0\0\0\0" + gzip.compress(EVENTS.content, 9)[-4:],
            "cannot be decompressed",
        ),
        (None, "its object is missing"),
    ],
    ids=["empty", "truncated", "no gzip", "wrong checksum", "missing"],
)
def test_a_dataset_that_never_was_whole_is_left_out(
    published: PublishedLake, config: Path, content: bytes | None, why: str
):
    published.add_dataset({"match_id": 1}, [], [MATCH, EVENTS])
    published.add_dataset({"match_id": 2}, [MATCH])
    damaged = object_of(config, "events__v8.json.gz")
    damaged.unlink() if content is None else damaged.write_bytes(content)
    (left_out,) = take(config).not_taken
    assert left_out.kind is NotTakenKind.LEFT_OUT
    assert why in left_out.reason
    with opened(config) as engine:
        assert the_only(engine).identifier["match_id"] == 2


def test_a_dry_run_finds_what_is_missing_or_cut_short(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    published.add_dataset({"match_id": 2}, [EVENTS])
    published.add_dataset({"match_id": 3}, [LINEUPS])
    object_of(config, "match__v1.json.gz").unlink()
    object_of(config, "events__v8.json.gz").write_bytes(b"xy")
    object_of(config, "lineups__v4.json.gz").write_bytes(b"xy")
    report = adopt(config)
    assert [one.reason.partition(": ")[2] for one in report.not_taken] == [
        "its object is missing",
        "its object has 2 bytes, and 29 were stored",
        "its object has 2 bytes, and 22 were stored",
    ]
    assert report.line == "to adopt: 0 datasets, 0 revisions, 0 files · 4 bytes · 3 left out"


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"identifier": {"match_id": {"a": 1}}}, "is a dict"),
        ({"state": "BROKEN"}, "is not a dataset state"),
        ({"provider": "p" * 100}, "has 100 characters"),
    ],
)
def test_what_no_lake_of_ours_can_hold_is_named(
    published: PublishedLake, config: Path, columns: dict[str, Any], why: str
):
    columns = dict(columns)
    identifier = columns.pop("identifier", {"match_id": 1})
    published.add_dataset(identifier, [MATCH], path_values={"match_id": "1"}, **columns)
    (left_out,) = take(config).not_taken
    assert why in left_out.reason


def test_the_only_dataset_of_its_type_needs_no_identity(published: PublishedLake, config: Path):
    published.add_dataset({}, [MATCH], path_values={})
    assert not take(config).not_taken
    with opened(config) as engine:
        assert (dict(the_only(engine).identifier), len(the_only(engine).files)) == ({}, 1)


def test_a_path_that_leaves_the_lake_is_never_opened(published: PublishedLake, config: Path):
    published.add_dataset({"word": "x"}, [MATCH], path_values={"word": "a/../../../../b"})
    (left_out,) = take(config).not_taken
    assert "may lead out of the lake" in left_out.reason


def test_lost_revisions_are_named(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    with published.engine.begin() as connection:
        connection.execute(published.file.delete().where(published.file.c.revision_id == 0))
        connection.execute(published.revision.delete().where(published.revision.c.revision_id == 0))
    (left_out,) = take(config).not_taken
    assert "revisions have the numbers 1, so some are lost" in left_out.reason


# ---- events --------------------------------------------------------------------------------------------


def read_all(config: Path, reader: str) -> list[Any]:
    seen: list[Any] = []
    with EventLogConsumer.from_config(config, reader) as consumer:
        assert consumer.run(seen.append) == 0
    return seen


def test_readers_go_on_where_they_were(published: PublishedLake, config: Path):
    first = published.add_dataset({"match_id": 1}, [MATCH, EVENTS], [MATCH_2])
    second = published.add_dataset({"match_id": 2}, [MATCH])
    gone = published.add_dataset({"match_id": 3}, [MATCH])
    published.log("revision_added", first, upto=0)
    published.log("dataset_created", first, upto=0)
    published.log("revision_added", gone)
    published.log("revision_invalidated", first, reason="no kick-off")
    published.add_reader("half", 2)
    published.add_reader("new", 0)
    published.delete(gone)
    for report in (adopt(config), take(config)):
        assert (report.progress.events, report.progress.readers) == (7, 2)
    events = read_all(config, "new")
    assert [(event.position, event.event_type, event.dataset.dataset_id) for event in events] == [
        (1, "revision_added", first),  # the log lacks it, and the next two
        (2, "dataset_created", second),
        (3, "revision_added", second),
        (4, "revision_added", first),
        (5, "dataset_created", first),
        (6, "revision_added", gone),
        (7, "revision_invalidated", first),
    ]
    assert [event.position for event in read_all(config, "half")] == [6, 7]
    assert [len(event.dataset.revisions) for event in events[3:5]] == [1, 1]
    assert events[6].reason == "no kick-off"
    assert [event.occurred_at for event in events[:1]] == [events[0].dataset.revisions[1].created_at]
    assert events[3].occurred_at == dt.datetime(2025, 2, 1, tzinfo=dt.UTC)
    with opened(config) as engine:
        event = events[3]
        assert contents(engine, event.dataset) == {"match__v1": MATCH.content, "events__v8": EVENTS.content}
        dataset = next(one for one in engine.store.get_dataset_collection() if one.dataset_id == first)
        engine.store.invalidate_revision(dataset, "again")
    assert [event.position for event in read_all(config, "half")] == [8]


def test_what_the_old_log_lost_follows_behind_it(published: PublishedLake, config: Path):
    older = published.add_dataset({"match_id": 1}, [MATCH])
    first = published.add_dataset({"match_id": 2}, [MATCH])
    published.log("revision_added", first, occurred_at="2025-01-10T12:02:30Z")  # now it is switched on
    published.log("dataset_created", first)
    lost = published.add_dataset({"match_id": 3}, [MATCH])
    published.log("dataset_created", lost)
    published.add_reader("r", 3)
    assert take(config).progress.events == 6
    events = read_all(config, "new")
    assert [(event.event_type, event.dataset.dataset_id) for event in events] == [
        ("dataset_created", older),
        ("revision_added", older),
        ("revision_added", first),
        ("dataset_created", first),
        ("dataset_created", lost),
        ("revision_added", lost),
    ]
    (event,) = read_all(config, "r")
    assert (event.position, event.occurred_at) == (6, event.dataset.revisions[0].created_at)


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_reader_of_events_that_were_removed_since_gets_the_next_ones(
    published: PublishedLake, config: Path, is_removed: bool
):
    for number in range(2):
        published.log("revision_added", published.add_dataset({"match_id": number}, [MATCH]))
    if is_removed:
        with published.engine.begin() as connection:
            connection.execute(published.event_log.delete())
    published.add_reader("far", 500)
    take(config)
    assert read_all(config, "far") == []
    with opened(config) as engine:
        engine.store.invalidate_revision(the_first(engine), "wrong")
    assert [event.event_type for event in read_all(config, "far")] == ["revision_invalidated"]


def test_an_event_that_cannot_be_read_is_named(published: PublishedLake, config: Path):
    dataset_id = published.add_dataset({"match_id": 1}, [MATCH])
    published.log("revision_added", dataset_id)
    with published.engine.begin() as connection:
        connection.execute(published.event_log.update().values(payload_json={"dataset": {}}))
    published.log("dataset_renamed", dataset_id)
    lost = take(config).not_taken
    assert [(one.kind, one.what) for one in lost] == [(NotTakenKind.EVENT, "event 1"), (NotTakenKind.EVENT, "event 2")]
    assert lost[1].reason == "it cannot be read: its type is 'dataset_renamed'"
    assert [event.event_type for event in read_all(config, "r")] == ["dataset_created", "revision_added"]


# ---- an adoption that is interrupted, or done before -----------------------------------------------------


def test_a_second_adoption_changes_nothing(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    take(config)
    with opened(config) as engine:
        before = engine.store.catalogue.event_log.read(0, 100)
    report = take(config)
    assert report.line == "nothing to do: the lake is in use, and has 1 of 1 dataset"
    with opened(config) as engine:
        assert engine.store.catalogue.event_log.read(0, 100) == before


def test_what_the_published_package_writes_after_the_adoption_is_told(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    take(config)
    published.add_dataset({"match_id": 2}, [MATCH], updated_at=dt.datetime.now(dt.UTC))
    report = take(config)
    assert report.line == (
        "nothing to do: the lake is in use, and has 1 of 2 datasets; the published package has written 1 dataset "
        "since, and that may not be taken"
    )
    assert (report.written_since, report.is_whole) == (1, False)


def test_what_the_published_package_writes_during_the_adoption_is_told(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])

    def write() -> None:
        published.add_dataset({"match_id": 2}, [MATCH], updated_at=dt.datetime.now(dt.UTC))

    with installed({"adoption.taken": write}):
        report = take(config)
    assert report.line.endswith("; the published package has written 1 dataset meanwhile, and that may not be taken")
    assert (report.progress.datasets, report.is_whole) == (1, False)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("failpoint", ["adoption.taken", "adoption.logged", "adoption.finished"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_interrupted_adoption_goes_on(
    published: PublishedLake, config: Path, monkeypatch: pytest.MonkeyPatch, failpoint: str, number: int
):
    monkeypatch.setattr("ingestify.store.maintenance.adoption._LOADED_AT_ONCE", 2)
    monkeypatch.setattr("ingestify.store.maintenance.adoption._EVENTS_AT_ONCE", 2)
    ids = [published.add_dataset({"match_id": n}, [PublishedFile("match", b"%d" % n)]) for n in range(5)]
    for one in ids[:3]:
        published.log("revision_added", one)
    published.add_reader("half", 2)
    with installed({failpoint: FailsAt(number)}):
        interrupted = (
            contextlib.nullcontext() if (failpoint, number) == ("adoption.finished", 2) else pytest.raises(StoreError)
        )
        with interrupted:
            take(config)
    if failpoint != "adoption.finished":
        with pytest.raises(ConfigurationError, match=r"was interrupted: ingestify\.adopt\(…, dry_run=False\) goes on"):
            get_engine(config)
        report = take(config)
        assert report.progress.datasets + report.progress.already == 5
        assert report.progress.objects == report.progress.datasets, "an object was read twice"
    with opened(config) as engine:
        assert [one.dataset_id for one in engine.store.get_dataset_collection()] == ids
        events = engine.store.catalogue.event_log.read(0, 100)
        assert [event.position for event in events] == list(range(1, 11))
        assert sorted((event.event_type, event.dataset.dataset_id) for event in events) == sorted(
            (kind, one) for kind in ("dataset_created", "revision_added") for one in ids
        )
        (reader,) = engine.store.catalogue.event_readers.list_readers()
        assert (reader.name, reader.position) == ("half", 9), "two of the three that were logged"


def test_what_the_published_package_changed_after_an_interruption_is_taken_as_it_is_now(
    published: PublishedLake, config: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ingestify.store.maintenance.adoption._EVENTS_AT_ONCE", 1)
    same, changed, deleted = [published.add_dataset({"match_id": n}, [MATCH]) for n in range(3)]
    published.log("revision_added", changed)
    with installed({"adoption.logged": FailsAt(3)}), pytest.raises(StoreError):
        take(config)  # an event that the log lacks is there at the position of the log's next one
    published.add_revision(changed, [MATCH_2])
    published.log("revision_added", changed)
    published.delete(deleted)
    new = published.add_dataset({"match_id": 3}, [MATCH])
    published.add_reader("r", 2)
    report = take(config)
    assert (report.progress.already, report.progress.datasets, report.progress.objects) == (1, 2, 3)
    with opened(config) as engine:
        there = {one.dataset_id: one for one in engine.store.get_dataset_collection()}
        assert there.keys() == {same, changed, new}
        assert contents(engine, there[changed]) == {"match__v1": MATCH_2.content}
        events = engine.store.catalogue.event_log.read(0, 100)
        assert [(event.position, event.dataset.dataset_id) for event in events[-2:]] == [(6, changed), (7, changed)]
        assert sorted((event.event_type, event.dataset.dataset_id) for event in events) == sorted(
            [("revision_added", one) for one in (same, changed, changed, new)]
            + [("dataset_created", one) for one in (same, changed, new)]
        )


def test_two_processes_do_not_adopt_one_lake_at_once(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    refused: list[str] = []

    def adopt_too() -> None:
        with pytest.raises(StoreError, match=r"Another process adopts this lake now \(process \d+"):
            take(config)
        refused.append("")

    with installed({"adoption.taken": adopt_too}):
        assert take(config).progress.datasets == 1
    assert len(refused) == 1


def test_a_storage_of_another_lake_is_refused(published: PublishedLake, config: Path):
    (config.parent / "files").mkdir()
    (config.parent / "files" / ".lake.json").write_text('{"lake_id": "x", "epoch": 1, "mark": "y"}')
    with pytest.raises(LakeIdentityError, match="belongs to a lake already"):
        adopt(config)


def test_a_storage_without_its_files_is_refused(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    (config.parent / "files").rename(config.parent / "elsewhere")
    published.engine.dispose()
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    for options in ({"dry_run": True}, {"dry_run": False}, {"dry_run": False, "to": config.parent / "target"}):
        with pytest.raises(LakeIdentityError, match="has none of the 1 files that were looked for"):
            adopt(config, **options)
    assert {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()} == before
    (config.parent / "elsewhere").rename(config.parent / "files")
    assert take(config).progress.datasets == 1


def test_a_storage_that_may_only_be_read_is_adopted_and_told(
    published: PublishedLake, config: Path, caplog: pytest.LogCaptureFixture
):
    published.add_dataset({"match_id": 1}, [MATCH])
    (config.parent / "files" / ".staging").write_text("nothing can be written where this is no folder")
    assert take(config).progress.datasets == 1
    assert "The lake is adopted, but nothing can be written to its storage" in caplog.text
    with opened(config) as engine:
        assert contents(engine, the_only(engine)) == {"match__v1": MATCH.content}


# ---- afterwards ----------------------------------------------------------------------------------------


def objects(config: Path) -> set[str]:
    root = config.parent / "files"
    return {path.relative_to(root).as_posix() for path in root.rglob("*.gz")}


def test_garbage_is_what_no_row_names_of_either_package_and_what_our_lake_deleted(
    published: PublishedLake, config: Path
):
    published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    published.delete(published.add_dataset({"match_id": 2}, [MATCH]))  # objects that no row names
    published.add_dataset({"match_id": 3}, [EVENTS])
    object_of(config, "match_id=3/0/events__v8.json.gz").write_bytes(b"damaged")  # never taken: it stays
    foreign = config.parent / "files" / "main/notes/0/a__b.json.gz"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"")
    take(config)
    everything = objects(config)
    orphans = {path for path in everything if "match_id=2" in path}
    deleted = {path for path in everything if "match_id=1" in path}
    assert (len(orphans), len(deleted)) == (1, 2)
    with get_engine(config) as engine:
        assert engine.collect_garbage().objects == 0  # too young
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
        with reading(lambda: later):
            assert engine.verify().orphans == 1
            assert engine.collect_garbage().objects == 1
            assert objects(config) == everything - orphans
            engine.store.delete_datasets([the_only(engine)])
            assert engine.collect_garbage().objects == 0  # a reader may have it open
            engine.store.catalogue.deletions.forget(later)  # as if the storage had kept them for now
        with reading(lambda: later + dt.timedelta(days=2)):
            assert engine.collect_garbage().objects == 2
            assert objects(config) == everything - orphans - deleted
            assert not engine.verify().damages


def test_the_objects_of_a_deleted_dataset_are_garbage_also_with_slashes_in_its_path(
    published: PublishedLake, config: Path
):
    word = {"word": "50% \\ ü / x = y"}  # before 0.14, values were in paths as they are
    published.add_dataset(word, [MATCH], path_values=word)
    published.add_dataset(word | {"n": 1}, [MATCH], path_values=word | {"n": "1"})
    take(config)
    everything = objects(config)
    with opened(config) as engine:
        engine.destroy_dataset(dataset_id=the_first(engine).dataset_id)
        with reading(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=2)):
            assert engine.collect_garbage().objects == 1
    assert objects(config) == {path for path in everything if "/n=1/" in path}


def test_a_lost_file_is_restored_from_another_copy_where_it_was(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    published.add_dataset({"match_id": 2}, [MATCH])
    take(config)
    lost = object_of(config, "match_id=1/0/match__v1.json.gz")
    lost.unlink()
    with opened(config) as engine:
        engine.verify(repair=True)
    assert gzip.decompress(lost.read_bytes()) == MATCH.content


def test_delete_now_removes_adopted_objects(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    take(config)
    with get_engine(config) as engine:
        engine.store.delete_datasets([the_only(engine)], with_objects=True)
    assert not objects(config)


def test_the_old_tables_may_be_dropped_afterwards(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    take(config)
    published.dataset.metadata.drop_all(published.engine)
    with opened(config) as engine:
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
        with reading(lambda: later):
            assert engine.collect_garbage().objects == 0
        assert contents(engine, the_only(engine)) == {"match__v1": MATCH.content}


class Matches(Source):
    """A provider with one match, whose file is as the published package has fetched it."""

    provider = "made_up"

    def find_datasets(self, dataset_type: str, *_: object, **__: object) -> Iterator[DatasetResource]:
        def load(*_: object, **__: object) -> DraftFile:
            return DraftFile.from_input(MATCH.content, "match", data_serialization_format="json")

        yield DatasetResource({"match_id": 1}, dataset_type, self.provider, name="A - B").add_file(
            BEGIN, "match", file_loader=load
        )


def test_what_is_fetched_anew_and_the_same_is_restored_where_it_was(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH], failed=[0])
    take(config)
    stored = object_of(config, "match__v1.json.gz")
    for damaged in (False, True):
        before = stored.read_bytes()
        if damaged:
            stored.write_bytes(before[:-1] + b"x")
        with get_engine(config) as engine:
            engine.add_ingestion_plan(IngestionPlan(Matches("made_up"), "match"))
            assert engine.load().totals.revised == 0
            assert gzip.decompress(stored.read_bytes()) == MATCH.content
            assert not engine.verify().damages
            assert the_only(engine).revisions[-1].state is RevisionState.CONFIRMED
            engine.store.invalidate_revision(the_only(engine))


# ---- into another lake ---------------------------------------------------------------------------------


def test_it_can_be_copied_into_another_lake(published: PublishedLake, config: Path):
    dataset_id = published.add_dataset({"match_id": 1}, [MATCH, EVENTS], [MATCH_2])
    published.add_dataset({"match_id": 2}, [MATCH], bucket="second")
    published.add_dataset({"match_id": 3}, [LINEUPS])
    object_of(config, "lineups__v4.json.gz").write_bytes(gzip.compress(b"{}", 9))
    published.log("revision_added", dataset_id)
    published.add_reader("r", 1)
    published.engine.dispose()
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    target = config.parent / "target"
    assert adopt(config, to=target).progress.datasets == 3
    assert not target.exists()
    report = take(config, to=target)
    assert (report.progress.datasets, report.progress.events, [one.kind for one in report.not_taken]) == (
        2,
        4 + 1,
        [NotTakenKind.LEFT_OUT],
    )
    with opened(target) as engine:
        dataset = the_only(engine)
        assert contents(engine, dataset) == {"match__v1": MATCH_2.content, "events__v8": EVENTS.content}
        assert "/0/" not in dataset.files["match"].storage_path
        assert [one.position for one in engine.store.catalogue.event_readers.list_readers()] == [5], (
            "behind the four that the log lacks"
        )
    assert take(config, to=target).line == "nothing to do: the lake is in use, and has 2 of 3 datasets"
    assert {path: path.read_bytes() for path in before if path.parent != target} == before
    with pytest.raises(ConfigurationError, match="has a lake of the published package"):
        get_engine(config)


def test_a_lake_in_use_is_no_target(published: PublishedLake, config: Path):
    published.add_dataset({"match_id": 1}, [MATCH])
    target = config.parent / "target"
    with get_engine(metadata_url=f"sqlite:///{target}/catalog.db", file_url=f"file://{target}/files") as own:
        own.store.create()
        own.store.identity.claim()
    with pytest.raises(ConfigurationError, match=r"Somebody has written to the lake .* before, so nothing was taken"):
        take(config, to=target)


def test_nobody_writes_to_half_a_copy(published: PublishedLake, config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingestify.store.maintenance.adoption._LOADED_AT_ONCE", 1)
    for number in range(2):
        published.add_dataset({"match_id": number}, [MATCH])
    target = config.parent / "target"
    with installed({"adoption.taken": FailsAt(1)}), pytest.raises(StoreError):
        take(config, to=target)
    with get_engine(target) as engine:
        for write in (
            lambda: engine.collect_garbage(older_than=dt.timedelta(0)),
            lambda: engine.store.delete_datasets([the_only(engine)]),
            lambda: engine.store.identity.restore(),
        ):
            with pytest.raises(StoreError, match="An adoption into this lake was interrupted, or goes on"):
                write()
    assert take(config, to=target).progress.already == 1
    with opened(target) as engine:
        assert len(engine.store.get_dataset_collection()) == 2
        engine.store.delete_datasets(engine.store.get_dataset_collection())


def test_a_lake_from_before_lakes_had_epochs_is_no_target(published: PublishedLake, config: Path):
    dataset_id = published.add_dataset({"match_id": 1}, [MATCH])
    target = config.parent / "target"
    take(config, to=target)
    published.delete(dataset_id)
    published.add_dataset({"match_id": 2}, [MATCH])
    with contextlib.closing(sqlite3.connect(target / "catalog.db")) as connection, connection:
        connection.execute("DELETE FROM lake")
    (target / "files" / ".lake.json").unlink()
    with pytest.raises(ConfigurationError, match=r"Somebody has written to the lake .* before, so nothing was taken"):
        take(config, to=target)
    with opened(target) as engine:
        assert the_only(engine).dataset_id == dataset_id


def test_a_copy_into_itself_is_refused(published: PublishedLake, config: Path):
    with pytest.raises(ConfigurationError, match="a copy goes into a lake of its own"):
        adopt(config, to=config)
