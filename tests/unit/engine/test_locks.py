"""Locks: a study is repeated with the same bytes, in this lake and in a co-author's."""

from __future__ import annotations

import json
import pickle

import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.domain.lock import Lock, LockStatus
from ingestify.errors import ConfigurationError, LockError


class Season(Source):
    """Serves three matches, of which a test corrects some."""

    provider = "mine"

    def __init__(self, name):
        super().__init__(name)
        self.versions = {(match, feed): 0 for match in (1, 2, 3) for feed in ("events", "lineups")}

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for match in sorted({match for match, _ in self.versions}):
            resource = DatasetResource({"season_id": 9, "match_id": match}, dataset_type)
            for (of, feed), version in self.versions.items():
                if of == match:
                    resource.add_file(None, feed, json_content=[{"id": match, "version": version}])
            yield resource


@pytest.fixture
def source():
    return Season("mine")


@pytest.fixture
def engine(source):
    with get_dev_engine(source, "match") as made:
        made.load()
        yield made


@pytest.fixture
def coauthor(source):
    """A second lake that is filled from the same provider on its own."""
    with get_dev_engine(source, "match") as made:
        yield made


def correct(source, engine, *what):
    for match, feed in what:
        source.versions[match, feed] += 1
    engine.load()


def bytes_of(engine, lock, **filters):
    read = {}
    for dataset in engine.iter_datasets(lock=lock, **filters):
        with engine.store.load_files(dataset) as files:
            read[dataset.identifier["match_id"]] = {file.data_feed_key: file.read() for file in files}
    return read


def statuses(engine, lock):
    return [one.status for one in engine.check_lock(lock)]


def test_a_lock_gives_the_bytes_of_before_a_correction_here_and_in_another_lake(engine, coauthor, source, tmp_path):
    path = tmp_path / "study.lock"
    made = engine.lock(path, season_id=9)
    assert Lock.read(path) == made
    coauthor.load()
    before = bytes_of(engine, path)
    assert sorted(before) == [1, 2, 3]
    assert before == bytes_of(coauthor, made)
    assert statuses(engine, path) == [LockStatus.SAME] * 3

    correct(source, engine, (2, "events"))
    coauthor.load()
    for lake in (engine, coauthor):
        assert bytes_of(lake, path) == before
        assert statuses(lake, path) == [LockStatus.SAME, LockStatus.OTHER_REVISION, LockStatus.SAME]
        (frame,) = (one.to_polars("events") for one in lake.iter_datasets(lock=path, match_id=2))
        assert frame["version"].to_list() == [0]


def test_a_lake_that_lacks_locked_bytes_says_which_and_yields_nothing(engine, coauthor, source, tmp_path):
    path = tmp_path / "study.lock"
    engine.lock(path)
    correct(source, engine, (2, "events"))
    coauthor.load(match_id=2)
    checked = coauthor.check_lock(path)
    assert [(one.status, one.lacking) for one in checked] == [
        (LockStatus.MISSING, ["events__v1", "lineups__v1"]),
        (LockStatus.DIFFERS, ["events__v1"]),
        (LockStatus.MISSING, ["events__v1", "lineups__v1"]),
    ]
    assert not checked.is_readable
    assert "3 datasets: 0 same, 0 other revision, 1 differs, 2 missing" in repr(checked)
    assert checked.to_polars()["status"].to_list() == ["missing", "differs", "missing"]
    with pytest.raises(LockError, match=r"lacks locked bytes of 3 of 3 datasets") as raised:
        next(iter(coauthor.iter_datasets(lock=path)))
    assert raised.value.lacking[1] == (
        "mine/match/season_id=9/match_id=2: no revision has the locked bytes of events__v1"
    )
    assert pickle.loads(pickle.dumps(raised.value)).lacking == raised.value.lacking
    with pytest.raises(LockError, match="of 3 datasets:\n  mine/match/season_id=9/match_id=3: the lake does not have"):
        list(coauthor.iter_datasets(lock=path, match_id=3))


def test_files_that_came_with_several_revisions_are_put_together(engine, coauthor, source):
    source.versions = {key: 1 if key == (1, "lineups") else 0 for key in source.versions}
    coauthor.load()
    made = coauthor.lock(match_id=1)
    correct(source, engine, (1, "events"))
    found = list(engine.iter_datasets(lock=made))
    assert [(one.data_feed_key, one.revision_id) for one in found[0].files.values()] == [("events", 0), ("lineups", 1)]
    assert bytes_of(engine, made) == bytes_of(coauthor, made)
    assert statuses(engine, made) == [LockStatus.OTHER_REVISION]


def test_files_of_several_revisions_have_a_history_without_a_gap(engine, coauthor, source):
    source.versions = {key: 1 if key == (1, "lineups") else 0 for key in source.versions}
    coauthor.load()
    made = coauthor.lock(match_id=1)
    correct(source, engine, (1, "events"))
    correct(source, engine, (1, "events"), (1, "lineups"))
    (checked,) = engine.check_lock(made)
    assert checked.why == "its bytes came with the revisions 0, 1, and no revision has just these"
    (found,) = engine.iter_datasets(lock=made)
    assert [one.revision_id for one in found.revisions] == [0, 1]
    assert found.at(revision=1) is found
    assert len(engine.log(found)) == 2
    assert len(engine.diff(found)) == 1


def test_a_lock_of_before_a_feed_was_added_has_just_its_files(engine, source):
    made = engine.lock(match_id=1)
    source.versions[1, "tracking"] = 0
    engine.load()
    assert [sorted(one) for one in bytes_of(engine, made).values()] == [["events", "lineups"]]


def test_a_lock_is_sorted_text_that_names_no_lake(engine, coauthor):
    coauthor.load()
    text = engine.lock().text()
    ids = {one.dataset_id for one in engine.list_datasets()}
    assert not any(one in text for one in ids)
    lines = text.splitlines()
    assert len(lines) == 2 + 3 * 3, "a line for each dataset and each file, and the brackets"
    theirs = coauthor.lock().text().splitlines()
    assert [one for one in lines if "sha256" in one] == [one for one in theirs if "sha256" in one]
    assert Lock.parse(text).text() == text
    listed = json.loads(text)["datasets"]
    assert [one["identifier"] for one in listed] == [{"season_id": 9, "match_id": n} for n in (1, 2, 3)]
    assert {tuple(one) for one in listed} == {("provider", "dataset_type", "identifier", "revision_at", "files")}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON"),
        ('{"ingestify_lock": 1, "datasets": [], "datasets": []}', "'datasets' is twice in one object"),
        ('{"ingestify_lock": 1, "datasets": [\n<<<<<<< HEAD\n', "has a conflict of git in line 2: choose"),
        ('{"ingestify_lock": 1,\r\n=======\r\n', "has a conflict of git in line 2: choose"),
        ("[]", "is no lock"),
        ('{"ingestify_lock": 2}', "has the version 2; this ingestify knows 1"),
        ('{"ingestify_lock": 1}', "has no list of datasets"),
        ('{"ingestify_lock": 1, "datasets": [{}]}', "Dataset 1 of the lock .* cannot be read: KeyError"),
        ('{"ingestify_lock": 1, "datasets": [7]}', "Dataset 1 of the lock"),
    ],
)
def test_what_is_no_lock_is_refused(engine, tmp_path, text, says):
    path = tmp_path / "study.lock"
    path.write_text(text)
    with pytest.raises(LockError, match=says):
        engine.iter_datasets(lock=path)
    with pytest.raises(LockError, match=says):
        engine.check_lock(path)


def test_a_dataset_that_is_twice_in_a_lock_is_refused(engine):
    content = json.loads(engine.lock(match_id=1).text())
    content["datasets"] *= 2
    with pytest.raises(LockError, match=r"match_id=1.* is twice in the lock"):
        Lock.parse(json.dumps(content))
    content["datasets"] = content["datasets"][:1]
    content["datasets"][0]["files"]["events__v1"]["sha256"] = "short"
    with pytest.raises(LockError, match="a file without size and sha256"):
        Lock.parse(json.dumps(content))


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "edit",
    [
        {"provider": 12},
        {"provider": ["mine"]},
        {"provider": "\ud800"},
        {"dataset_type": None},
        {"identifier": ""},
        {"revision_at": "0001-01-01T00:00:00+05:00"},
        {"files": {"events__v1": {"size": 1, "sha256": "A" * 64}}},
        {"files": {"events__v1": {"size": True, "sha256": "a" * 64}}},
    ],
)
def test_a_lock_that_was_edited_by_hand_is_read_or_refused(engine, edit):
    content = json.loads(engine.lock().text())
    content["datasets"][0].update(edit)
    with pytest.raises(LockError):
        Lock.parse(json.dumps(content))


def test_a_lock_that_an_editor_on_windows_wrote_is_read(engine, tmp_path):
    path = tmp_path / "study.lock"
    made = engine.lock()
    path.write_text(made.text(), encoding="utf-8-sig", newline="\r\n")
    assert Lock.read(path) == made


def test_bytes_that_the_lake_has_under_another_version_of_the_feed_are_named(engine):
    made = Lock.parse(engine.lock(match_id=1).text().replace("events__v1", "events__v8"))
    with pytest.raises(LockError, match=r"the locked bytes of events__v8 \(they are there as events__v1\)"):
        list(engine.iter_datasets(lock=made))


def test_filters_that_name_nothing_of_a_lock_are_told(engine, caplog):
    made = engine.lock()
    for ask in (
        lambda: list(engine.iter_datasets(lock=made, match_id=77)),
        lambda: engine.check_lock(made, match_id=77),
    ):
        caplog.clear()
        assert len(ask()) == 0
        assert [record.getMessage() for record in caplog.records] == [
            "The lock has no dataset with match_id=77; it has 3 datasets."
        ]


def test_what_cannot_be_read_or_written_is_an_error(engine, tmp_path):
    with pytest.raises(LockError, match=r"nothing\.lock cannot be read"):
        engine.iter_datasets(lock=tmp_path / "nothing.lock")
    with pytest.raises(LockError, match="cannot be read"):
        engine.iter_datasets(lock="nothing\0.lock")
    with pytest.raises(LockError, match="cannot be written"):
        engine.lock(tmp_path / "no" / "folder.lock")


@pytest.mark.parametrize(
    "filters", [{"state": "COMPLETE"}, {"where": "match_id > 1"}, {"as_of": "2026-10-31"}, {"dataset_id": "x"}]
)
def test_a_lock_is_narrowed_by_what_it_knows(engine, filters):
    made = engine.lock()
    with pytest.raises(ConfigurationError, match="narrowed by provider, dataset_type and identifier keys only"):
        engine.iter_datasets(lock=made, **filters)
    with pytest.raises(ConfigurationError, match="leave streaming out"):
        engine.iter_datasets(lock=made, auto_ingest={"streaming": True})


def test_datasets_without_files_are_named_and_not_locked(source, caplog):
    class Later(Season):
        def find_datasets(self, dataset_type, *arguments, **selector):
            yield DatasetResource({"match_id": 4}, dataset_type, state="SCHEDULED")

    with get_dev_engine(Later("mine"), "match") as engine:
        engine.load()
        caplog.clear()
        assert len(engine.lock()) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "Not in the lock, as there are no files: mine/match/match_id=4."
    ]


def test_collections_and_an_ingest_before_go_with_a_lock(engine, source):
    made = engine.lock()
    source.versions[1, "events"] += 1
    batches = list(
        engine.iter_datasets(lock=made, auto_ingest=True, batch_size=2, yield_dataset_collection=True, provider="mine")
    )
    assert [len(batch) for batch in batches] == [2, 1]
    assert batches[0][0].to_polars("events")["version"].to_list() == [0]
    assert statuses(engine, made)[0] is LockStatus.OTHER_REVISION


def test_a_lock_of_nothing_is_not_written(engine, tmp_path):
    path = tmp_path / "study.lock"
    engine.lock(path)
    before = path.read_bytes()
    for filters in ({"match_id": 99}, {"provider": "nobody"}):
        with pytest.raises(LockError, match=r"nothing to lock; .*study.lock is not written"):
            engine.lock(path, **filters)
    with pytest.raises(LockError, match="cannot be written"):
        engine.lock(f"{tmp_path}/a\0b")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["study.lock"]
