"""A source that has another name in the configuration than before."""

from __future__ import annotations

CHECKED = """
dataset_types:
  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}
"""


def test_its_quarantine_is_settled_and_what_it_lists_no_more_is_missing(command):
    command.config.write_text(command.config.read_text() + CHECKED)
    command("run", code=3)
    assert "match_id=10" in command("quarantine", "list")
    command.configure("small: {type", "renamed: {type")
    command.configure("source: small", "source: renamed")
    shown = command("run", code=3)
    assert "5 unchanged, 0 failed, 1 in quarantine" in shown
    command("quarantine", "retry", code=3)
    assert "it cannot be fetched anew" not in command.err
    command.configure(CHECKED, "")
    command.configure("SmallSource}", "SmallSource, configuration: {matches: 2}}")
    command("quarantine", "retry")
    assert command("quarantine", "list") == ""
    assert "2 no longer listed" in command("run")
    assert command("list", "--count", "--state", "MISSING").strip() == "2"


def test_of_two_sources_of_a_provider_none_takes_what_a_third_one_brought(lake):
    lake.configure(
        "small: {type: tests.unit.cli.small_source.SmallSource}",
        "one: {type: tests.unit.cli.small_source.SmallSource, configuration: {matches: 2}}\n"
        "  two: {type: tests.unit.cli.small_source.SmallSource, configuration: {matches: 1}}",
    )
    lake.configure(
        "  - {source: small, dataset_type: match}",
        "  - {source: one, dataset_type: match}\n  - {source: two, dataset_type: match}",
    )
    lake("run")
    assert lake("list", "--count", "--state", "MISSING").strip() == "0"
