"""The model demands what can be had, and each rule of change and absence is what a test of it fails without."""

from __future__ import annotations

import functools
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .model_lake import Scenario, play
from .rules import RULES
from .simple_reader import SimpleReader
from .test_never_mixed_never_stale import scenarios

EXAMPLES = int(os.environ.get("INGESTIFY_EXAMPLES", "0"))


@pytest.mark.parametrize("rule", RULES)
def test_a_reader_without_a_rule_is_found_out(rule: str) -> None:
    play(RULES[rule], SimpleReader)
    with pytest.raises(AssertionError):
        play(RULES[rule], functools.partial(SimpleReader, without=rule))


@settings(
    max_examples=EXAMPLES or 50,
    derandomize=not EXAMPLES,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(scenarios())
def test_a_simple_reader_keeps_all_rules(scenario: Scenario) -> None:
    play(scenario, SimpleReader)
