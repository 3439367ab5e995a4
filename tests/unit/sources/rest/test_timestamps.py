from __future__ import annotations

import datetime as dt

import pytest

from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.rest.timestamps import get_zone, grain_of_format, read_timestamp


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
def test_a_time_is_read_by_its_format(value: object, form: str, zone: str, moment: str) -> None:
    found = read_timestamp(value, form, get_zone(zone))
    assert found is not None
    assert found.isoformat() == moment
    assert found.tzinfo is dt.UTC


@pytest.mark.parametrize("value", [None, ""])
def test_no_time_is_none(value: object) -> None:
    assert read_timestamp(value, "iso", dt.UTC) is None


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
def test_a_time_in_another_format_is_an_error(value: object, form: str) -> None:
    with pytest.raises(SourceError, match="is not written as"):
        read_timestamp(value, form, get_zone("Asia/Tokyo"))


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no time zone 'Mars/Olympus'"):
        get_zone("Mars/Olympus")


@pytest.mark.parametrize(
    ("value", "form", "grain"),
    [
        ("2024-05-01", "iso", dt.timedelta(days=1)),
        ("2024-05-01T18", "iso", dt.timedelta(hours=1)),
        ("2024-05-01T18:30", "iso", dt.timedelta(minutes=1)),
        ("2024-05-01T18:30:15Z", "iso", dt.timedelta(seconds=1)),
        ("20240501T183015", "iso", dt.timedelta(seconds=1)),
        ("2024-05-01 18:30:15.123", "iso", dt.timedelta(milliseconds=1)),
        ("2024-05-01T18:30:15.123456", "iso", dt.timedelta(microseconds=1)),
        ("2024-W18", "iso", dt.timedelta(days=7)),
        # What wrote them had perhaps no more than a minute, or a date.
        ("2024-05-01T18:30:00+02:00", "iso", dt.timedelta(minutes=1)),
        ("2024-05-01T00:00:00+02:00", "iso", dt.timedelta(days=1)),
        (1714588215, "epoch", dt.timedelta(seconds=1)),
        (1714588200, "epoch", dt.timedelta(minutes=1)),
        (1714586400, "epoch", dt.timedelta(hours=1)),
        ("2024-05-01T18:00:00Z", "iso", dt.timedelta(hours=1)),
        (1714588215123, "epoch_milliseconds", dt.timedelta(milliseconds=1)),
        ("Wed, 01 May 2024 18:30:15 GMT", "http", dt.timedelta(seconds=1)),
        ("01/05/2024 18:30", "%d/%m/%Y %H:%M", dt.timedelta(minutes=1)),
        ("01/05/2024", "%d/%m/%Y", dt.timedelta(days=1)),
        ("01/05/2024 18", "%d/%m/%Y %H", dt.timedelta(hours=1)),
        ("2024 05", "%Y %m", dt.timedelta(days=31)),
        ("18:30:15 100%", "%H:%M:%S 100%%", dt.timedelta(seconds=1)),
    ],
)
def test_how_a_time_is_written_says_how_long_it_stays_the_same(value: object, form: str, grain: dt.timedelta) -> None:
    assert grain_of_format(form, value) == grain


def test_in_the_hour_that_comes_twice_a_time_stays_the_same_for_both() -> None:
    rome = get_zone("Europe/Rome")
    assert grain_of_format("iso", "2024-10-27T02:30:15", rome) == dt.timedelta(hours=1, seconds=1)
    assert grain_of_format("iso", "2024-10-27T03:30:15", rome) == dt.timedelta(seconds=1)
    assert grain_of_format("iso", "2024-03-31T02:30:15", rome) == dt.timedelta(seconds=1)
    assert grain_of_format("iso", "2024-10-27T02:30:15+01:00", rome) == dt.timedelta(seconds=1)


def test_no_time_has_no_precision_and_nonsense_is_an_error() -> None:
    assert (grain_of_format("iso", None), grain_of_format("iso", "")) == (None, None)
    with pytest.raises(SourceError, match="'soon' is not written as iso"):
        grain_of_format("iso", "soon")
