"""How often the selectors of a plan are looked at by `ingestify watch`."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from ingestify.clock import length_of_time, length_text
from ingestify.config.field_types import Name
from ingestify.domain.schedule import QuietHours, Schedule
from ingestify.errors import ConfigurationError
from ingestify.typed_section import Section, wrong

__all__ = ["ScheduleSettings"]


def _time(value: object) -> object:
    length = value if isinstance(value, dt.timedelta) else length_of_time(value) if isinstance(value, str) else None
    if length is None or length < dt.timedelta(seconds=1):
        raise wrong("must be a length of time of at least 1s, such as 30s, 1h or 24h.")
    return length


def _quiet(value: object) -> object:
    found = re.fullmatch(r"\s*(\d\d?:\d\d)\s*-\s*(\d\d?:\d\d)\s*", value) if isinstance(value, str) else None
    try:
        times = [dt.time.fromisoformat(one.rjust(5, "0")) for one in found.groups()] if found else []
    except ValueError:
        times = []
    if len(set(times)) < 2:
        raise wrong("must be two times of the day in quotes, such as '23:00-07:00'.")
    return QuietHours(*times)


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise wrong("is no time zone; write a name such as Europe/Madrid, or UTC.") from None
    return value


_Time = Annotated[
    dt.timedelta,
    BeforeValidator(_time),
    PlainSerializer(length_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{1,6}[smhdSMHD]\s*$"}),
]

_Quiet = Annotated[
    QuietHours,
    BeforeValidator(_quiet),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s*$"}),
]

_DEFAULT = Schedule()


class ScheduleSettings(Section):
    """How often ingestify watch looks at what a plan names. Each is a length of time such as 30s, 1h or 24h."""

    live: _Time = Field(
        default=_DEFAULT.live,
        description="The time between two looks from the kick-off of a match to 30 minutes after its end.",
        json_schema_extra={"default": "60s"},
    )
    recent: _Time = Field(
        default=_DEFAULT.recent,
        description="The same until 48 hours after the end.",
        json_schema_extra={"default": "1h"},
    )
    late: _Time = Field(
        default=_DEFAULT.late, description="The same for a week more.", json_schema_extra={"default": "6h"}
    )
    settled: _Time = Field(
        default=_DEFAULT.settled,
        description="The time between two looks at everything that the plan names, which also find new selectors.",
        json_schema_extra={"default": "24h"},
    )
    cron: Name | None = Field(
        default=None,
        description="Instead of all these: the moments at which everything is looked at, such as '0 */2 * * *' "
        "(extra cron).",
    )
    quiet: _Quiet | None = Field(
        default=None, description="The hours of each day in which nothing is looked at, such as '23:00-07:00'."
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC",
        description="The zone of cron, of quiet, and of kick-offs that the provider gives without a zone, such as "
        "Europe/Madrid.",
    )

    @model_validator(mode="after")
    def _check(self) -> ScheduleSettings:
        given = sorted({"live", "recent", "late", "settled"} & self.model_fields_set)
        if self.cron is not None and given:
            raise wrong(f"has cron and {given[0]}; leave one of them out.")
        try:
            self.make()
        except ConfigurationError as error:
            raise wrong(str(error)) from error
        return self

    def make(self) -> Schedule:
        """Return the schedule, without its cron."""
        return Schedule(
            live=self.live,
            recent=self.recent,
            late=self.late,
            settled=self.settled,
            quiet=self.quiet,
            zone=zoneinfo.ZoneInfo(self.time_zone),
        )
