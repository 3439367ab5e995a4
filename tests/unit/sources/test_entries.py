"""Every source with an index reads its entries one by one."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import ConfigurationError, DatasetResource, Source, SourceError, UnreadableEntry
from ingestify.sources.entries import are_alike, read_each, read_entries, read_lists
from ingestify.sources.impect import Impect
from ingestify.sources.impect_github import ImpectGithub
from ingestify.sources.iso_time import get_time
from ingestify.sources.skillcorner import SkillCorner
from ingestify.sources.skillcorner_github import SkillCornerGithub
from ingestify.sources.statsbomb import StatsBomb
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.sources.wyscout import Wyscout
from ingestify.sources.wyscout_github import WyscoutGithub

from .answers import attached, find_all, unreadable

ROOT = "https://mirror.example"
SEASON = {"competition_id": 1, "season_id": 2}
TIME = "2024-05-01T18:00:00"
SECRETS = {"username": "u", "password": "p"}


def zipped(entries: list[Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("matches.json", json.dumps(entries))
    return buffer.getvalue()


def statsbomb(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    return StatsBomb("s", **SECRETS, base_url=ROOT), {f"{ROOT}/v6/competitions/1/seasons/2/matches": entries}


def statsbomb_github(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    return StatsBombGithub("s", ROOT), {f"{ROOT}/matches/1/2.json": entries}


def skillcorner(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    edition = {"id": 5, "competition": {"id": 1}, "season": {"id": 2}}
    pages = {"competition_editions": [{"results": [None, edition]}], "matches": [{"results": entries}]}
    return SkillCorner("s", **SECRETS, base_url=ROOT), {f"{ROOT}/{path}": page for path, page in pages.items()}


def skillcorner_github(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    return SkillCornerGithub("s", ROOT), {f"{ROOT}/matches.json": entries}


def wyscout(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    return Wyscout("s", **SECRETS, base_url=ROOT), {f"{ROOT}/seasons/2/matches": {"matches": entries}}


def wyscout_github(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    return WyscoutGithub("s", ROOT), {f"{ROOT}/raw_data/matches.zip": zipped(entries)}


def impect(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    iterations = [None, {"id": 2, "lastChangeTimestamp": TIME}]
    paths = {"iterations": iterations, "iterations/2/matches": entries, "iterations/2/squads": [None, {"id": {}}]}
    paths["iterations/2/players"] = []
    source = Impect("s", **SECRETS, base_url=ROOT, token_url=ROOT)
    return source, {f"{ROOT}/{path}": {"data": data} for path, data in paths.items()}


def impect_github(entries: list[Any]) -> tuple[Source, dict[str, Any]]:
    paths = {"iterations": ["x", {"id": 2}], "matches/matches_2": entries, "squads/squads_2": [None]}
    paths["players/players_2"] = []
    return ImpectGithub("s", ROOT), {f"{ROOT}/{path}.json": data for path, data in paths.items()}


GOOD: dict[Callable[..., Any], tuple[str, dict[str, Any], dict[str, Any]]] = {
    statsbomb: ("match_id", {"last_updated": TIME}, SEASON),
    statsbomb_github: ("match_id", {"last_updated": TIME}, SEASON),
    skillcorner: ("id", {"date_time": TIME}, SEASON),
    skillcorner_github: ("id", {"date_time": TIME, **SEASON}, SEASON),
    wyscout: ("matchId", {"dateutc": "2024-05-01 18:00:00", "status": "Played"}, SEASON),
    wyscout_github: ("wyId", {"dateutc": "2018-05-01 18:00:00", "competitionId": 1, "seasonId": 2}, SEASON),
    impect: ("id", {"lastCalculationDate": TIME}, {"iteration_id": 2}),
    impect_github: ("id", {"lastCalculationDate": TIME}, {"iteration_id": 2}),
}


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("wrong", ["null", "a list", "no id", "a time that is none"])
def test_an_entry_that_cannot_be_read_takes_no_other_with_it(make: Callable[..., Any], wrong: str) -> None:
    key, said, selector = GOOD[make]
    entries: list[Any] = [{key: number, **said} for number in range(1, 61)]
    timed = next(
        (one for one in ("last_updated", "lastCalculationDate", "date_time", "dateutc") if one in said), "dateutc"
    )
    if wrong == "a time that is none" and make in (skillcorner_github, wyscout_github):
        pytest.skip("its time is only shown")
    entries[30] = {
        "null": None,
        "a list": [1],
        "no id": dict(said),
        "a time that is none": {**entries[30], timed: "2024-13-01T18:00"},
    }[wrong]
    source, documents = make(entries)
    found = find_all(attached(source, documents), "match", **selector)
    ((where, _),) = unreadable(found).items()
    assert where == "match 31" if wrong == "a time that is none" else where.startswith("entry 30 of ")
    assert len([one for one in found if isinstance(one, DatasetResource)]) == 59


def test_seasons_that_cannot_be_read_take_no_other_with_them() -> None:
    source, documents = skillcorner([])
    documents[f"{ROOT}/competition_editions"][0]["results"] += [{"id": 6, "competition": {"id": 1}, "season": 3}]
    found = attached(source, documents).discover_selectors("match")
    assert [one for one in found if isinstance(one, dict)] == [{**SEASON, "_name": "edition 5"}]
    assert unreadable(found) == {
        "entry 0 of competition_editions": "it is null, and no object",
        "competition edition 6": "its competition or its season has no id",
    }
    wyscout = Wyscout("s", **SECRETS, base_url=ROOT, areas=["ITA"])
    answers = {
        f"{ROOT}/competitions": {"competitions": [None, {"wyId": 1}]},
        f"{ROOT}/competitions/1/seasons": {"seasons": [{"seasonId": 2}, {}, None]},
    }
    found = attached(wyscout, answers).discover_selectors("match")
    assert [one["season_id"] for one in found if isinstance(one, dict)] == [2]
    assert len(unreadable(found)) == 3
    source, documents = impect([])
    assert len(unreadable(attached(source, documents).discover_selectors("match"))) == 1


def test_an_index_without_a_readable_entry_is_reported() -> None:
    for source, documents in (skillcorner_github([None]), wyscout_github([{"wyId": 1}])):
        (found,) = attached(source, documents).discover_selectors("match")
        assert isinstance(found, UnreadableEntry)


def test_an_iteration_without_a_readable_time_is_reported_and_its_matches_are_found() -> None:
    source, documents = impect([{"id": 1, "lastCalculationDate": TIME}])
    documents[f"{ROOT}/iterations"]["data"][1]["lastChangeTimestamp"] = "soon"
    wrong, match = find_all(attached(source, documents), "match", {"squads": "v1"}, iteration_id=2)
    assert wrong.where == "iteration 2"
    assert {file.last_modified for file in match.files.values()} == {dt.datetime(2024, 5, 1, 18, tzinfo=dt.UTC)}


def test_an_entry_is_named_by_its_values() -> None:
    def fail(_: Any) -> Any:
        raise KeyError("x")

    entries = [{"id": 1}, {"id": "x" * 1000}, {"id": True}, {"id": [1]}, {"id": float("inf")}]
    found = read_entries(entries, "https://a.example/m?token=secret", "match {id}", ("id",), fail, number=7)
    assert list(unreadable(found)) == [
        "match 1",
        *(f"entry {n} of https://a.example/m?token=***" for n in range(8, 12)),
    ]


def test_an_error_in_the_settings_is_no_fault_of_an_entry() -> None:
    def fail(_: Any) -> Any:
        raise ConfigurationError("x")

    with pytest.raises(ConfigurationError):
        list(read_each([1], fail, lambda number, _: str(number)))


def test_ids_are_alike_as_texts() -> None:
    assert are_alike([1, "1"])
    assert not are_alike([1, 2, None, None])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ("2016-12-31T23:59:60.5+01:00", "2016-12-31T22:59:59.500000+00:00"),
        ("20161231T235960Z", "2016-12-31T23:59:59+00:00"),
        ("2016-12-31T24:00:00Z", "2017-01-01T00:00:00+00:00"),
        ("2016-12-31 24:00", "2017-01-01T00:00:00+00:00"),
        ("2016-12-31T24:00:00.000+02:00", "2016-12-31T22:00:00+00:00"),
        ("2026-W01-1", "2025-12-29T00:00:00+00:00"),
    ],
)
def test_times_that_python_does_not_read_are_read(text: str, moment: str) -> None:
    assert get_time(text, "x") == dt.datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T24:00:01Z", "0000-00-00 00:00:00", "9999-12-31T24:00Z", "9999-12-31T23:59:59-12:00", "60", None, 1e30],
)
def test_a_text_that_is_no_time_is_named(text: object) -> None:
    with pytest.raises(SourceError, match="Match 1 has the time"):
        get_time(text, "Match 1")


@given(st.text())
def test_any_other_text_is_a_time_or_a_source_error(text: str) -> None:
    with contextlib.suppress(SourceError):
        assert get_time(text, "x").tzinfo is dt.UTC


def test_a_list_of_only_unreadable_entries_is_no_index() -> None:
    found: list[object] = []
    entries = itertools.chain([{"id": 1}], itertools.repeat([]))
    with pytest.raises(SourceError, match=r"More than 10,000 entries of an index cannot be read, .* entry 10001 of x"):
        found.extend(read_each(entries, _id_of, lambda number, _: f"entry {number} of x"))
    assert found[0] == 1
    assert len(found) == 10_001


def test_and_so_is_one_whose_lists_are_unreadable_together() -> None:
    lists = read_lists([{}] * 20_000, "the index", "match {id}", ("id",), lambda entry: entry, id_key="id", first=24)
    with pytest.raises(SourceError, match=r"More than 10,000 entries .* entry 10000 of the index: it has no id"):
        for _ in lists:
            pass


def test_each_entry_of_an_index_is_read_once_and_comes_in_its_order() -> None:
    was_read: list[int] = []

    class Index(list[dict[str, int]]):
        """It reads an entry whenever it is asked for, as that of `http.get_entries`."""

        def __getitem__(self, index: Any) -> Any:
            return Index(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

        def __iter__(self) -> Iterator[Any]:
            for entry in super().__iter__():
                was_read.append(entry["id"])
                yield entry

    def lists(*ids: int) -> list[list[Any]]:
        index = Index({"id": one} for one in ids)
        return list(read_lists(index, "x", "match {id}", ("id",), _id_of, id_key="id", first=24))

    assert [len(one) for one in lists(*range(1200))] == [24, 476, 500, 200]
    assert was_read == list(range(1200))
    assert list(itertools.chain.from_iterable(lists(*range(1200)))) == list(range(1200))
    assert [len(one) for one in lists(*range(20))] == [20]
    assert lists() == []
    # A dataset that is listed twice needs one list, in which the run finds the duplicate.
    assert [len(one) for one in lists(*range(400), 7)] == [401]


def _id_of(entry: dict[str, int]) -> int:
    return entry["id"]
