"""`ingestify plot`: pictures as files."""

from __future__ import annotations

import pytest

from ingestify import DatasetResource, Source
from tests.support.statsbomb_files import LINEUPS, a_shot, xi


class TwoMatches(Source):
    provider = "statsbomb"

    def discover_selectors(self, dataset_type):
        return [{"competition_id": 1}]

    def find_datasets(self, dataset_type, **_):
        for match_id in (1, 2):
            resource = DatasetResource({"match_id": match_id}, "match", name=f"Reds - Blues {match_id}")
            resource.add_file(None, "events", json_content=[xi(0), xi(1), a_shot()])
            yield resource.add_file(None, "lineups", json_content=LINEUPS)


@pytest.fixture
def plot(command):
    command.configure("tests.unit.cli.small_source.SmallSource", "tests.unit.cli.test_plot.TwoMatches")
    command("run", "-q")

    def plot(*arguments, code=0):
        return command("plot", *arguments, code=code)

    plot.said = lambda: command.err
    plot.folder = command.folder
    return plot


@pytest.mark.parametrize("kind", ["shots", "xg", "frame", "lineups"])
def test_a_match_is_drawn_into_a_file(plot, kind):
    said = plot("match_id=1", kind, "-o", "it.svg")
    assert said.startswith("it.svg: ")
    assert (plot.folder / "it.svg").read_text("utf-8").startswith("<svg ")


def test_the_shots_are_the_default_and_a_name_says_the_kind_of_the_file(plot):
    assert (
        plot("match_id=1", "-o", "it.PNG", "--dark")
        == "it.PNG: Shot map of Reds 1–0 Blues: 1 and 0 shots, xG 0.20 and 0.00.\n"
    )
    assert (plot.folder / "it.PNG").read_bytes().startswith(b"\x89PNG")
    assert plot("match_id=1", "-q", "-o", "it.svg") == ""


def test_a_shot_is_named_by_the_id_of_its_event(plot):
    said = plot("match_id=1", "frame", "--shot", a_shot()["id"], "-o", "it.svg")
    assert "Freeze frame of a shot of Reds: Jorginho, 11′" in said
    plot("match_id=1", "frame", "--shot", "x", "-o", "it.svg", code=1)
    assert "has no shot 'x'" in plot.said()


def test_the_coverage_is_of_all_datasets_that_are_named(plot):
    assert plot("competition_id=1", "coverage", "-o", "it.svg").endswith("events 2 of 2, lineups 2 of 2.\n")


def test_a_picture_of_a_match_is_of_one_match(plot):
    plot("competition_id=1", "-o", "it.svg", code=2)
    assert (
        "A picture of shots is of one dataset, and these are 2 matches: statsbomb/match/competition_id=1/match_id=1,"
        in plot.said()
    )


@pytest.mark.parametrize(
    ("name", "sentence"), [("it.gif", "written as .svg or .png"), ("no/it.svg", "cannot be written")]
)
def test_a_file_that_cannot_be_written_is_an_error(plot, name, sentence):
    plot("match_id=1", "-o", name, code=1)
    assert sentence in plot.said()
    assert not (plot.folder / name).exists()


def test_a_shot_is_named_only_for_a_frame(plot):
    plot("match_id=1", "xg", "--shot", "x", "-o", "it.svg", code=2)
    assert "--shot names the shot of a frame" in plot.said()
