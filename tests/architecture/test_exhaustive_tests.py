"""What the exhaustive tests check at full size, the default run checks of a sample."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.sizes import is_in_sample

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


def test_only_what_leaves_a_sample_makes_a_test_exhaustive() -> None:
    marked = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("*.py")
        if re.search(r"mark\.exhaustive|\"exhaustive\"", path.read_text(encoding="utf-8"))
    }
    assert marked == {"conftest.py", "support/sizes.py"}


def test_what_lands_a_change_runs_the_default_run_and_the_exhaustive_tests() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"<!-- command: test -->\n```sh\n(.*)\n```", readme)
    lands = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    environment, _, tests = command.rpartition(" && ")
    assert "pytest" not in environment
    assert " -m " not in tests
    assert 'eval "${command% && *}" &\nenvironment=$!\n' in lands
    assert 'wait "$environment"\n' in lands
    assert 'eval "step ${command##* && }"\neval "step ${command##* && } -m exhaustive"\n' in lands


def test_a_sample_is_one_of_each_so_many_parameters_and_never_none() -> None:
    for test in ("tests/test_a.py::test_one", "tests/test_a.py::test_two", "tests/test_b.py::test_one"):
        for count in range(1, 30):
            for step in range(1, 9):
                sample = [number for number in range(count) if is_in_sample(test, number, count, step)]
                assert sample
                assert sample == list(range(sample[0], count, step))
                assert sample[0] < step
