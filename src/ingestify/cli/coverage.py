"""`ingestify coverage`: what the lake has of what the providers listed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import click

from ingestify.cli.console import Console
from ingestify.cli.options import NamedLake, bucket_option, console_options, json_option, lake_options
from ingestify.cli.output import time_text, write_json, write_line
from ingestify.clock import now
from ingestify.documents.coverage import CoverageDocument, FreshnessDocument, coverage_document, freshness_document
from ingestify.domain.dataset import DatasetState
from ingestify.domain.overview import CompetitionCoverage, SelectorFreshness

__all__ = ["coverage_command"]


@click.command("coverage")
@lake_options
@bucket_option
@click.option("--age", "shows_age", is_flag=True, help="How old the lake is for each selector instead.")
@json_option("One JSON object for each.", CoverageDocument, FreshnessDocument)
@console_options
def coverage_command(lake: NamedLake, shows_age: bool, console: Console) -> None:
    """Show how much of each competition in a season is in the lake, by provider and dataset type.

    Expected are the datasets that the provider last listed. Those that failed before they came into the lake count, and
    those that are only in quarantine.
    """
    with lake.open_store() as store:
        coverage: Sequence[CompetitionCoverage] = () if shows_age else store.overview.coverage()
        freshness: Sequence[SelectorFreshness] = store.overview.freshness() if shows_age else ()
    if console.as_json:
        for document in (*map(coverage_document, coverage), *map(freshness_document, freshness)):
            write_json(document)
        return
    for one in coverage:
        write_line(_coverage_text(one))
        if one.feeds:
            write_line(f"  {', '.join(f'{feed} {number:,}' for feed, number in one.feeds.items())}")
    moment = now()
    for selector in freshness:
        write_line(_freshness_text(selector, moment))
    if not coverage and not freshness:
        console.tell("The lake knows no selector: no run has listed one." if shows_age else "The lake is empty.")


def _coverage_text(one: CompetitionCoverage) -> str:
    others = [state for state in one.states if state is not DatasetState.COMPLETE]
    counts = {
        **{state.value.lower(): one.states[state] for state in others},
        "in quarantine": one.quarantined,
        "failed": one.failed,
        "not fetched": one.not_fetched,
    }
    rest = _counts_text(counts)
    ids = [f"{key}={value}" for key, value in (("competition", one.competition_id), ("season", one.season_id)) if value]
    name = one.name or " ".join(ids) or "no competition"
    return f"{one.provider}/{one.dataset_type}  {name}: {one.complete:,} of {one.expected:,} complete{rest}"


def _freshness_text(one: SelectorFreshness, moment: dt.datetime) -> str:
    age = one.age(moment)
    complete = "unknown" if one.complete_at is None else time_text(one.complete_at)
    since = "" if age is None else f", {age // dt.timedelta(hours=1):,} h ago"
    rest = _counts_text({"failed": one.failed, "in quarantine": one.quarantined})
    newest = "" if one.newest_at is None else f"; the provider's newest data are of {time_text(one.newest_at)}"
    return f"{one.source}/{one.dataset_type}  {one.text}: complete {complete}{since}{rest}{newest}"


def _counts_text(counts: Mapping[str, int]) -> str:
    return "".join(f", {number:,} {what}" for what, number in counts.items() if number)
