"""Run hooks, which are told what runs come to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ingestify.config.field_types import Name
from ingestify.config.settings.class_settings import ClassSettings
from ingestify.domain.run_notice import RunOutcome
from ingestify.typed_section import wrong

__all__ = ["RunHookSettings"]

_Outcome = Literal["finished", "failed", "interrupted", "stale", "shrunk"]

assert set(_Outcome.__args__) == {one.value for one in RunOutcome}  # type: ignore[attr-defined]


def _check_when(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value == ():
        raise wrong("is empty, so it is told of no run: name outcomes, or leave it out for all.")
    return value


class RunHookSettings(ClassSettings):
    """A run hook: a subscriber that is told what runs come to (docs/operations.md)."""

    type: Name = Field(
        description="ingestify.webhook, ingestify.openlineage, or the dotted path of a Subscriber, such as "
        "my_package.MySubscriber."
    )
    when: Annotated[tuple[_Outcome, ...] | None, AfterValidator(_check_when)] = Field(
        default=None,
        description="The outcomes of which it is told: finished, failed, interrupted, stale, shrunk. Left out: every "
        "run.",
    )
