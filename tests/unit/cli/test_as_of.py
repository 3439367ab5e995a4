"""`ingestify list --as-of`."""

from __future__ import annotations

import datetime as dt

from ingestify.clock import now


def test_the_lake_is_listed_as_it_was(lake):
    before = now() - dt.timedelta(days=2)
    assert lake("list", "--as-of", f"{now().isoformat()}") == lake("list")
    assert lake("list", "--count", "--as-of", f"{before:%Y-%m-%dT%H:%M}").strip() == "0"
    lake("list", "--as-of", "soon", code=2)
    assert "soon" in lake.err


def test_a_day_that_is_not_over_is_refused(lake):
    lake("list", "--as-of", f"{now():%Y-%m-%d}", code=1)
    assert "has not passed yet" in lake.err
