"""On servers too: no commit names an object that was removed before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.catalogue.servers import Server
from tests.support.removed_meanwhile import Lake, check_that_nothing_is_lost

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


def test_a_run_writes_again_what_was_removed_before_its_commit(server: Server, tmp_path: Path) -> None:
    with server.temporary_database() as name:
        lake = Lake(server.url_of(name), tmp_path)
        check_that_nothing_is_lost(lake)
        lake.close()
