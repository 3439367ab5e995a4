"""A whole answer in memory, for indexes and other small things."""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ingestify.errors import SourceError
from ingestify.fetch.json_values import MOST_INDEX_BYTES, TooLarge, read_json
from ingestify.masking import mask_url

__all__ = ["BufferedResponse"]

_SHOWN_CHARACTERS = 80
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE | re.ASCII)
# Codecs that Python takes for a text's encoding and that no provider's text is written in, by the name that `codecs`
# gives them: they read escapes, parts of a host's name, or what this machine is set to.
_NOT_CHARSETS = frozenset({"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})


@dataclasses.dataclass(frozen=True, slots=True)
class BufferedResponse:
    """A whole answer in memory; implements `domain.ports.Response`.

    Attributes:
        url: Where it came from after redirects, with whatever secrets its query has.
        headers: Names in any case.
        content: The body, Content-Encoding undone.
        most_bytes: What its JSON may take in memory; `setting`: what raises that.
    """

    status: int
    url: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    content: bytes = dataclasses.field(repr=False)
    most_bytes: int = dataclasses.field(default=MOST_INDEX_BYTES, repr=False)
    setting: str = dataclasses.field(default="max_index_size", repr=False)

    @property
    def text(self) -> str:
        """The body as text, in the charset that it names, else UTF-8; what cannot be read is replaced."""
        try:
            text = self.content.decode(_charset(self.headers.get("Content-Type")), "replace")
        except (LookupError, ValueError):  # a codec that is not for text, such as rot13
            text = self.content.decode("utf-8", "replace")
        return text.removeprefix("\ufeff")

    def json(self) -> Any:
        """Return the body as JSON values; see `fetch.json_values`.

        Raises:
            SourceError: It is no JSON; the message shows the URL, where it fails, and how the body begins. Or it would
                take too much memory.
        """
        try:
            return read_json(self.content, self.most_bytes)
        except TooLarge as error:
            raise SourceError(
                f"GET {mask_url(self.url)}: {error}, which is too much for an index of up to "
                f"{self.most_bytes // 1_000_000:,} MB; ask for a smaller part of it, or, if it is right, raise "
                f"{self.setting}."
            ) from error
        except (ValueError, RecursionError) as error:
            if not self.content and self.status in (201, 202, 204):
                raise SourceError(
                    f"{mask_url(self.url)} has nothing yet: it answers with the status {self.status} and without a "
                    f"body; run again later."
                ) from error
            begins = f"it begins {self.text[:_SHOWN_CHARACTERS]!r}" if self.content else "it is empty"
            raise SourceError(
                f"The answer of {mask_url(self.url)} should be JSON, and is not ({error}); {begins}."
            ) from error


def _charset(content_type: str | None) -> str:
    """Return the charset that a Content-Type names; UTF-8 if it names none, or one that Python does not know."""
    found = _CHARSET.search(content_type or "")
    try:
        name = codecs.lookup("utf-8" if found is None else found[1]).name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NOT_CHARSETS else name
