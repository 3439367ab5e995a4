"""The types of settings that are parsed from text: paths, templates, conditions, URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from ingestify.domain.expression import Expression
from ingestify.domain.expression_syntax import Grammar
from ingestify.domain.json_path import JsonPath
from ingestify.errors import ConfigurationError
from ingestify.sources.template import Template
from ingestify.typed_section import wrong

__all__ = ["Condition", "HttpUrl", "ItemsPath", "Path", "Paths", "TemplateText", "Templates", "read_by", "read_path"]

WHEN = Grammar(
    "when",
    "entry",
    has_paths=True,
    allowed="Allowed: keys of the entry such as status or home.id, entry['a key'], selector.season_id, numbers, "
    "'text', "
    "True, False, None, and, or, not, ( ), == != < <= > >=, in, not in, lists such as ['available', None].",
    shorter="Write a shorter one.",
)

T = TypeVar("T")


def read_by(parse: Callable[[str], T], expected: str = "text.") -> Callable[[object], object]:
    """Return a validator that parses a text.

    Args:
        parse: Parses the text; it raises a ConfigurationError or ValueError.
        expected: What a value that is no text must be, for its error.
    """

    def read(value: object) -> object:
        if isinstance(value, (int, float, list, Mapping)):
            raise wrong(f"must be {expected}")
        try:
            return parse(value) if isinstance(value, str) else value
        except (ConfigurationError, ValueError) as error:
            raise wrong(str(error)) from error

    return read


def _one(value: JsonPath) -> JsonPath:
    if not value.is_single:
        raise wrong(f"{value.text!r} has [*] in it, and must lead to one value.")
    return value


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


_STRING = WithJsonSchema({"type": "string"})
_ONE_OR_LIST = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)

ItemsPath = Annotated[JsonPath, BeforeValidator(read_by(JsonPath.parse)), _STRING]
Path = Annotated[JsonPath, BeforeValidator(read_by(JsonPath.parse)), AfterValidator(_one), _STRING]
TemplateText = Annotated[Template, BeforeValidator(read_by(Template.parse)), _STRING]
Condition = Annotated[Expression, BeforeValidator(read_by(lambda text: Expression.parse(text, WHEN))), _STRING]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_several), Field(min_length=1), _ONE_OR_LIST]
Templates = Annotated[tuple[TemplateText, ...], BeforeValidator(_several), Field(min_length=1), _ONE_OR_LIST]


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        valid = False
    if not valid:
        raise wrong("must be a URL such as https://api.example.com/v2, without ? and #.")
    if parts.username is not None:
        raise wrong("holds credentials; write them under auth.")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url), _STRING]


def read_path(value: object) -> JsonPath:
    """Parse a path to one value. For validators."""
    path = read_by(JsonPath.parse)(value)
    if not isinstance(path, JsonPath):
        raise wrong(f"must hold paths, and {value!r} is none.")
    return _one(path)
