"""Signatures of Standard Webhooks: of what is sent, and of what is received.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from ingestify.errors import ConfigurationError
from ingestify.masking import hide
from ingestify.publishers.arguments import check_text

__all__ = ["ID", "TOLERANCE_SECONDS", "SignatureCheck", "read_keys", "sign"]

ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

TOLERANCE_SECONDS = 300
"""How far the time of a message may be from now, in both directions."""

_PREFIX = "whsec_"
_LEAST_KEY_BYTES, _MOST_KEY_BYTES = 24, 64
_MOST_SIGNATURES = 16
_LONGEST_ID = 256


def read_keys(secret: object) -> tuple[bytes, ...]:
    """Return the keys of one secret, or of several.

    Raises:
        ConfigurationError: There is none, or one is no secret of Standard Webhooks. The message shows nothing of it.
    """
    secrets = list(secret) if isinstance(secret, (list, tuple)) else [secret]
    if not secrets:
        raise ConfigurationError("secret is an empty list; write at least one.")
    return tuple(_key(one) for one in secrets)


def sign(keys: Sequence[bytes], message_id: str, moment: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message.

    Args:
        keys: There is a signature by each.
        message_id: The same at each try.
        moment: Now, in seconds since 1970.
        body: The bytes that are sent.
    """
    begin = _begin(message_id, str(moment))
    digests = [hmac.digest(key, begin + body, hashlib.sha256) for key in keys]
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return {ID: message_id, _TIMESTAMP: str(moment), _SIGNATURE: signatures}


class SignatureCheck:
    """Checks the signature of a message whose body comes in pieces.

    Args:
        keys: One of them must have signed it.
        headers: Of the message; their names in lower case.
        moment: Now, in seconds since 1970.

    Raises:
        ValueError: A header is missing or makes no sense, or the message is too old or from the future. The text is
            for the sender.
    """

    def __init__(self, keys: Sequence[bytes], headers: Mapping[str, str], moment: float) -> None:
        message_id, timestamp = headers.get(ID, ""), headers.get(_TIMESTAMP, "")
        signatures = headers.get(_SIGNATURE, "").split(" ")[:_MOST_SIGNATURES]
        if not message_id or not timestamp or signatures == [""]:
            raise ValueError(f"The headers {ID}, {_TIMESTAMP} and {_SIGNATURE} of Standard Webhooks are needed.")
        if len(message_id) > _LONGEST_ID or not (message_id.isascii() and message_id.isprintable()):
            raise ValueError(f"{ID} must be up to {_LONGEST_ID} printable characters of ASCII.")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise ValueError(f"{_TIMESTAMP} must be seconds since 1970.")
        if abs(moment - int(timestamp)) > TOLERANCE_SECONDS:
            raise ValueError(f"{_TIMESTAMP} is more than {TOLERANCE_SECONDS} s from now: sign each try anew.")
        self.message_id = message_id
        self._signatures = [one.partition(",")[2] for one in signatures if one.startswith("v1,")]
        begin = _begin(message_id, timestamp)
        self._digests = [hmac.new(key, begin, hashlib.sha256) for key in keys]

    def update(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        for digest in self._digests:
            digest.update(piece)

    def is_right(self) -> bool:
        """Whether one of the keys signed what came."""
        wanted = [base64.b64encode(digest.digest()) for digest in self._digests]
        given = [one.encode("ascii", "replace") for one in self._signatures]
        # Each pair is compared, whatever the others are: how long it takes says nothing.
        return any([hmac.compare_digest(one, other) for one in wanted for other in given])  # noqa: C419


def _begin(message_id: str, timestamp: str) -> bytes:
    return b"%b.%b." % (message_id.encode(), timestamp.encode())


def _key(secret: object) -> bytes:
    text = check_text(secret, "secret", "whsec_ and 24 to 64 bytes in Base64")
    encoded = text.removeprefix(_PREFIX)
    hide(text)
    hide(encoded)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST_KEY_BYTES <= len(key) <= _MOST_KEY_BYTES:
        raise ConfigurationError(
            "secret is none of Standard Webhooks: it must be whsec_ and, behind it, 24 to 64 random bytes in Base64, "
            "such as  openssl rand -base64 32  writes."
        ) from None
    return key
