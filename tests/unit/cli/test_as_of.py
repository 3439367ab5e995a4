"""`ingestify list --as-of`."""

from __future__ import annotations

import datetime as dt

from ingestify.clock import now


def test_the_lake_is_listed_as_it_was(lake):
    before, later = now() - dt.timedelta(days=2), now() + dt.timedelta(days=1)
    assert lake("list", "--as-of", f"{later:%Y-%m-%d}") == lake("list")
    assert lake("list", "--count", "--as-of", f"{before:%Y-%m-%dT%H:%M}").strip() == "0"
    lake("list", "--as-of", "soon", code=2)
    assert "soon" in lake.err
