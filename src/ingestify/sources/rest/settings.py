"""The configuration of `ingestify.rest`. Its JSON schema has the same descriptions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ingestify.domain.json_path import EACH, JsonPath
from ingestify.errors import ConfigurationError
from ingestify.provider_formats.built_in import check_loader, find_format
from ingestify.sources.declaration import KeyName
from ingestify.sources.rest.authorization import Auth
from ingestify.sources.rest.entry import (
    METADATA_SCHEMA,
    LastModifiedOrPath,
    Metadata,
    State,
    ValueOrPath,
    read_metadata_paths,
)
from ingestify.sources.rest.error_response import ErrorSetting
from ingestify.sources.rest.fields import Condition, HttpUrl, ItemsPath, Path, Templates, TemplateText
from ingestify.sources.rest.paging import Paging, list_steps
from ingestify.typed_section import Section, Text, wrong

__all__ = ["DatasetTypeDeclaration", "DiscoveredSelectors", "Endpoint", "Feed", "RestDeclaration"]


class Endpoint(Section):
    """Where entries are listed."""

    endpoint: TemplateText = Field(
        description="The path below base_url, with placeholders for the selector's attributes: "
        "/seasons/{season_id}/matches."
    )
    parameters: dict[str, TemplateText] = Field(
        default_factory=dict,
        description="Parameters of the query. One whose placeholders have no value is left out.",
    )
    items: ItemsPath = Field(
        default=JsonPath("", ()),
        description="The path to the entries in the response. Left out: the response is their list.",
    )
    paging: Paging | None = Field(default=None, description="How to go on to further pages. Left out: there is one.")
    error: ErrorSetting | None = Field(
        default=None,
        description="How the body of a response with a success status says that it is an error: a path to a value that "
        "only an error has (error, meta.errors), or a condition (status == 'error', errors != []). Left out: a body "
        "that names an error and holds nothing else is one.",
    )

    @model_validator(mode="after")
    def _check_counted_pages(self) -> Endpoint:
        if self.paging is None or list_steps(self.items) is not None:
            return self
        if self.paging.type in ("page_number", "offset"):
            raise wrong(
                f"items: pages are counted until one has no items, so {self.items.text!r} must lead to one list, such "
                f"as data.matches."
            )
        if self.paging.total is not None:
            raise wrong(
                f"items: they are compared with paging's total, so {self.items.text!r} must lead to one list, such as "
                f"data.matches."
            )
        return self


class Feed(Section):
    """One file of a dataset."""

    url: TemplateText | None = Field(
        default=None,
        description="Where it is: a path below base_url such as /events/{match_id}.json, in which values are "
        "percent-encoded. A template that is one placeholder, {download_url}, is the URL that the entry has.",
    )
    content: Path | None = Field(
        default=None, description="Where its content is in the entry, in place of a url; $ is the entry itself."
    )
    parameters: dict[str, TemplateText] = Field(
        default_factory=dict,
        description="Parameters of the query. One whose placeholders have no value is left out.",
    )
    when: Condition | None = Field(
        default=None,
        description="The condition for the file: status == 'available' and home.score >= 0. Left out: there is always "
        "one.",
    )
    optional: bool | None = Field(
        default=None,
        description="Whether a dataset is complete without it. Left out: as ignore_not_found.",
    )
    version: Text | None = Field(
        default=None,
        description="Its data_spec_version where the plan's data_spec_versions do not name the feed. Left out: that of "
        "the plan's default.",
    )
    format: Text | None = Field(
        default=None,
        description="Its format, such as json or csv. Left out: by the URL, or by the response's Content-Type.",
    )
    last_modified: LastModifiedOrPath | None = Field(
        default=None, description="When it changed. Left out: as the dataset's."
    )
    ignore_not_found: bool = Field(default=False, description="Whether a 404 leaves the file out. Else it is an error.")
    recheck_after_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="How long a file with such a 404 is not requested again, unless its last_modified changes. Left "
        "out: each run requests it.",
    )
    ignore_not_ready: bool = Field(
        default=False,
        description="Whether a response without a body, such as a 202 or 204, means that there is no such file yet. "
        "Left out: it is an error.",
    )
    error: ErrorSetting | None = Field(
        default=None,
        description="How a body says that it is an error and not the file, as for index. Then the dataset fails, and "
        "nothing of it is stored. Left out: the check of the file finds a body that names an error and holds nothing "
        "else.",
    )
    items: ItemsPath = Field(
        default=JsonPath("", ()),
        description="With paging: the path to a page's items; the file is the list of them all.",
    )
    paging: Paging | None = Field(default=None, description="How to go on to further pages of it.")

    @model_validator(mode="after")
    def _check_content(self) -> Feed:
        if (self.url is None) == (self.content is None):
            raise wrong("needs either a url or a content.")
        if self.url is None:
            for name in (
                "parameters",
                "recheck_after_seconds",
                "paging",
                "ignore_not_found",
                "ignore_not_ready",
                "error",
            ):
                if getattr(self, name):
                    raise wrong(f"{name} belongs to a url, and this feed has a content.")
        if self.recheck_after_seconds is not None and not self.ignore_not_found:
            raise wrong("recheck_after_seconds needs ignore_not_found: true.")
        if EACH in self.items.steps[:-1] or list_steps(self.items) is None:
            raise wrong("items: the items of a paged file must be one list, such as data.frames.")
        return self

    @property
    def is_optional(self) -> bool:
        """Whether a dataset is complete without it."""
        return self.ignore_not_found if self.optional is None else self.optional


class DiscoveredSelectors(Endpoint):
    """Where the provider lists the selectors."""

    values: dict[KeyName, ValueOrPath] = Field(
        min_length=1, description="The attributes of a selector, and where they are in an entry: {season_id: id}."
    )
    name: Templates | None = Field(
        default=None,
        description="What people call it: '{competition.name} {name}'; of several, the first that has all.",
    )
    last_modified: LastModifiedOrPath | None = Field(
        default=None,
        description="When anything in it changed: a selector that has not changed since the lake's last run is "
        "skipped.",
    )


SelectorList = Annotated[list[dict[KeyName, str | int | float]], Field(min_length=1)]


class DatasetTypeDeclaration(Section):
    """Datasets of one type."""

    loader: Text | None = Field(
        default=None,
        description="The format of the files, such as opta or tracab (ingestify sources list): feeds must have the "
        "names of that format; it says how they are checked, and how kloppy loads them. Left out: that of the "
        "provider's name, for kloppy alone.",
    )
    selectors: DiscoveredSelectors | SelectorList | None = Field(
        default=None,
        description="The selectors: where the provider lists them, or a list such as [{season_id: 90}]. Left out: "
        "there is one, with all datasets.",
    )
    index: Endpoint = Field(description="Where the datasets of one selector are listed.")
    identity: dict[KeyName, ValueOrPath] = Field(
        min_length=1, description="What identifies a dataset besides its selector: {match_id: id}."
    )
    name: Templates | None = Field(
        default=None,
        description="What people call it: '{home.name} - {away.name}'; of several, the first that has all.",
    )
    state: State | None = Field(
        default=None, description="The state of the dataset. Left out: by the files that it has."
    )
    last_modified: LastModifiedOrPath | None = Field(
        default=None,
        description="When its files changed. Left out: each run requests each file conditionally.",
    )
    metadata: Annotated[Metadata, BeforeValidator(read_metadata_paths), WithJsonSchema(METADATA_SCHEMA)] = Field(
        default_factory=dict, description="Values to keep beside the files: names to paths, nested as you like."
    )
    feeds: dict[Text, Feed] = Field(min_length=1, description="The files of a dataset, by their feeds.")


class RestDeclaration(Section):
    """The configuration of `ingestify.rest`."""

    provider: Text = Field(description="The provider's name.")
    base_url: HttpUrl = Field(description="The URL to which all paths are added.")
    hosts: tuple[Text, ...] = Field(
        default=(),
        description="Other hosts that its files may be on, such as cdn.example.com or *.example.com. They get no "
        "credentials.",
    )
    auth: Auth | None = Field(default=None, description="The credentials.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Sent with each request to base_url's host.", repr=False
    )
    licence: Text | None = Field(default=None, description="The licence of the data, kept with each revision.")
    attribution: Text | None = Field(default=None, description="How users of the data must name its source.")
    quota: ErrorSetting | None = Field(
        default=None,
        description="How the body of a response with a success status says that a quota is used up, such as "
        "errors.requests; written as error. Then the provider gets no request for ten minutes, as after a 429 that "
        "asks for that.",
    )
    reads_index_again: bool = Field(
        default=True,
        description="Whether the index is read again after files were fetched, so that names and scores are of the "
        "same moment. false saves requests.",
    )
    dataset_types: dict[Text, DatasetTypeDeclaration] = Field(
        min_length=1, description="The dataset types, such as match."
    )

    @model_validator(mode="after")
    def _check_loaders(self) -> RestDeclaration:
        for dataset_type, settings in self.dataset_types.items():
            where = f"dataset_types.{dataset_type}"
            try:
                check_loader(settings.loader or "", dataset_type)
            except ConfigurationError as error:
                raise wrong(f"{where}.loader: {error}") from error
            found = find_format(settings.loader or "", dataset_type)
            if found is not None and (lacking := found.bundle_type.lacking(settings.feeds)):
                raise wrong(
                    f"{where}.feeds: the loader '{settings.loader}' needs the feed {' and '.join(lacking)}; there are "
                    f"{', '.join(settings.feeds)}."
                )
        return self
