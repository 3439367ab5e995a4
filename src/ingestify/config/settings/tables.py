"""The tables of the lake."""

from __future__ import annotations

from pydantic import Field

from ingestify.config.field_types import Name, Url
from ingestify.typed_section import Section

__all__ = ["OwnTableSettings", "TableSettings"]


class OwnTableSettings(Section):
    """A table whose rows a function of yours makes."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="Its name: letters, digits and _, with a letter first."
    )
    function: Name = Field(
        description="The function that makes the rows of one dataset: package.module:function. It is called with "
        "(files, dataset), and returns a frame of polars, pandas or Arrow, or an iterator of frames. The folder of the "
        "config file is searched too."
    )
    provider: Name | None = Field(default=None, description="Only datasets of this provider. Left out: of any.")
    dataset_type: Name | None = Field(default=None, description="Only datasets of this type. Left out: of any.")
    feeds: tuple[Name, ...] = Field(
        default=(), description="Only datasets that have one of these feeds. Left out: all of them."
    )
    version: str = Field(
        default="1",
        coerce_numbers_to_str=True,
        description="The version of the function. If it changes, the next build makes the whole table anew.",
    )


class TableSettings(Section):
    """Which tables are built from the lake, and where they are."""

    url: Url | None = Field(
        default=None,
        description="Where the tables are: file://folder/, s3://…, gs://… or az://…. Left out: tables/ in the storage "
        "of the lake's files. A relative path is below the folder of the config file.",
        repr=False,
    )
    build: tuple[Name, ...] | None = Field(
        default=None,
        description="The tables that a build makes if none is named. Left out: the standard ones, "
        "those of installed packages, and your own.",
    )
    own: tuple[OwnTableSettings, ...] = Field(default=(), description="Tables whose rows a function of yours makes.")
