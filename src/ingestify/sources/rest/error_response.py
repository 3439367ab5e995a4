"""The setting `error`: how the body of a response says that an error occurred."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from ingestify.checks.error_response import quote_error
from ingestify.domain.error_response import FindError
from ingestify.domain.expression import Expression
from ingestify.domain.expression_syntax import Grammar
from ingestify.domain.json_path import JsonPath
from ingestify.domain.ports import HttpClientPort
from ingestify.errors import ConfigurationError
from ingestify.fetch.json_values import read_json
from ingestify.sources.rest.fields import read_by

__all__ = ["ErrorCondition", "ErrorOrQuota", "ErrorSetting"]

_LEFT_ALONE_SECONDS = 600.0
"""Longer than the rest of a run takes to fail, and shorter than any provider takes to renew a quota."""

_GRAMMAR = Grammar(
    "error",
    "answer",
    has_paths=True,
    allowed="Allowed: a path such as error or meta.errors, where any value means an error; or a condition on keys "
    "of the answer, such as status == 'error' or errors != [], with answer['a key'], numbers, 'text', True, False, "
    "None, and, or, not, ( ), == != < <= > >=, in, not in.",
    shorter="Write a shorter one.",
    asks_for_something=True,
)


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorCondition:
    """Finds out whether a response is an error; a `domain.error_response.FindError`. Made by `parse`.

    Attributes:
        condition: A response is an error if this holds; None: `path` decides.
        path: A response is an error if the value here is not null, false, zero or empty; None: `condition` decides.
    """

    condition: Expression | None
    path: JsonPath | None

    @classmethod
    def parse(cls, text: str) -> ErrorCondition:
        """Parse a path or a condition.

        Raises:
            ConfigurationError: The text is neither.
        """
        try:
            return cls(Expression.parse(text, _GRAMMAR), None)
        except ConfigurationError as error:
            # `$.error`, `error-message` and `['the error']` are paths. `a = b` could be a path, but is a mistake.
            if text.strip().startswith(("$", "[")) or not set(text) & set(" =<>!&|()"):
                path = JsonPath.parse(text)
                if path.steps and path.is_single:
                    return cls(None, path)
            raise error

    def __call__(self, body: bytes) -> str:
        """Return the error in a body, quoted; empty if it is no error, or no JSON."""
        if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            return ""
        try:
            document = read_json(body)
        except (ValueError, RecursionError):
            return ""
        if not self._holds(document):
            return ""
        found = self.path.find(document) if self.path is not None else None
        return quote_error(found if found and not isinstance(found, bool) else document, body)

    def _holds(self, document: Any) -> bool:
        if self.path is not None:
            return bool(self.path.find(document))
        assert self.condition is not None, "there is a path or a condition"
        own = document if isinstance(document, Mapping) else {}
        names = {**dict.fromkeys(self.condition.names), **own, "answer": document}
        return self.condition.matches(names)


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorOrQuota:
    """A `domain.error_response.FindError` that stops the requests to a host when a quota is used up.

    Attributes:
        quota: Finds out whether the quota is used up.
        error: Finds other errors; None: nothing does.
        url: A URL of the host.
        get_http: Returns the source's client.
    """

    quota: ErrorCondition
    error: FindError | None
    url: str
    get_http: Callable[[], HttpClientPort]

    def __call__(self, body: bytes) -> str:
        """Return the error in a body, quoted; empty if there is none."""
        if error := self.quota(body):
            self.get_http().leave_alone(self.url, _LEFT_ALONE_SECONDS)
            return error
        return "" if self.error is None else self.error(body)


_EXPECTED = "text: a path such as error, or a condition such as status == 'error'."
ErrorSetting = Annotated[
    ErrorCondition, BeforeValidator(read_by(ErrorCondition.parse, _EXPECTED)), WithJsonSchema({"type": "string"})
]
