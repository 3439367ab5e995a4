"""A run compares the files of a match with its earlier revisions, and with the other matches of its competition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetResource
from ingestify.checks.drift import Drift
from tests.support.lake_in_memory import FunctionSource, Lake, hours

Feeds = dict[str, Any]


def events(count: int, **further: Any) -> list[dict[str, Any]]:
    return [{"id": number, "minute": number, **further} for number in range(count)]


class Season:
    """Two competitions, whose matches a test sets."""

    def __init__(self) -> None:
        self.matches: dict[int, dict[int, Feeds]] = {1: {}, 2: {}}
        self.at = 0.0
        self.source = FunctionSource(self._find, [{"competition_id": 1}, {"competition_id": 2}])
        self.source.bundle_checks = (Drift(),)
        self.lake = Lake(self.source)

    def _find(self, competition_id: int, **_: Any) -> Iterator[DatasetResource]:
        for match_id, feeds in self.matches[competition_id].items():
            resource = DatasetResource({"competition_id": competition_id, "match_id": match_id}, "match")
            for feed, content in feeds.items():
                resource.add_file(hours(self.at), feed, json_content=content)
            yield resource

    def load(self, competition_id: int = 1, **matches: Feeds) -> Any:
        """Let the provider have further matches, m1=…, and ingest."""
        self.matches[competition_id] |= {int(name[1:]): feeds for name, feeds in matches.items()}
        self.at += 1
        return self.lake.engine.load()

    def warnings_of(self, match_id: int) -> tuple[str, ...]:
        (dataset,) = self.lake.engine.list_datasets(match_id=match_id)
        return dataset.warnings


@pytest.fixture
def season() -> Iterator[Season]:
    made = Season()
    yield made
    made.lake.engine.close()


def usual(numbers: range) -> dict[str, Feeds]:
    return {f"m{number}": {"events": events(100 + number)} for number in numbers}


def test_a_match_that_lacks_half_of_the_usual_rows_has_a_warning(season: Season):
    assert season.load(**usual(range(1, 7))).totals.warned == 0
    report = season.load(m7={"events": events(30)})
    assert (report.totals.new, report.totals.warned) == (1, 1)
    assert season.warnings_of(7) == (
        "events: 30 rows; the 6 other matches of the competition have 101 to 106, the median is 104",
    )


def test_another_competition_is_not_compared(season: Season):
    season.load(**usual(range(1, 7)))
    assert season.load(2, m8={"events": events(30)}).totals.warned == 0


def test_a_revision_is_compared_with_those_before_it(season: Season):
    season.load(m1={"events": events(100)})
    season.load(m1={"events": events(95, team=1)})
    assert season.warnings_of(1) == ("events: the column 'team' is new; its earlier revision does not have it",)
    season.load(m1={"events": events(20, team=1)})
    assert season.warnings_of(1) == ("events: 20 rows; its 2 earlier revisions have 95 to 100, the median is 98",)


def test_a_file_that_did_not_change_is_not_compared_again(season: Season):
    season.load(m1={"events": events(100), "lineups": [{"team": 1}] * 50})
    season.load(m1={"events": events(10), "lineups": [{"team": 1}] * 50})
    assert season.warnings_of(1) == ("events: 10 rows; its earlier revision has 100",)


def test_a_lake_that_is_older_than_the_check_has_the_last_revision_to_compare_with(season: Season):
    season.source.bundle_checks = ()
    season.load(m1={"events": events(100)})
    season.source.bundle_checks = (Drift(),)
    season.load(m1={"events": events(10)})
    assert season.warnings_of(1) == ("events: 10 rows; its earlier revision has 100",)


def test_profiles_are_kept_only_where_a_check_asks_for_them(season: Season):
    season.source.bundle_checks = ()
    season.load(**usual(range(1, 7)))
    season.source.bundle_checks = (Drift(),)
    assert season.load(m7={"events": events(30)}).totals.warned == 0, "nobody has counted the others"


def test_the_check_can_reject(season: Season):
    drift = Drift(feeds="events")
    drift.mode = "reject"
    season.source.bundle_checks = (drift,)
    season.load(m1={"events": events(100)})
    assert season.load(m1={"events": events(10)}).totals.quarantined == 1
    assert season.lake.engine.list_datasets(match_id=1)[0].revisions[-1].revision_id == 0
    season.load(m1={"events": events(90)})
    assert season.lake.engine.list_datasets(match_id=1)[0].revisions[-1].revision_id == 1
