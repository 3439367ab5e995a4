"""The configuration of `ingestify.files`. Its JSON schema has the same descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ingestify.domain import formats
from ingestify.errors import ConfigurationError
from ingestify.sources.declaration import KeyName
from ingestify.sources.files.pattern import FEED, FORMAT, RESERVED, VERSION, KeyType, PathPattern
from ingestify.sources.one_type import OneTypeDeclaration
from ingestify.typed_section import Section, Text, wrong

__all__ = ["FilesDeclaration", "MemberPattern", "NamedPattern"]

_FIELD = re.compile(r"\{(\w+)\}")

Glob = Annotated[str, Field(min_length=1, max_length=200)]


def _pattern_or_text(value: object) -> object:
    return {"pattern": value} if isinstance(value, str) else value


def _member_or_text(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _or_text(name: str) -> WithJsonSchema:
    # The mapping is described where it is defined.
    return WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "required": [name]}]})


class MemberPattern(Section):
    """A member of a ZIP archive that is a feed of its own."""

    name: Glob = Field(description="Its name, with * for any text within a folder and ** for any text: */events.json.")
    data_spec_version: Text | None = Field(default=None, description="Its version. Left out: that of the archive.")
    data_serialization_format: Text | None = Field(
        default=None, description="Its format. Left out: by what its name ends with."
    )


class NamedPattern(Section):
    """A pattern of paths, and what is known of its files beside their paths."""

    pattern: Text = Field(description="The pattern: {match_id}.mp4.")
    data_feed_key: Text | None = Field(
        default=None,
        description="The feed of such files, if the pattern does not say; with fields of it for a feed in parts: "
        "ball-{period}-{minute}.",
    )
    data_spec_version: Text | None = Field(
        default=None, description="Their version, if the pattern does not say. Left out: that of the plan."
    )
    data_serialization_format: Text | None = Field(
        default=None, description="Their format, if the pattern does not say. Left out: by what their names end with."
    )
    members: dict[Text, Annotated[MemberPattern, BeforeValidator(_member_or_text), _or_text("name")]] = Field(
        default_factory=dict,
        description="Of ZIP archives: feeds that are in them, {events: '*/events.json'}. The archive is kept whole, "
        "too.",
    )

    @property
    def feed_fields(self) -> tuple[str, ...]:
        """The fields of the pattern that data_feed_key contains."""
        return tuple(_FIELD.findall(self.data_feed_key or ""))


class FilesDeclaration(OneTypeDeclaration):
    """The configuration of `ingestify.files`."""

    location: Text = Field(
        description="Where the files are: a folder or file://, s3://, gs:// or az://, or sftp://user@host/folder. A "
        "relative path is below the folder of the config file."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the connection. For an object store: those of main.file_options. For SFTP: password, "
        "private_key, passphrase, host_key (SHA256:…), known_hosts, connections.",
        repr=False,
    )
    pattern: Text | None = Field(
        default=None,
        description="What the paths look like: {season_id}/{match_id}_{data_feed_key}.{data_serialization_format}. Or "
        "patterns.",
    )
    patterns: tuple[Annotated[NamedPattern, BeforeValidator(_pattern_or_text), _or_text("pattern")], ...] = Field(
        default=(), description="Several patterns, each text or a mapping. The first that a path matches counts."
    )
    identity: tuple[KeyName, ...] = Field(
        default=(), description="The fields that identify a dataset, in this order. Left out: as the pattern has them."
    )
    types: dict[KeyName, KeyType] = Field(
        default_factory=dict,
        description="The type of a field: int or str. A path whose text is no whole number does not match the pattern.",
    )
    case_sensitive: bool = Field(
        default=True,
        description="Whether capital letters matter: in the fixed text of a pattern, and in the names of feeds.",
    )
    dataset_name: Text | None = Field(
        default=None, description="What people call a dataset: 'Match {match_id}'. Left out: its identity."
    )
    settle_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="How old the newest file of a dataset must be before it is read: it may still be written to. "
        "Left out: 60, or 0 with complete_when. Left out, ingestify watch reads it sooner if file events come and the "
        "system says that nobody writes it.",
    )
    complete_when: Text | None = Field(
        default=None, description="The pattern of a file that marks a dataset as complete: {match_id}.done."
    )
    ignore: tuple[Glob, ...] = Field(
        default=(), description="Paths to leave out, with * and **: [README.md, 'old/**']."
    )
    members: dict[Text, Annotated[MemberPattern, BeforeValidator(_member_or_text), _or_text("name")]] = Field(
        default_factory=dict,
        description="Of ZIP archives: feeds that are in them. For pattern; patterns have their own.",
    )

    @model_validator(mode="after")
    def _check(self) -> FilesDeclaration:
        if (self.pattern is None) == (not self.patterns):
            raise wrong("needs either a pattern or patterns.")
        if self.members and self.patterns:
            raise wrong("members: with patterns, each has its own.")
        if reserved := [name for name in self.identity if name in RESERVED]:
            raise wrong(f"identity: {reserved[0]} says what a file is, and not of which dataset it is.")
        try:
            patterns = [self.parse(one.pattern) for one in self.all_patterns]
            marker = None if self.complete_when is None else self.parse(self.complete_when)
        except ConfigurationError as error:
            raise wrong(str(error)) from error
        self._check_fields(patterns, marker)
        return self

    def _check_fields(self, patterns: list[PathPattern], marker: PathPattern | None) -> None:
        keys = self.identity_keys
        if not keys:
            raise wrong(f"pattern: {patterns[0].text!r} has no field that identifies a dataset, such as {{match_id}}.")
        for settings, pattern in zip(self.all_patterns, patterns, strict=True):
            _check_identity(pattern, settings, keys)
            _check_feed(pattern, settings)
        if unknown := [name for name in self.types if name not in keys]:
            raise wrong(f"types: {unknown[0]} is none of the fields that identify a dataset ({', '.join(keys)}).")
        if marker is not None and (other := [field for field in marker.fields if field not in keys]):
            raise wrong(
                f"complete_when: the field {{{other[0]}}} does not identify a dataset; name some of {', '.join(keys)}."
            )

    @property
    def all_patterns(self) -> tuple[NamedPattern, ...]:
        """The patterns, in the order in which they count."""
        if self.pattern is None:
            return self.patterns
        return (NamedPattern(pattern=self.pattern, members=dict(self.members)),)

    @property
    def identity_keys(self) -> tuple[str, ...]:
        """The fields that identify a dataset, in order."""
        if self.identity:
            return self.identity
        first = self.all_patterns[0]
        others = (*RESERVED, *first.feed_fields)
        return tuple(field for field in self.parse(first.pattern).fields if field not in others)

    def parse(self, pattern: str) -> PathPattern:
        """Return a parsed pattern, with the types of its fields."""
        return PathPattern.parse(pattern, self.types, is_case_sensitive=self.case_sensitive)

    @property
    def waiting_seconds(self) -> float:
        """How old the newest file of a dataset must be."""
        if self.settle_seconds is not None:
            return self.settle_seconds
        return 60.0 if self.complete_when is None else 0.0


def _check_identity(pattern: PathPattern, settings: NamedPattern, keys: tuple[str, ...]) -> None:
    """Refuse a pattern that lacks a field of the identity, or has one that means nothing."""
    others = {*RESERVED, *(field for field in settings.feed_fields if field not in keys)}
    own = [field for field in pattern.fields if field not in others]
    if missing := [key for key in keys if key not in own]:
        raise wrong(f"pattern: {pattern.text!r} has no field {{{missing[0]}}}, which identifies a dataset.")
    if surplus := [field for field in own if field not in keys]:
        raise wrong(
            f"pattern: {pattern.text!r} has the field {{{surplus[0]}}}, which is not in identity; add it there, or "
            f"call it {{_{surplus[0]}}} if it means nothing."
        )


def _check_feed(pattern: PathPattern, settings: NamedPattern) -> None:
    """Refuse a pattern that says nothing, or two things, of the feed, version or format of its files."""
    if FEED not in pattern.fields and settings.data_feed_key is None:
        raise wrong(
            f"pattern: {pattern.text!r} does not say which feed a file is; give it a field {{{FEED}}}, or write it "
            f"under patterns as {{pattern: …, {FEED}: video}}."
        )
    if unknown := [name for name in settings.feed_fields if name not in pattern.fields or name in RESERVED]:
        raise wrong(f"{FEED}: {pattern.text!r} has no field {{{unknown[0]}}} that could be part of a feed.")
    for name in RESERVED:
        if name in pattern.fields and getattr(settings, name) is not None:
            raise wrong(f"pattern: {pattern.text!r} has a field {{{name}}}, and {name} is given besides.")


def spec_of(fields: Mapping[str, str], settings: NamedPattern, path: str) -> tuple[str, str | None, str]:
    """Return the feed, version and format of a file.

    The version is None if neither the path nor the settings name one.
    """
    name = path.rpartition("/")[2]
    file_format = (
        fields.get(FORMAT) or settings.data_serialization_format or formats.find_in_name(name) or formats.UNKNOWN
    )
    feed = fields.get(FEED) or _FIELD.sub(lambda found: fields[found[1]], settings.data_feed_key or "")
    return feed, fields.get(VERSION) or settings.data_spec_version, file_format.lower()
