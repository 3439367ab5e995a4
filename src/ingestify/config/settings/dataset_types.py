"""The contents of dataset types, and how they are stored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ingestify.config.field_types import Name, items_or_text, type_or_text
from ingestify.config.settings.checks import CheckSettings
from ingestify.domain.key_types import KeyType
from ingestify.suggestion import did_you_mean
from ingestify.typed_section import Section, wrong

__all__ = ["DatasetTypeSettings", "IdentifierKeySettings", "TransformationSettings"]


class TransformationSettings(Section):
    """Adds a folder level above a key, so that no folder has a million others. It applies to new files only."""

    type: Name = Field(
        description="bucket (with bucket_size: match_id_bucket=0-999/match_id=12; with bucket_count: "
        "keyword_bucket=36/keyword=arsenal), prefix (keyword_prefix=ar/keyword=arsenal), identity (no level), or the "
        "dotted path of a class with a name and a method transform(value).",
    )
    bucket_size: int | None = Field(
        default=None, ge=1, description="For bucket: how many numbers share a folder; other text is in 'other'."
    )
    bucket_count: int | None = Field(
        default=None,
        ge=1,
        description="For bucket: how many folders there are; a hash spreads values of any kind evenly over them.",
    )
    prefix_length: int | None = Field(
        default=None, ge=1, description="For prefix: how many characters name the folder."
    )
    configuration: dict[str, Any] = Field(
        default_factory=dict, description="For a dotted path: the keyword arguments of its class.", repr=False
    )

    @model_validator(mode="after")
    def _check_options(self) -> TransformationSettings:
        given = {name for name in ("bucket_size", "bucket_count", "prefix_length") if getattr(self, name) is not None}
        if self.type == "bucket" and len(given & {"bucket_size", "bucket_count"}) != 1:
            raise wrong("bucket needs a bucket_size or a bucket_count, and not both.")
        if self.type == "prefix" and "prefix_length" not in given:
            raise wrong("prefix needs a prefix_length.")
        taken = {"bucket": {"bucket_size", "bucket_count"}, "prefix": {"prefix_length"}, "identity": set[str]()}
        if "." not in self.type and self.type not in taken:
            raise wrong(f"there is no transformation of that type{did_you_mean(self.type, taken) or '.'}")
        # The options of the user's own class are in its configuration.
        taken_here = taken.get(self.type, {"configuration"})
        if self.configuration:
            given.add("configuration")
        if surplus := sorted(given - taken_here):
            hint = "; write it into its configuration." if self.type not in taken else "."
            raise wrong(f"{self.type} takes no {' and no '.join(surplus)}{hint}")
        return self


class IdentifierKeySettings(Section):
    """One key of the identifiers of a dataset type."""

    transformation: TransformationSettings | None = Field(
        default=None, description="How the key's values are spread over folders. Left out: not at all."
    )
    key_type: KeyType | None = Field(
        default=None,
        description="The type of the key's values: int makes identifier['match_id'] a whole number, and any other "
        'value an error; str makes it text. Left out: as the source gives them. 12 and "12" are always the same '
        "dataset.",
    )


class DatasetTypeSettings(Section):
    """The contents of one dataset type, and how its datasets are stored."""

    provider: Name = Field(description="The provider of the datasets, as the source names it.")
    dataset_type: Name = Field(description="Their type, such as match.")
    identifier_index: bool = Field(
        default=False,
        description="Whether the catalogue gets an index on each of identifier_keys, else on each key there is.",
    )
    identifier_keys: dict[str, IdentifierKeySettings] = Field(
        default_factory=dict, description="A key of the identifier to its settings."
    )
    loader: Name | None = Field(
        default=None,
        description="The format of their files, such as opta, with its feeds, checks and loader. It has priority "
        "over the format of the source. Left out: that of the source, else the format with the provider's name.",
    )
    requires: tuple[Name, ...] | None = Field(
        default=None,
        description="The feeds that a complete dataset has; a dataset that lacks one is PARTIAL. Left out: those of "
        "the source, else those of loader; else a dataset is complete with what its source announces.",
    )
    optional: tuple[Name, ...] | None = Field(
        default=None,
        description="The feeds that some datasets have. Left out: those of the source.",
    )
    file_checks: bool | None = Field(
        default=None,
        description="Whether each file is checked before it is committed: does its JSON parse, is its ZIP whole, is "
        "it an error page? Left out: yes.",
    )
    checks: tuple[Annotated[CheckSettings, BeforeValidator(type_or_text)], ...] = Field(
        default=(),
        description="Checks of the files of a dataset: the type of each, or its type with its mode and arguments. They "
        "are used beside the checks of the source.",
        json_schema_extra=items_or_text,
    )
