"""Pictures of a lake: what is there, what the runs did, and what changed. Nothing of them is a matter of colour."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from ingestify.pictures.change_bars import FeedChanges, change_bars
from ingestify.pictures.coverage import CoverageCell, CoverageRow, coverage_matrix
from ingestify.pictures.run_history import JobBar, run_history
from tests.unit.pictures.seen import SVG, check, root_of, texts_of

LONG = "<script>" + "a very long name of a selector that never ends " * 5


def looks(picture, title):
    """The shapes of what has a title, without where they are."""
    (found,) = (
        one for one in root_of(picture).iter(f"{SVG}g") if (one.findtext(f"{SVG}title") or "").startswith(title)
    )
    return [(one.tag, one.get("fill"), one.get("stroke-dasharray"), len(one.get("d", ""))) for one in found][1:]


def test_the_coverage_says_how_many_of_how_many():
    rows = [
        CoverageRow(
            "World Cup 2022", {"events": CoverageCell(64), "360-frames": CoverageCell(60, missing=4)}, "43/106"
        ),
        CoverageRow(LONG, {"events": CoverageCell(30, 1, 2, 1)}),
    ]
    picture = coverage_matrix(rows)
    check(picture)
    assert {"64", "60 / 64", "30 / 34", "–"} <= set(texts_of(picture))
    assert picture.alt == "Coverage of 2 rows: events 94 of 98, 360-frames 60 of 64."
    assert picture.rows[1] == ("World Cup 2022", "360-frames", 60, 0, 0, 4)
    assert picture.row_ids == ["43/106", "43/106", LONG]


def test_each_kind_of_gap_looks_different_without_colour():
    cells = {"there": CoverageCell(9), "quarantined": CoverageCell(0, 9), "failed": CoverageCell(0, 0, 9)}
    cells["missing"] = CoverageCell(0, 0, 0, 9)
    picture = coverage_matrix([CoverageRow(kind, {"events": cell}) for kind, cell in cells.items()])
    check(picture)
    assert {*cells} <= set(texts_of(picture))
    assert all(
        looks(picture, f"{one}, events") != looks(picture, f"{other}, events")
        for one, other in itertools.combinations(cells, 2)
    )


def test_a_large_lake_has_thirty_rows_and_a_table_with_all():
    picture = coverage_matrix([CoverageRow(f"season {n}", {"events": CoverageCell(1)}) for n in range(40)])
    check(picture)
    assert "10 more rows are in the table." in texts_of(picture)
    assert len(picture.rows) == 40


def test_a_lake_without_datasets_has_a_sentence():
    picture = coverage_matrix([])
    check(picture)
    assert "There are no datasets." in texts_of(picture)


def test_a_lake_with_many_feeds_has_a_wider_picture():
    picture = coverage_matrix([CoverageRow("season", {f"feed-{n}": CoverageCell(1) for n in range(12)})])
    width = float(root_of(picture).get("viewBox").split()[2])
    assert width == pytest.approx(16 + 12 * 62)


# ---- runs -----------------------------------------------------------------------------------------------------------

START = dt.datetime(2026, 11, 1, 3, tzinfo=dt.UTC)
STATES = ("finished", "with problems", "failed", "stopped", "running", "skipped")


def job(run=0, selector="competition_id=43", seconds=20.0, state="finished"):
    return JobBar(f"r{run}", selector, START + dt.timedelta(days=run), seconds, state, "3 new", f"j{run}")


def test_a_bar_is_as_high_as_the_job_was_long():
    picture = run_history([job(0, seconds=10), job(1, seconds=40)])
    check(picture)
    bars = [one for one in root_of(picture).iter(f"{SVG}rect") if one.get("width") == "14"]
    low, high = (float(one.get("height")) for one in bars)
    assert low < high
    assert "2026-11-01 03:00 to 2026-11-02 03:00 UTC;" in " ".join(texts_of(picture))


def test_each_state_looks_different_without_colour():
    picture = run_history([job(n, state=state) for n, state in enumerate(STATES)])
    check(picture)
    assert {*STATES} <= set(texts_of(picture))
    shapes = {
        state: looks(picture, f"competition_id=43, 2026-11-0{n + 1} 03:00 UTC, {state}")
        for n, state in enumerate(STATES)
    }
    assert all(shapes[one] != shapes[other] for one, other in itertools.combinations(STATES, 2))


def test_the_bars_of_one_run_lie():
    picture = run_history([job(selector="a", seconds=10), job(selector="b", seconds=40)])
    check(picture)
    bars = [one for one in root_of(picture).iter(f"{SVG}rect") if one.get("height") == "11"]
    assert sorted(float(one.get("width")) for one in bars)[1:] == pytest.approx([100.5, 384], abs=1)


def test_many_runs_and_selectors_are_cut_and_counted():
    picture = run_history([job(run, f"{selector} {LONG}") for run in range(50) for selector in range(25)])
    check(picture)
    said = " ".join(texts_of(picture))
    assert "10 earlier runs are in the table." in said
    assert "5 more selectors are in the table." in said
    assert len(picture.rows) == 1250


def test_no_run_at_all_is_a_sentence():
    picture = run_history([])
    check(picture)
    assert picture.alt == "There are no runs yet."


def test_jobs_that_took_no_time_are_bars():
    check(run_history([job(0, seconds=0.0), job(1, seconds=0.0)]))


# ---- what changed ---------------------------------------------------------------------------------------------------


def test_what_changed_is_a_bar_for_each_feed():
    picture = change_bars(
        f"{LONG}, revision 0 → 1", "27 shots' xG changed.", [FeedChanges("events", 1, 2, 27), FeedChanges(LONG)]
    )
    check(picture)
    assert {"1 added, 2 removed, 27 changed", "other changes"} <= set(texts_of(picture))
    assert picture.rows[0] == ("events", 1, 2, 27, 0, 0)


def test_nothing_changed_is_a_sentence():
    picture = change_bars("x", "Nothing changed.", [])
    check(picture)
    assert texts_of(picture) == ["Nothing changed."]
