"""A message: an event of the log on its way to another system, as a CloudEvent.

Format: CloudEvents 1.0.2, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md; its JSON format is in
`formats/json-format.md` there, and each protocol has a binding in `bindings/`.
"""

from __future__ import annotations

import dataclasses
import json
import string
import urllib.parse
from collections.abc import Mapping

__all__ = ["JSON_TYPE", "STRUCTURED_TYPE", "Message"]

JSON_TYPE = "application/json"
"""The content type of `data`."""

STRUCTURED_TYPE = "application/cloudevents+json; charset=UTF-8"
"""The content type of `structured()`."""


_NOT_ENCODED = "".join(set(string.punctuation) - {'"', "%"})
"""Beside letters and digits. The bindings of HTTP and NATS encode the space, the quote, the percent sign, and what is
not ASCII (section 3.1.3.2 of both)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event for another system.

    Attributes:
        id: `{lake_id}/{epoch}/{position}`. An event has the same id for ever, so that a consumer can drop repeats.
        source: Who sends it: `urn:ingestify:lake:{lake_id}`.
        type: `ingestify.{event_type}.v{version}`, such as `ingestify.revision_added.v1`.
        time: When it happened: an RFC 3339 text in UTC.
        key: The id of the dataset. The messages of one key are delivered in their order.
        dataschema: The name of the JSON Schema of `data`.
        extensions: The other attributes of the CloudEvent, such as `sequence`.
        fields: What a template of a topic can name: `provider`, `dataset_type`, `event_type`, `bucket`, and the keys of
            the identifier.
        data: The payload, JSON in UTF-8.
    """

    id: str
    source: str
    type: str
    time: str
    key: str
    dataschema: str
    extensions: Mapping[str, str | int]
    fields: Mapping[str, str]
    data: bytes

    @property
    def attributes(self) -> dict[str, str | int]:
        """The attributes of the CloudEvent, without `data`."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.key,
            "time": self.time,
            "datacontenttype": JSON_TYPE,
            "dataschema": self.dataschema,
            **self.extensions,
        }

    def headers(self, prefix: str, *, is_encoded: bool = False) -> dict[str, str]:
        """Return the attributes for the binary mode of a protocol, where `data` is the body.

        Args:
            prefix: Before each name: `ce_` in Kafka, `ce-` in HTTP and NATS. `datacontenttype` is left out, as the
                protocol has its own header for it.
            is_encoded: Percent-encode the values.
        """
        return {
            f"{prefix}{name}": urllib.parse.quote(str(value), _NOT_ENCODED) if is_encoded else str(value)
            for name, value in self.attributes.items()
            if name != "datacontenttype"
        }

    def structured(self) -> bytes:
        """Return the whole CloudEvent as JSON, for the structured mode."""
        head = json.dumps(self.attributes, ensure_ascii=False, separators=(",", ":"))
        return b'%b,"data":%b}' % (head[:-1].encode(), self.data)
