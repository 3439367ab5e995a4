"""The checks of a dataset's files, and the quarantine of those that fail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ingestify.config.field_types import Name
from ingestify.config.settings.class_settings import ClassSettings
from ingestify.typed_section import Section

__all__ = ["CheckSettings", "QuarantineSettings"]


class CheckSettings(ClassSettings):
    """One bundle check."""

    type: Name = Field(description="The dotted path of a BundleCheck, such as my_package.MyCheck.")


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
