"""The checks of a dataset's files, and the quarantine of those that fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from ingestify.config.field_types import Name, Seconds
from ingestify.config.settings.class_settings import ClassSettings
from ingestify.suggestion import did_you_mean
from ingestify.typed_section import Section, wrong

__all__ = ["CheckSettings", "QuarantineSettings"]


class CheckSettings(ClassSettings):
    """One bundle check. Each further key beside these is an argument of the check, as in `configuration`."""

    # The further keys go into the configuration before they could be refused.
    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    type: Name = Field(
        description="ingestify.drift, ingestify.great_expectations, ingestify.kloppy_bounds, ingestify.pandera, the "
        "name of an installed package's check, or the dotted path of a BundleCheck, such as my_package.MyCheck."
    )
    mode: Literal["reject", "warn"] | None = Field(
        default=None,
        description="What happens if the check finds a problem. reject: the bundle goes into quarantine. warn: it is "
        "published, with a warning that is kept with the revision. Left out: what the check says; most of them reject.",
    )
    time_limit: Seconds | None = Field(
        default=None,
        description="After how many seconds a check of one dataset is not waited for any more. Left out: what the "
        "check says, else 300.",
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_configuration(cls, data: object) -> object:
        """Put the keys that are no settings of every check into the configuration."""
        if not isinstance(data, Mapping):
            return data
        own = {key: value for key, value in data.items() if key in cls.model_fields or str(key).startswith("x-")}
        direct = {key: value for key, value in data.items() if key not in own}
        if not direct:
            return data
        for key in direct:
            if meant := did_you_mean(str(key), ("mode", "time_limit"), likeness=0.8):
                raise wrong(f"has the key '{key}'{meant} An argument of that name goes into configuration.")
        given = own.get("configuration") or {}
        if isinstance(given, Mapping) and (twice := sorted(direct.keys() & given.keys())):
            raise wrong(f"has '{twice[0]}' beside its type and in its configuration; write it once.")
        parts = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
        own["configuration"] = [*parts, direct] if parts else direct
        return own


class QuarantineSettings(Section):
    """When bundles are kept from readers, and what becomes of them."""

    retry_after_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=20.0,
        description="After how many hours a bundle in quarantine is fetched again, even if the provider announces no "
        "change. Until then, a run sends only requests that can be answered with 'not modified'.",
    )
    shrunk: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.1,
        description="A new version of a file goes into quarantine if it has less than this share of the old "
        "version's size: 0.5 is half. This holds for old versions of more than 4 kB. 0: no file does.",
    )
