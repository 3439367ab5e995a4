from __future__ import annotations

import pytest

from .small_source import SmallSource


@pytest.fixture
def licensed(monkeypatch):
    monkeypatch.setattr(SmallSource, "licence", "CC BY 4.0")
    monkeypatch.setattr(SmallSource, "attribution", "Small et al., 2024.")


def test_the_terms_are_shown_when_a_providers_first_data_comes(command, licensed):
    command("run", "season_id=1")
    assert command.err.count("small: CC BY 4.0 · Small et al., 2024.") == 1
    command("run")
    assert "CC BY" not in command.err, "the lake has data of it by then"


@pytest.mark.parametrize("arguments", [["plan"], ["run", "-q"], ["run", "match_id=99"]])
def test_the_terms_are_not_shown_where_nothing_came_or_nothing_is_to_be_said(command, licensed, arguments):
    command.make_lake()
    command(*arguments)
    assert "CC BY" not in command.err


def test_a_source_without_terms_has_nothing_to_show(command):
    command("run")
    assert "small:" not in command.err


def test_the_terms_are_kept_with_the_revision(command, licensed):
    from ingestify import get_engine

    command("run", "-q")
    with get_engine(command.config) as engine:
        for dataset in engine.list_datasets():
            source = dataset.current_revision.source
            assert (source["licence"], source["attribution"]) == ("CC BY 4.0", "Small et al., 2024.")
    shown = [line.split(maxsplit=1) for line in command("show", "match_id=10").splitlines()]
    assert ["licence", "CC BY 4.0"] in shown
    assert ["attribution", "Small et al., 2024."] in shown
