"""The suite for sources fails each source that has a fault, and says which."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify.testing.source_contract import SourceContract

ROOT = Path(__file__).parent.parent.parent.parent
CASES = "tests/unit/testing/contract_cases.py"

FAULTS = [
    ("Eager", "the_first_dataset_is_there", "the first dataset was there after 3 of 3 index requests"),
    ("GoesOnWhenClosed", "asks_for_nothing_more", "requests were made for the first dataset alone"),
    ("Unstable", "a_second_discovery", "the second discovery found something else"),
    ("SetInMetadata", "describes_a_dataset_is_json", "metadata is not JSON"),
    ("DateAsIdentity", "describes_a_dataset_is_json", "day is a date; use text or a number"),
    ("NaiveHint", "selectors_are_dicts", "_last_modified must be a datetime with a zone"),
    ("ListInSelector", "selectors_are_dicts", "season_id is a list, no single value"),
    ("IgnoresTheFilter", "one_dataset_costs", "let find_datasets take match_id, and stop"),
    ("ComparesTypes", "a_filter_may_be_text", '12 and "12" are the same'),
    ("IgnoresVersions", "versions_that_are_asked_for", "data_spec_versions names events: v11, and it announced"),
    ("AcceptsAnyFeed", "versions_that_are_asked_for", "it announced a feed that it cannot have"),
    ("SharesState", "side_by_side", "found something else than one after the other"),
    ("TwoProviders", "provider_is_one_name", "its datasets are of another; the source's provider is paged"),
    ("OwnDownloads", "second_run", "the second run fetched again: 11/events"),
    ("OwnDownloads", "error_that_passes", "a 500 that passes was not tried again"),
    ("ReadsHalfFiles", "cut_off", "a file that was cut off"),
    ("CallsHome", "selectors_are_dicts", "it connected to telemetry.example.com"),
    ("TokenInUrl", "secrets", "the secret is shown in a dataset"),
    ("TokenInLog", "secrets", "the secret is shown in the log"),
    ("TokenInRepr", "secrets", "the secret is shown in repr(source)"),
    ("TokenInError", "secrets", "the error of a run with wrong credentials"),
    ("SaysNothingOfItsToken", "secrets", "it takes token: say uses_secret = True"),
    ("SwallowsRefusals", "refused_credentials", "0 of 3 datasets failed"),
    ("TriesRefusalsAgain", "refused_credentials", "a refused request was made 4 times"),
    ("AsksForFilesWhileDiscovering", "the_first_dataset_is_there", "was there after 3 of 9 index requests"),
]


@pytest.fixture(scope="module")
def outcomes() -> str:
    """What pytest says of the good source and of all faults: one run, as most of its time is its start."""
    faulty = [f"(Test{name} and {test})" for name, test, _ in FAULTS]
    wanted = " or ".join(["(TestGood and not TestGoesOn)", *faulty])
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-rA", CASES, "-k", wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, "COLUMNS": "1000"},  # or what is summed up has no messages
    )
    return ran.stdout + ran.stderr


@pytest.mark.slow
def test_a_good_source_passes_all_of_it(outcomes: str):
    passed = re.findall(r"^PASSED \S*::TestGood::(\w+)", outcomes, re.MULTILINE)
    assert sorted(passed) == sorted(name for name in vars(SourceContract) if name.startswith("test_")), outcomes
    assert not re.search(r"^(FAILED|ERROR|SKIPPED) \S*TestGood::", outcomes, re.MULTILINE)


@pytest.mark.slow
def test_each_fault_of_a_source_is_found_and_reported(outcomes: str):
    for name, test, message in FAULTS:
        told = re.findall(rf"^(?:FAILED|ERROR) \S*::Test{name}::\w*{test}\w* - (.*)$", outcomes, re.MULTILINE)
        assert len(told) == 1, f"{name}: {test}\n{outcomes}"
        assert message in told[0], name
