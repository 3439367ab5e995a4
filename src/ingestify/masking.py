"""What may be shown: URLs, and text with URLs in it, without their secrets."""

from __future__ import annotations

import re
import urllib.parse

__all__ = ["is_secret_key", "mask_text", "mask_url"]

MASK = "***"

_SECRET_KEY = re.compile(
    r"""(?ix)
    token | secret | passw | passphrase | pwd | credential | signature | auth | session | jwt | bearer
    | key $ | ^x-(amz|goog)- | ^(sig|pass|pw|code|awsaccesskeyid)$
    """
)
# A secret inside a value or a path, such as `…?next=https%3A%2F%2Fx%3Ftoken%3Dabc` or `/a;token=abc/b`.
_SECRET_PAIR = re.compile(
    r"(?i)([\w.-]*(?:token|secret|passw|pwd|credential|signature|auth|session|key)[\w.-]*|\bsig|\bpass)=[^/;&?#\s]+"
)
_USERINFO = re.compile(r"[^/\\?#\s@]*@(?=[^/\\?#]*)")
_SCHEME = re.compile(r"(?i)^(https?|ftp|file|s3|gs|az|postgresql|mysql|sqlite)://")


_LONG_PASSWORD = re.compile(r"^((?!https?:)[A-Za-z][\w+.-]*://)[^:/?#@]*:.*@", re.DOTALL | re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")
_CREDENTIALS = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{6,}")


def is_secret_key(key: str) -> bool:
    """Return whether a parameter of that name is likely to hold a secret: `token`, `api_key`, `X-Amz-Signature`, …"""
    return bool(_SECRET_KEY.search(urllib.parse.unquote_plus(key).strip()))


def mask_url(url: str) -> str:
    """Return `url` with its userinfo, and the query values whose keys look like secrets, as `***`.

    Never raises: of what cannot be parsed only a known scheme is shown.
    """
    try:
        # A database's password may hold anything, an unescaped / too: up to the last @ rather too much is masked.
        url = _LONG_PASSWORD.sub(rf"\1{MASK}@", url)
        parts = urllib.parse.urlsplit(url)
        _, at, host = parts.netloc.rpartition("@")
        netloc = f"{MASK}@{host}" if at else parts.netloc
        # Without `//` the userinfo is part of the path, as in `user:password@host/file`.
        path = parts.path if parts.netloc and not parts.path.startswith("//") else _mask_head(parts.path)
        scheme = parts.scheme
        if scheme and not parts.netloc and "@" in parts.path.partition("/")[0]:
            scheme, path = "", f"{MASK}@{path.rpartition('@')[2]}"
        path = _SECRET_PAIR.sub(rf"\1={MASK}", path)
        query = re.sub(r"[^&;]+", lambda pair: _mask_pair(pair[0]), parts.query)
        # A fragment is never sent, and may hold a token of an OAuth answer.
        shown = urllib.parse.urlunsplit((scheme, netloc, path, query, MASK if parts.fragment else ""))
        # urlunsplit writes sqlite:///path as sqlite:/path.
        empty_host = scheme and not netloc and url[len(scheme) :].startswith(":///")
        return shown.replace(f"{scheme}:/", f"{scheme}:///", 1) if empty_host and "///" not in shown else shown
    except (ValueError, TypeError, AttributeError):
        known = _SCHEME.match(url) if isinstance(url, str) else None
        return f"{known[0] if known else ''}{MASK}"


def _mask_head(path: str) -> str:
    return _USERINFO.sub(f"{MASK}@", path)


def _mask_pair(pair: str) -> str:
    key, equals, value = pair.partition("=")
    if not equals:
        return pair
    decoded = urllib.parse.unquote_plus(urllib.parse.unquote_plus(value))
    hidden = is_secret_key(key) or _SECRET_PAIR.search(decoded) or re.search(r"//[^/?#\s]*@", decoded)
    return f"{key}={MASK}" if hidden else pair


def mask_text(text: str) -> str:
    """Return `text` with every URL in it masked, and what follows `Basic` or `Bearer` too."""
    masked = _URL.sub(lambda found: mask_url(found.group()), text)
    return _CREDENTIALS.sub(lambda found: f"{found.group(1)} {MASK}", masked)
