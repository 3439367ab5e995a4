"""Masking: URLs and texts without their secrets, so that they can be shown."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "has_plain_login",
    "hide",
    "hide_all",
    "hide_url",
    "is_secret_key",
    "mask_text",
    "mask_url",
    "masked_repr",
]

MASK = "***"

_SECRET_KEY = re.compile(
    r"""(?ix)
    token | secret | passw | passphrase | pwd | credential | signature | auth | session | jwt | bearer | hmac | ^hdn
    | key $ | ^x-(amz|goog)- | ^(sig|pass|pw|code|awsaccesskeyid|app_?id)$
    """
)
# Where a secret is named inside a value or a path, as in `…?next=https%3A%2F%2Fx%3Ftoken%3Dabc` or `/a;token=abc/b`. A
# provider chooses these texts: each run of letters is read once, and judged as a whole, so that none takes long.
_KEY = re.compile(r"(?<![\w.-])[\w.-]+(?==)")
_VALUE = re.compile(r"=([^/;&?#\s]+)")
_SECRET_WORD = re.compile(r"(?i)token|secret|passw|pwd|credential|signature|auth|session|key|hmac|\b(?:sig|pass)$")
_USERINFO = re.compile(r"(?<![^/\\?#\s@])[^/\\?#\s@]*@(?=[^/\\?#]*)")
_SCHEME = re.compile(r"(?i)^(https?|ftp|file|s3|gs|az|postgresql|mysql|sqlite)://")


_LONG_PASSWORD = re.compile(r"^((?!https?:)[A-Za-z][\w+.-]*://)[^:/?#@]*:.*@", re.DOTALL | re.IGNORECASE)
# Of a database's server nothing else has an @ by right, so what is before the last one may be a name with an @, too.
_DATABASE = re.compile(r"(?:postgres|mysql|mariadb)[\w+.-]*://", re.IGNORECASE)
_DATABASE_LOGIN = re.compile(rf"^({_DATABASE.pattern})[^/?#]*:.*@", re.DOTALL | re.IGNORECASE)
# `http://user:pass/word@host/`: what follows the colon is no port, so it is a password, up to the last @.
_HTTP_PASSWORD = re.compile(r"(?i)^(https?://)[^/:?#@]*:(?!\d*(?:[/?#]|$)).*@", re.DOTALL)
# `'X-Api-Key': 'abc'` as a dictionary is shown, and `password=abc` as in a connection string.
_SHOWN_KEY = re.compile(r"""(?P<quote>["'])[\w-]+(?P=quote)(?=\s*[:=]\s*["'])|(?<![\w-])[\w-]+(?==)""")
_SHOWN_VALUE = re.compile(r"""\s*[:=]\s*["']?([^"'\s,;&})]+)""")
_QUOTED_WORD = re.compile(r"(?i)token|secret|passw|pwd|credential|signature|authorization|session|key")
_BARE_WORD = re.compile(r"(?i)token|secret|passw|pwd|credential|signature|api[_-]?key|access[_-]?key")
# By far the most: no userinfo, no query, nothing that looks like a pair.
_HARMLESS = re.compile(r"https?://[\w.:\[\]-]+(?:/[\w.~%+,-]*)*", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s'\"<>`]+")
# Keys of a configuration: of a URL, and of what is no secret though it stands below `auth`.
_URL_KEY = re.compile(r"(?i)(?:^|_|(?<=[a-z]))(url|uri)$")
_SAYS_HOW = re.compile(r"(?i)(?:^|_)(type|in|scope)$")
_CREDENTIALS = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{6,}")


def is_secret_key(key: str) -> bool:
    """Return whether the name of a parameter shows that it is secret: `token`, `api_key`, `X-Amz-Signature`, …."""
    return bool(_SECRET_KEY.search(urllib.parse.unquote_plus(key).strip()))


def mask_url(url: str) -> str:
    """Return `url` with `***` in place of its userinfo, and of the query values of secret keys.

    Never raises: if the URL cannot be parsed, only a known scheme is shown.
    """
    try:
        url = _without_hidden(url, is_url=True)
        if _HARMLESS.fullmatch(url):
            return url
        # A database's password may hold anything, an unescaped / too: up to the last @ rather too much is masked.
        url = _DATABASE_LOGIN.sub(rf"\1{MASK}@", url)
        url = _LONG_PASSWORD.sub(rf"\1{MASK}@", url)
        url = _HTTP_PASSWORD.sub(rf"\1{MASK}@", url)
        parts = urllib.parse.urlsplit(url)
        _, at, host = parts.netloc.rpartition("@")
        netloc = f"{MASK}@{host}" if at else parts.netloc
        # Without `//` the userinfo is part of the path, as in `user:password@host/file`.
        path = parts.path if parts.netloc and not parts.path.startswith("//") else _mask_head(parts.path)
        scheme = parts.scheme
        if scheme and not parts.netloc and "@" in parts.path.partition("/")[0]:
            scheme, path = "", f"{MASK}@{path.rpartition('@')[2]}"
        path = _mask_pairs(path)
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
    hidden = is_secret_key(key) or _mask_pairs(decoded) != decoded or re.search(r"//[^/?#\s@]*@", decoded)
    return f"{key}={MASK}" if hidden else pair


def _mask_pairs(text: str) -> str:
    """Mask the values of secret keys in each `key=value` of a path or a value."""
    return _mask_values(text, _KEY, _VALUE, lambda key: bool(_SECRET_WORD.search(key)))


def _mask_values(text: str, keys: re.Pattern[str], values: re.Pattern[str], is_secret: Callable[[str], bool]) -> str:
    shown = []
    done = 0
    for key in keys.finditer(text):
        if key.start() < done or not is_secret(key[0]) or (value := values.match(text, key.end())) is None:
            continue
        shown += [text[done : value.start(1)], MASK]
        done = value.end()
    return "".join((*shown, text[done:])) if shown else text


def _is_shown_secret(key: str) -> bool:
    return bool((_QUOTED_WORD if key[0] in "\"'" else _BARE_WORD).search(key))


_hidden: tuple[str, ...] = ()
"""Longest first: a secret that is a part of another one would leave the rest of that one."""
_hiding = threading.Lock()
_SHORTEST_HIDDEN = 6
_PLACEHOLDERS = frozenset({"changeme", "default", "example", "missing", "nothing", "not-set", "password", "secret"})
"""What people write for a value that they have not got. Messages use these words."""


def hide(value: object) -> None:
    """Mask a secret, such as a password or an API key, in all later results of `mask_text` and `mask_url`.

    All forms of it are masked: percent-encoded, as JSON or Python write it, in one line, and in Base64. A value of
    fewer than six characters is not masked, as ordinary words may contain it, nor a placeholder such as `default`.
    """
    global _hidden
    if not isinstance(value, str) or len(value) < _SHORTEST_HIDDEN or value in _hidden or value in _PLACEHOLDERS:
        return
    lines = [line.strip() for line in value.splitlines()]
    forms = {
        value,
        urllib.parse.quote(value, safe="", errors="replace"),
        urllib.parse.quote(value, errors="replace"),
        urllib.parse.quote_plus(value, errors="replace"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        " ".join(value.split()),
        base64.b64encode(value.encode("utf-8", "replace")).decode(),
        *(lines if len(lines) > 1 else ()),
    }
    with _hiding:
        known = {*_hidden, *(form for form in forms if len(form) >= _SHORTEST_HIDDEN)}
        _hidden = tuple(sorted(known, key=len, reverse=True))


def has_plain_login(database_url: str) -> bool:
    """Return whether the login in a database URL is not percent-encoded, so that the host cannot be found reliably.

    Then the URL has an @ that is neither before the host nor in the value of an option.
    """
    _, _, rest = database_url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, options = rest[len(authority) :].partition("?")
    if authority.count("@") > 1 or "@" in path or "@" in options.partition("=")[0] or "@" in options.partition("#")[2]:
        return True
    # Only behind a database's name there are options. And where there is no login, SQLAlchemy takes all from the first
    # colon to the @ for a password.
    return "@" in options and (not path or (":" in authority and "@" not in authority))


def hide_url(url: object) -> None:
    """Hide a URL's password and the secret values of its query, which drivers may quote without the URL.

    If a database's password is not percent-encoded, each part of it between `@ / : # ?` and similar characters is
    hidden too, as a driver may take one of them for a host, a port or a database.
    """
    if not isinstance(url, str):
        return
    if _DATABASE.match(url) and has_plain_login(url):
        password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        for part in (password, *re.split(r"[@/:#?&=\[\]]", password)):
            _hide_decoded(part)
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url)
        _hide_decoded(parts.netloc.rpartition("@")[0].partition(":")[2])
        for key, value in urllib.parse.parse_qsl(parts.query):
            if is_secret_key(key):
                _hide_decoded(value)


def _hide_decoded(secret: str) -> None:
    hide(secret)
    hide(urllib.parse.unquote(secret))


def hide_all(values: object, key: str = "") -> None:
    """Hide each text below a secret key, in mappings and lists of any depth.

    For a URL, as under `token_url`, only its password and its query are hidden: an error has to name the host. Keys
    such as `type`, which describe a login, are not hidden.

    Args:
        values: A configuration, or a part of it.
        key: The key that it belongs to; empty: none.
    """
    _hide_below(values, is_secret=is_secret_key(key), is_url=bool(_URL_KEY.search(key)))


def _hide_below(values: object, *, is_secret: bool, is_url: bool) -> None:
    if isinstance(values, Mapping):
        for key, value in values.items():
            name = str(key)
            if isinstance(value, str) and _SAYS_HOW.search(name):
                continue
            _hide_below(value, is_secret=is_secret or is_secret_key(name), is_url=bool(_URL_KEY.search(name)))
    elif isinstance(values, (list, tuple)):
        for value in values:
            _hide_below(value, is_secret=is_secret, is_url=is_url)
    elif is_url and isinstance(values, str) and _URL.fullmatch(values):
        hide_url(values)
        if is_secret:
            with contextlib.suppress(ValueError):
                for _, value in urllib.parse.parse_qsl(urllib.parse.urlsplit(values).query):
                    _hide_decoded(value)
    elif is_secret:
        hide(values)


def mask_text(text: str) -> str:
    """Return `text` with hidden values, every URL, and what follows `Basic` or `Bearer` masked."""
    masked = _without_hidden(text)
    masked = _URL.sub(lambda found: mask_url(found.group()), masked)
    masked = _mask_values(masked, _SHOWN_KEY, _SHOWN_VALUE, _is_shown_secret)
    return _CREDENTIALS.sub(lambda found: f"{found.group(1)} {MASK}", masked)


def masked_repr(instance: Any) -> str:
    """Return the `repr` of a dataclass with its URLs masked, for notebooks and logs."""
    shown = []
    for field in dataclasses.fields(instance):
        if field.repr:
            value = getattr(instance, field.name)
            is_url = isinstance(value, str) and field.name.endswith("url")
            shown.append(f"{field.name}={mask_url(value)!r}" if is_url else f"{field.name}={mask_text(repr(value))}")
    return f"{type(instance).__qualname__}({', '.join(shown)})"


def _without_hidden(text: str, *, is_url: bool = False) -> str:
    for value in _hidden:
        if value in text:
            # A password that is also (part of) a scheme, such as postgres, must not hide where the passwords stand.
            kept = text.find("://") + 1 if is_url and "://" not in value else 0
            text = text[:kept] + text[kept:].replace(value, MASK)
    return text
