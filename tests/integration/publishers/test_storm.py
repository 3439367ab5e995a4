"""A few thousand events to real brokers, while the command and the brokers are killed and connections are cut."""

from __future__ import annotations

import pytest

from tests.integration.publishers.storm import SYSTEMS, go_through
from tests.support.command_line import shared_command_line

pytestmark = pytest.mark.slow


@pytest.mark.sampled(4)
@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_is_lost_in_a_storm(tmp_path, system):
    storm = go_through(system, tmp_path, shared_command_line(), events=5_000, seed=1)
    assert storm.kills
    assert storm.broker_kills
