"""The configuration of `ingestify.push`. Its JSON schema has the same descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ingestify.domain.json_path import EACH, JsonPath
from ingestify.errors import ConfigurationError
from ingestify.sources.declaration import KeyName
from ingestify.sources.one_type import OneTypeDeclaration
from ingestify.sources.push.inbox import LONGEST_VALUE, LONGEST_VALUE_BYTES
from ingestify.typed_section import Section, Text, wrong

__all__ = ["NoticesDeclaration", "PushDeclaration"]

_NO_TEXT = "\N{REPLACEMENT CHARACTER}"
"""What an address is read as where it is no UTF-8."""

_WORDS = ("data_feed_key", "data_spec_version", "data_serialization_format")


class NoticesDeclaration(Section):
    """What a notice is about: datasets of another source, which asks its provider for them."""

    source: Text = Field(description="The source whose plans are looked at.")
    keys: dict[KeyName, Text] = Field(
        min_length=1,
        description="Keys of its identifiers, and where the JSON of a notice has their values: {match_id: data.id}.",
    )

    @property
    def paths(self) -> dict[str, JsonPath]:
        """The keys, with their paths."""
        return {key: JsonPath.parse(path) for key, path in self.keys.items()}


class PushDeclaration(OneTypeDeclaration):
    """The configuration of `ingestify.push`."""

    identity: tuple[KeyName, ...] = Field(
        min_length=1, description="The keys that identify a dataset, each of which a push names: [season_id, match_id]."
    )
    types: dict[KeyName, Literal["int", "str"]] = Field(
        default_factory=dict, description="The type of a key: int or str. Left out: str."
    )
    secret: Text | tuple[Text, ...] | None = Field(
        default=None,
        repr=False,
        description="The secret of the signature (Standard Webhooks): whsec_ and 24 to 64 bytes in Base64. Several, "
        "while one is replaced by another.",
    )
    token: Annotated[str, Field(min_length=16)] | None = Field(
        default=None, repr=False, description="Or a token of 16 characters or more: Authorization: Bearer TOKEN."
    )
    requires: tuple[Text, ...] | None = Field(
        default=None,
        description="The feeds that a complete dataset has: it comes into the lake when all of them were pushed. Left "
        "out: those of loader, else what is built in for the type.",
    )
    optional: tuple[Text, ...] = Field(
        default=(), description="With requires: the feeds that some have besides. No others are taken."
    )
    max_file_bytes: Annotated[int, Field(gt=0)] = Field(default=256 << 20, description="The most bytes of a file.")
    notices: NoticesDeclaration | None = Field(
        default=None, description="What a notice is about. Left out: no notices are taken."
    )
    poll_seconds: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=1.0,
        description="How often ingestify watch looks whether something came; a request each time in an object store.",
    )

    @model_validator(mode="after")
    def _check(self) -> PushDeclaration:
        if self.secret is None and self.token is None:
            raise wrong("needs a secret or a token: without one, everybody could push.")
        if len(set(self.identity)) != len(self.identity):
            raise wrong("identity: a key is there twice.")
        if reserved := [key for key in self.identity if key in _WORDS]:
            raise wrong(f"identity: {reserved[0]} says what a file is, and not of which dataset it is.")
        if unknown := [key for key in self.types if key not in self.identity]:
            raise wrong(f"types: {unknown[0]} is none of the keys of identity ({', '.join(self.identity)}).")
        try:
            several = None if self.notices is None else _find_several(self.notices.paths)
        except ConfigurationError as error:
            raise wrong(str(error)) from error
        if several is not None:
            raise wrong(f"notices: {several} leads to several values; name one of them.")
        return self

    def typed(self, key: str, text: str) -> str | int:
        """Return the value of a key.

        Raises:
            ValueError: It has none of its type, or it is too long. The text is for the sender.
        """
        if not text or len(text) > LONGEST_VALUE or not text.isprintable():
            raise ValueError(f"{key} must be 1 to {LONGEST_VALUE} printable characters.")
        if len(text.encode()) > LONGEST_VALUE_BYTES:
            raise ValueError(f"{key} must be up to {LONGEST_VALUE_BYTES} bytes in UTF-8.")
        if _NO_TEXT in text:
            raise ValueError(f"{key} is not encoded in UTF-8.")
        if self.types.get(key) != "int":
            return text
        if not (text.isascii() and text.isdigit() and str(int(text)) == text and len(text) < 19):
            raise ValueError(f"{key} must be a whole number, without leading zeros.")
        return int(text)


def _find_several(paths: Mapping[str, JsonPath]) -> JsonPath | None:
    return next((path for path in paths.values() if EACH in path.steps), None)
