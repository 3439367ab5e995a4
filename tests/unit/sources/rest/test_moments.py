from __future__ import annotations

import datetime as dt

import pytest

from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.rest.moments import get_zone, read_moment


@pytest.mark.parametrize(
    ("value", "form", "zone", "moment"),
    [
        ("2024-05-01T18:30", "iso", "UTC", "2024-05-01T18:30:00+00:00"),
        ("2024-05-01T18:30:00+02:00", "iso", "America/New_York", "2024-05-01T16:30:00+00:00"),
        ("2024-05-01T18:30:00Z", "iso", "Europe/Rome", "2024-05-01T18:30:00+00:00"),
        ("2024-05-01", "iso", "Europe/Rome", "2024-04-30T22:00:00+00:00"),
        ("2024-01-15 12:00:00.5", "iso", "Europe/Rome", "2024-01-15T11:00:00.500000+00:00"),
        # The clock of Rome goes from 2:00 to 3:00 on 31 March, and from 3:00 back to 2:00 on 27 October.
        ("2024-03-31T01:59", "iso", "Europe/Rome", "2024-03-31T00:59:00+00:00"),
        ("2024-03-31T03:00", "iso", "Europe/Rome", "2024-03-31T01:00:00+00:00"),
        ("2024-10-27T02:30", "iso", "Europe/Rome", "2024-10-27T00:30:00+00:00"),
        ("2024-10-27T03:00", "iso", "Europe/Rome", "2024-10-27T02:00:00+00:00"),
        (1714588200, "epoch", "Europe/Rome", "2024-05-01T18:30:00+00:00"),
        ("1714588200.5", "epoch", "UTC", "2024-05-01T18:30:00.500000+00:00"),
        (1714588200123, "epoch_milliseconds", "UTC", "2024-05-01T18:30:00.123000+00:00"),
        ("Wed, 01 May 2024 18:30:00 GMT", "http", "UTC", "2024-05-01T18:30:00+00:00"),
        ("01/05/2024 18:30", "%d/%m/%Y %H:%M", "Europe/Rome", "2024-05-01T16:30:00+00:00"),
    ],
)
def test_a_moment_is_read_as_it_is_written(value: object, form: str, zone: str, moment: str) -> None:
    found = read_moment(value, form, get_zone(zone))
    assert found is not None
    assert found.isoformat() == moment
    assert found.tzinfo is dt.UTC


@pytest.mark.parametrize("value", [None, ""])
def test_no_time_is_none(value: object) -> None:
    assert read_moment(value, "iso", dt.UTC) is None


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("yesterday", "iso"),
        (20240501, "iso"),
        (True, "epoch"),
        ("soon", "epoch"),
        (1e300, "epoch"),
        (float("nan"), "epoch"),
        ("01-05-2024", "%d/%m/%Y"),
        ("not a date", "http"),
        ([], "epoch"),
        ("0001-01-01T00:00", "iso"),
    ],
)
def test_what_is_written_in_another_way_is_an_error(value: object, form: str) -> None:
    with pytest.raises(SourceError, match="is not written as"):
        read_moment(value, form, get_zone("Asia/Tokyo"))


def test_a_zone_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no time zone 'Mars/Olympus'"):
        get_zone("Mars/Olympus")
