"""What the commands say of datasets that were published with warnings, and how the settings name checks."""

from __future__ import annotations

import json

import pytest

from ingestify import ConfigurationError, get_engine
from ingestify.main.configuration import check_config
from tests.unit.cli.small_source import Doubts

TYPE = "tests.unit.cli.small_source.Doubts"


@pytest.fixture
def checks(command):
    """Let the settings name checks."""

    def name(*checks: str) -> None:
        text = command.config.read_text().partition("dataset_types:")[0]
        listed = "".join(f"      - {one}\n" for one in checks)
        command.config.write_text(
            f"{text}dataset_types:\n  - provider: small\n    dataset_type: match\n    checks:\n{listed}"
        )

    return name


def test_a_run_with_warnings_ends_well_and_says_them(command, checks):
    checks(f"{{type: {TYPE}, mode: warn, matches: [10, 11], says: it is short}}")
    out = command("run", "-v")
    assert "6 matches: 6 new, 0 revised, 0 unchanged, 0 failed, 2 with warnings · " in out
    assert "warning: Málaga 10: it is short\n" in command.err
    assert "new       Málaga 11\n          warning: it is short\n" in command.err
    assert "with warnings" not in command("run")


def test_many_warnings_are_counted(command, checks):
    checks(f"{{type: {TYPE}, mode: warn, says: it is short}}")
    command("run")
    assert "… and 1 more have warnings; 'ingestify list --warnings' lists them." in command.err


def test_the_lake_tells_them(command, checks):
    checks(f"{{type: {TYPE}, mode: warn, matches: [10], says: it is short}}")
    command("run", "-q")
    (row,) = command("list", "--warnings").splitlines()
    assert row.endswith("Málaga 10  (1 warning)")
    assert command("list", "--warnings", "--count") == "1\n"
    assert "(1 warning)" not in command("list", "match_id=11")
    assert "    warning: it is short\n" in command("show", "match_id=10")
    shown = json.loads(command("show", "--json", "match_id=10"))
    assert (shown["warnings"], shown["revisions"][0]["warnings"]) == (["it is short"], ["it is short"])
    (logged,) = [json.loads(one) for one in command("events", "list", "--json").splitlines() if "_warned" in one]
    assert (logged["event_type"], logged["warnings"]) == ("revision_warned", ["it is short"])
    assert "with warnings: 1 dataset; 'ingestify list --warnings' lists them\n" in command("status")
    status = json.loads(command("status", "--json"))
    assert status["with_warnings"] == 1
    jobs = status["runs"][0]["jobs"]
    assert [task["warnings"] for job in jobs for task in job["tasks"] if task["warnings"]] == [["it is short"]]


def test_a_run_says_them_as_json(command, checks):
    checks(f"{{type: {TYPE}, mode: warn, matches: [10], says: it is short}}")
    lines = [json.loads(one) for one in command("run", "--json").splitlines()]
    assert [one["warnings"] for one in lines if one["event"] == "dataset" and one["warnings"]] == [["it is short"]]
    assert (lines[-1]["warned"], lines[-1]["exit_code"]) == (1, 0)


def test_a_list_without_any_says_so(command):
    command("run", "-q")
    assert command("list", "--warnings") == ""
    assert command.err


def made(command):
    with get_engine(command.config) as engine:
        engine.load()
    return Doubts.called.pop()


@pytest.mark.parametrize(
    "named",
    [
        f"{{type: {TYPE}, says: a, matches: [10], mode: warn, time_limit: 7}}",
        f"{{type: {TYPE}, configuration: {{says: a, matches: [10]}}, mode: warn, time_limit: 7}}",
        f"{{type: {TYPE}, says: a, configuration: [{{matches: [10]}}], mode: warn, time_limit: 7, x-note: mine}}",
        f"{{type: '{TYPE.replace('.Doubts', ':Doubts')}', says: a, matches: [10], mode: warn, time_limit: 7}}",
    ],
)
def test_arguments_stand_beside_the_type_or_in_the_configuration(command, checks, named):
    checks(named)
    check_config(command.config)
    check = made(command)
    assert (check.configuration, check.mode, check.time_limit) == ({"says": "a", "matches": [10]}, "warn", 7)


def test_what_is_left_out_is_as_the_check_says(command, checks):
    checks(TYPE)
    check = made(command)
    assert (check.configuration, check.mode, check.time_limit) == ({}, "reject", 300)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (f"{{type: {TYPE}, mod: warn}}", r"has the key 'mod'; did you mean 'mode'\?"),
        (f"{{type: {TYPE}, timelimit: 3}}", r"did you mean 'time_limit'\?"),
        (f"{{type: {TYPE}, says: a, configuration: {{says: b}}}}", "has 'says' beside its type and in its config"),
        (f"{{type: {TYPE}, mode: shout}}", "mode"),
        (f"{{type: {TYPE}, time_limit: 0}}", "time_limit"),
        ("{type: ingestify.drft}", r"There is no check 'ingestify.drft'; did you mean 'ingestify.drift'\?"),
        ("nothing", "There is no check 'nothing'; there are .*ingestify.drift, .*or a dotted path"),
        (
            "{type: ingestify.drift, row: 3}",
            "The check 'ingestify.drift' cannot be made from its configuration: .*'row'",
        ),
        ("{type: ingestify.drift, rows: many}", "rows is 'many'; write a share"),
        ("{type: tests.unit.cli.small_source.SmallSource}", "must be a subclass of ingestify.BundleCheck"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused(command, checks, named, message):
    checks(named)
    with pytest.raises(ConfigurationError, match=message):
        check_config(command.config)


def test_the_built_in_checks_have_short_names(command, checks):
    checks("ingestify.drift", "{type: ingestify.kloppy_bounds, shots: [1, 80]}")
    check_config(command.config)
    assert "6 new" in command("run")
