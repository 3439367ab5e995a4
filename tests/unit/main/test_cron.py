"""Cron expressions of a schedule."""

from __future__ import annotations

import datetime as dt
import sys
from zoneinfo import ZoneInfo

import pytest

from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.main.cron import make_cron

MADRID = ZoneInfo("Europe/Madrid")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(MissingExtraError, match="cron"):
        make_cron("0 * * * *")


class TestWithTheExtra:
    @pytest.fixture(autouse=True)
    def cronsim(self) -> None:
        pytest.importorskip("cronsim", reason="the extra cron is not installed")

    def moments(self, text: str, begin: dt.datetime, count: int) -> list[str]:
        find_next, found = make_cron(text), [begin]
        for _ in range(count):
            found.append(find_next(found[-1]))
        return [f"{one.astimezone(MADRID):%d %H:%M %z}" for one in found[1:]]

    def test_a_daily_moment_in_the_hour_that_comes_twice_comes_once(self) -> None:
        begin = dt.datetime(2026, 10, 24, 12, tzinfo=MADRID)
        assert self.moments("30 2 * * *", begin, 2) == ["25 02:30 +0200", "26 02:30 +0100"]

    def test_a_daily_moment_in_the_hour_that_is_left_out_comes_after_it(self) -> None:
        begin = dt.datetime(2026, 3, 28, 12, tzinfo=MADRID)
        assert self.moments("30 2 * * *", begin, 2) == ["29 03:00 +0200", "30 02:30 +0200"]

    @pytest.mark.parametrize("text", ["soon", "* * *", "99 * * * *", "0 0 30 2 *"])
    def test_what_never_comes_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="is no cron expression"):
            make_cron(text)
