from __future__ import annotations

import io
import zipfile

import pytest

from ingestify import Selector
from ingestify.errors import SourceError
from ingestify.sources import wyscout_github
from ingestify.sources.wyscout_github import WyscoutGithub

from .answers import attached, find, find_all, unreadable, urls

ROOT = "https://mirror.example/main"
INDEX = f"{ROOT}/raw_data/matches.zip"
GERMANY = {"competition_id": 426, "season_id": 181137}


@pytest.fixture
def source(excerpts):
    return attached(WyscoutGithub("w", ROOT), {INDEX: (excerpts / "wyscout" / "raw_data" / "matches.zip").read_bytes()})


def test_the_competitions_are_named_with_their_seasons(source):
    assert [(one["competition_id"], one["season_id"], one["_name"]) for one in source.discover_selectors("match")] == [
        (102, 9291, "UEFA European Championship 2016"),
        (426, 181137, "German Bundesliga 2017"),
        (28, 10078, "FIFA World Cup 2018"),
    ]
    find(source, "match", **GERMANY)
    assert source.http.asked == [INDEX], "discoveries of one run share the index"


def test_a_match_has_its_entry_and_its_events_and_letters_with_accents_for_people(source):
    (match,) = find(source, "match", match_id=2516739, **GERMANY)
    assert str(match.identifier(Selector(GERMANY))).endswith("match_id=2516739")
    assert match.name == "Bayern München 3-1 Bayer Leverkusen, 2017-08-18"
    assert match.metadata["home_team"] == {"id": 2444, "name": "Bayern München"}
    assert (match.metadata["match_date"], match.metadata["kick_off"]) == ("2017-08-18", "18:30:00+00:00")
    assert urls(match) == {"match__v1": None, "events__v1": f"{ROOT}/processed-v2/files/2516739.json"}
    # What the provider wrote stays as it is.
    assert match.files["match__v1"].json_content["label"] == r"Bayern M\u00fcnchen - Bayer Leverkusen, 3 - 1"


def test_a_tournament_has_no_match_week_and_extra_time_is_no_part_of_a_name(source):
    (match,) = find(source, "match", competition_id=102, season_id=9291)
    assert match.name == "Portugal 1-0 France, 2016-07-10"
    assert match.metadata["match_week"] is None


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.json", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"<html>", "is no ZIP of JSON"),
        (zipped(matches_Italy=b"[{"), "is no ZIP of JSON"),
        (zipped(matches_Italy=b"{}"), r"matches_Italy\.json of .*matches\.zip is a JSON dict; a list was expected"),
    ],
)
def test_an_index_that_makes_no_sense_is_a_source_error(index, message):
    with pytest.raises(SourceError, match=message):
        find(attached(WyscoutGithub("w", ROOT), {INDEX: index}), "match", **GERMANY)


def test_an_unreadable_entry_is_reported_by_each_season_that_it_may_be_of():
    index = zipped(matches_Italy=b'[{"wyId": 1}, {"wyId": 2, "competitionId": 426}, {"wyId": 3, "competitionId": 28}]')
    found = find_all(attached(WyscoutGithub("w", ROOT), {INDEX: index}), "match", **GERMANY)
    assert unreadable(found) == {
        "match 1": "it has no competitionId, seasonId, dateutc",
        "match 2": "it has no seasonId, dateutc",
    }


def test_an_index_that_unpacks_to_far_more_than_it_should_is_refused(monkeypatch):
    monkeypatch.setattr(wyscout_github, "MOST_INDEX_BYTES", 1 << 20)
    made = attached(WyscoutGithub("w", ROOT), {INDEX: zipped(matches=b" " * (2 << 20))})
    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        find(made, "match", **GERMANY)


def test_a_label_of_another_form_is_the_name():
    entry = b'[{"wyId": 1, "competitionId": 9, "seasonId": 1, "dateutc": "2018-01-01 12:00:00", "label": "A v B"}]'
    made = attached(WyscoutGithub("w", ROOT), {INDEX: zipped(m=entry)})
    (match,) = find(made, "match", competition_id=9, season_id=1)
    assert match.name == "A v B, 2018-01-01"
    assert match.metadata["competition"] == "competition 9"
