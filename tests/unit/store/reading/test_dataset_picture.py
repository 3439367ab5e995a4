"""Pictures of stored datasets, and what a notebook shows of them unasked."""

from __future__ import annotations

import json
import re
import time
from types import SimpleNamespace

import pytest

from ingestify import Dataset, DatasetResource, DatasetState, DraftFile, get_dev_engine
from ingestify.domain import coverage
from ingestify.domain.lake_coverage import coverage_of_competitions
from ingestify.domain.overview import CompetitionCoverage
from ingestify.errors import ConfigurationError, IntegrityError, LoadError
from ingestify.pictures import picture
from ingestify.store.reading import dataset_picture
from tests.support.lake_in_memory import FunctionSource, hours
from tests.support.statsbomb_files import LINEUPS, a_shot, event, xi

EVENTS = [xi(0), xi(1), a_shot(), a_shot(1, "Saved", at="00:20:00.000", minute=20)]
IMAGE = re.compile(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" width="480" alt="([^"]*)">')


class StatsBomb(FunctionSource):
    provider = "statsbomb"


def lake_of(events=EVENTS, feeds=("events", "lineups"), dataset_type="match", source=StatsBomb):
    contents = {"events": events, "lineups": LINEUPS, "frames": [1]}
    lake = SimpleNamespace(contents=contents)

    def find(**_):
        metadata = {"home_team": {"name": "Blues"}, "away_team": "Reds", "competition": "Cup <1>", "season": "2026"}
        resource = DatasetResource({"match_id": 1}, dataset_type, name="Blues - Reds", metadata=metadata)
        for feed in feeds:
            resource.add_file(hours(0 if contents[feed] is events else 1), feed, json_content=contents[feed])
        yield resource

    lake.engine = get_dev_engine(source(find), dataset_type)
    assert lake.engine.load().totals.new == 1
    return lake


@pytest.fixture
def lake():
    return lake_of()


@pytest.fixture
def dataset(lake):
    return lake.engine.list_datasets()[0]


# ---- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("shots", "Shots: Blues 0–1 Reds"),
        ("xg", "xG race: Blues 0–1 Reds"),
        ("lineups", "Line-ups: Blues 0–1 Reds"),
        ("frame", "Freeze frame: Jorginho, 11′, xG 0.20, goal"),
    ],
)
def test_a_dataset_draws_its_match(dataset, kind, title):
    assert dataset.plot(kind).title == title


def test_a_shot_is_named_by_its_id(dataset):
    saved = dataset.plot("shots").row_ids[1]
    assert dataset.plot("frame", shot=saved).title == "Freeze frame: Jorginho, 21′, xG 0.20, saved"
    with pytest.raises(LoadError, match="has no shot 'nope'"):
        dataset.plot("frame", shot="nope")


def test_an_unknown_picture_is_an_error_that_lists_them(dataset):
    with pytest.raises(ConfigurationError, match=r"'shots'\? There are shots, xg, frame, lineups\."):
        dataset.plot("shot")


def test_an_earlier_revision_is_drawn_too():
    lake = lake_of()
    lake.contents["events"] = EVENTS[:2]
    assert lake.engine.load().totals.revised == 1
    dataset = lake.engine.list_datasets()[0]
    assert dataset.plot().title == "Shots: Blues 0–0 Reds"
    assert dataset.at(revision=0).plot().title == "Shots: Blues 0–1 Reds"


@pytest.mark.parametrize(
    ("events", "feeds", "reason"),
    [
        ([{"period": "first"}], ("events",), "cannot be drawn. These events are not as StatsBomb writes them"),
        (EVENTS, ("lineups",), "events"),
        ([xi(0)], ("events",), "has no shots"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_in_a_notebook_a_sentence(events, feeds, reason):
    dataset = lake_of(events, feeds).engine.list_datasets()[0]
    with pytest.raises(LoadError, match=reason):
        dataset.plot("frame")
    shown = dataset._repr_html_()
    assert "<td>Blues - Reds</td>" in shown
    assert IMAGE.search(shown) or ("<p>No picture: " in shown and reason in shown)


def test_a_match_without_line_ups_is_drawn_with_the_names_of_the_events():
    dataset = lake_of(feeds=("events",)).engine.list_datasets()[0]
    assert "Jorge Luiz Frello Filho" in dataset.plot().rows[0]


def test_a_dataset_of_no_lake_says_so(dataset):
    lost = Dataset(**{name: getattr(dataset, name) for name in Dataset.__dataclass_fields__})
    with pytest.raises(LoadError, match="does not know its lake"):
        lost.plot()
    assert "<table>" in lost._repr_html_()


# ---- what a notebook shows unasked -----------------------------------------------------------------------------------


def test_a_notebook_shows_the_shots_and_a_row(dataset):
    shown = dataset._repr_html_()
    assert IMAGE.search(shown)[1] == "Shot map of Blues 0–1 Reds: 1 and 1 shots, xG 0.20 and 0.20."
    assert shown.count("<tr>") == 2
    assert "<svg" not in shown


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        (FunctionSource, "match", "plot() reads fake&#x27;s matches with kloppy, which takes seconds"),
        (FunctionSource, "tracking", "plot(&#x27;frame&#x27;) draws a frame of tracking data"),
        (FunctionSource, "video", "it is a video"),
    ],
)
def test_what_would_take_long_is_not_drawn_unasked(source, kind, sentence):
    dataset = lake_of(feeds=("frames",), dataset_type=kind, source=source).engine.list_datasets()[0]
    assert sentence.replace("&#x27;", "'") in dataset._repr_html_()


def test_a_damaged_object_is_a_sentence(lake, dataset, monkeypatch):
    def is_gone(*_):
        raise IntegrityError("The object <x> is not there.")

    monkeypatch.setattr(lake.engine.store.storage, "open", is_gone)
    assert "<p>No picture: The object &lt;x&gt; is not there.</p>" in dataset._repr_html_()
    with pytest.raises(IntegrityError):
        dataset.plot()


def test_a_notebook_does_not_wait_for_a_storage_that_is_away(lake, dataset, monkeypatch):
    monkeypatch.setattr(picture, "PREVIEW_SECONDS", 0.05)
    stays_away = time.sleep
    monkeypatch.setattr(lake.engine.store.storage, "open", lambda *_: stays_away(0.5))
    begun = time.monotonic()
    shown = dataset._repr_html_()
    assert "No picture: it takes longer than 0.05 s; plot() waits for it" in shown
    assert time.monotonic() - begun < 0.4


def test_a_list_and_a_collection_show_their_coverage(lake):
    listed = lake.engine.list_datasets()
    found = lake.engine.store.get_dataset_collection(provider="statsbomb")
    for one in (listed, found):
        assert IMAGE.search(one._repr_html_())[1] == "Coverage of 1 row: events 1 of 1, lineups 1 of 1."
        assert one.plot().rows[0] == ("Cup <1> 2026 (statsbomb match)", "events", 1, 0, 0, 0)
    assert not IMAGE.search(lake.engine.list_datasets(match_id=2)._repr_html_())


def test_very_many_datasets_are_drawn_only_if_asked(lake, monkeypatch):
    monkeypatch.setattr(coverage, "_MOST_SHOWN", 0)
    listed = lake.engine.list_datasets()
    assert "plot() draws it" in listed._repr_html_()
    assert listed.plot().rows


def test_a_report_and_an_engine_show_the_runs(lake):
    report = lake.engine.last_report
    for shown in (report._repr_html_(), lake.engine._repr_html_()):
        assert IMAGE.search(shown)[1] == "1 run of 1 selector; jobs: 1 finished."
    assert report.plot().rows[0][3] == "finished"
    assert repr(lake.engine).startswith("IngestionEngine(")


def test_an_engine_draws_its_lake(lake):
    for drawn in (lake.engine.plot(), lake.engine.plot(match_id=1), lake.engine.plot(provider="statsbomb")):
        assert drawn.row_ids == ["statsbomb/match/competition_id=1"] * 2
        assert [row[1:] for row in drawn.rows] == [("events", 1, 0, 0, 0), ("lineups", 1, 0, 0, 0)]
    assert lake.engine.plot(provider="wyscout").rows == []
    assert lake.engine.plot(match_id=2).rows == []
    assert lake.engine.plot("runs").alt == "1 run of 1 selector; jobs: 1 finished."
    with pytest.raises(ConfigurationError, match="no filters"):
        lake.engine.plot("runs", match_id=1)
    with pytest.raises(ConfigurationError, match="no picture 'shots' of a lake"):
        lake.engine.plot("shots")


def test_a_catalogue_that_is_away_is_a_sentence(lake, monkeypatch):
    def is_away(*_, **__):
        raise OSError("the server is away")

    monkeypatch.setattr(lake.engine.store.catalogue.jobs, "load", is_away)
    assert "<p>No picture: the server is away.</p>" in lake.engine._repr_html_()


def test_a_diff_shows_how_many_records_changed():
    lake = lake_of()
    corrected = json.loads(json.dumps(EVENTS))
    corrected[2]["shot"]["statsbomb_xg"] = 0.3
    corrected[2]["minute"] = 11
    corrected.append(event("Pass"))
    lake.contents["events"] = corrected
    lake.engine.load()
    diff = lake.engine.diff(lake.engine.list_datasets()[0])
    drawn = diff.plot()
    assert drawn.rows == [("events", 1, 0, 1, 0, 0)]
    assert IMAGE.search(diff._repr_html_())[1].startswith("Blues - Reds, revision 0 → 1: ")


def test_events_that_are_larger_than_any_match_are_not_read(dataset, monkeypatch):
    monkeypatch.setattr(dataset_picture, "PRELOAD_BYTES", 10)
    with pytest.raises(LoadError, match="which no match has"):
        dataset.plot()


def test_the_coverage_of_a_lake_knows_what_is_not_there():
    counted = CompetitionCoverage(
        provider="p",
        dataset_type="match",
        competition_id="43",
        season_id="",
        name="Cup",
        expected=20,
        states={DatasetState.COMPLETE: 12},
        only_quarantined=2,
        never_stored=3,
        feeds={"events": 12, "360-frames": 5, "gone": 0},
    )
    drawn = coverage_of_competitions([counted])
    name = "Cup (p match)"
    assert drawn.rows == [(name, "events", 12, 2, 3, 3), (name, "360-frames", 5, 2, 3, 10)]
    assert drawn.row_ids == ["p/match/competition_id=43"] * 2


# ---- by kloppy ---------------------------------------------------------------------------------------------------


def lake_of_files(provider, dataset_type, files, metadata=None):
    class OfFiles(FunctionSource):
        def find_datasets(self, dataset_type, **_):
            resource = DatasetResource({"match_id": 1}, dataset_type, name="it", metadata=metadata or {})
            for feed, (path, kind) in files.items():
                resource.add_file(
                    None,
                    feed,
                    data_serialization_format=kind,
                    file_loader=lambda file, _, path=path, kind=kind: DraftFile.from_input(
                        path.read_bytes(), file.data_feed_key, "v1", kind
                    ),
                )
            yield resource

    OfFiles.provider = provider
    engine = get_dev_engine(OfFiles(lambda: None), dataset_type)
    assert engine.load().totals.new == 1
    return engine.list_datasets()[0]


def test_a_match_of_another_provider_is_drawn_by_kloppy_with_the_result_of_the_lake(excerpts):
    (path,) = (excerpts / "wyscout/processed-v2/files").glob("*.json")
    dataset = lake_of_files("wyscout", "match", {"events": (path, "json")}, {"home_score": 9, "away_score": 8})
    drawn = dataset.plot("shots")
    assert " 9–8 " in drawn.title
    assert drawn.rows
    assert "The events do not have the same goals as the result." in drawn.svg
    assert "plot() reads wyscout's matches with kloppy" in dataset._repr_html_()


def test_a_frame_of_tracking_data_is_drawn_by_its_number(provider_data):
    samples = provider_data / "_samples/kloppy"
    files = {"metadata": (samples / "tracab_meta.xml", "xml"), "frames": (samples / "tracab_raw.dat", "txt")}
    dataset = lake_of_files("tracab", "tracking", files)
    assert len(dataset.plot("frame", frame=1).rows) > 10
    for number in (-1, 10**6):
        with pytest.raises(LoadError, match=f"has no frame {number}"):
            dataset.plot("frame", frame=number)
    with pytest.raises(LoadError, match="it is tracking data"):
        dataset.plot("shots")
