"""What every catalogue does, on real servers."""

from __future__ import annotations

import pytest

from ingestify.catalogue import SqlCatalogue

# All of its tests, with the fixture below in place of theirs.
from tests.contracts.catalogue.test_budgets import *  # noqa: F403
from tests.contracts.catalogue.test_changes import *  # noqa: F403
from tests.contracts.catalogue.test_event_log import *  # noqa: F403
from tests.contracts.catalogue.test_histories import *  # noqa: F403
from tests.contracts.catalogue.test_hostile_filters import *  # noqa: F403
from tests.contracts.catalogue.test_integrity import *  # noqa: F403
from tests.contracts.catalogue.test_jobs import *  # noqa: F403
from tests.contracts.catalogue.test_lake import *  # noqa: F403
from tests.contracts.catalogue.test_overview import *  # noqa: F403
from tests.contracts.catalogue.test_pages import *  # noqa: F403
from tests.contracts.catalogue.test_quarantine import *  # noqa: F403
from tests.contracts.catalogue.test_reading import *  # noqa: F403
from tests.contracts.catalogue.test_removals import *  # noqa: F403
from tests.contracts.catalogue.test_retention import *  # noqa: F403
from tests.contracts.catalogue.test_state_for_metrics import *  # noqa: F403
from tests.contracts.catalogue.test_thinning import *  # noqa: F403
from tests.contracts.catalogue.test_warnings import *  # noqa: F403

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


@pytest.fixture
def catalogue(empty: SqlCatalogue) -> SqlCatalogue:
    return empty
