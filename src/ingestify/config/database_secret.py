"""The URL of a database whose credentials are a secret as Amazon RDS writes it.

    {"engine": "postgres", "host": "…", "port": 5432, "username": "…", "password": "…", "dbname": "…"}

The format is that of the "Database secret credential structure" in the documentation of AWS Secrets Manager.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping

from ingestify.errors import SecretError

__all__ = ["database_url"]

_SCHEMES = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "aurora-postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "aurora-mysql": "mysql",
}
_NEEDED = ("engine", "host", "username", "password", "dbname")


def database_url(secret: Mapping[str, object]) -> str:
    """Return the URL that a secret describes, with user, password and name percent-encoded.

    Args:
        secret: The secret's keys and values. `port` may be a number or text, or be left out: the database's usual one.

    Raises:
        SecretError: A key is missing or makes no sense. The message names keys and the engine, no other value.
    """
    missing = [key for key in _NEEDED if secret.get(key) in (None, "")]
    if missing:
        raise SecretError(
            f"it lacks {', '.join(missing)}; a database's secret has {', '.join(_NEEDED)}, and usually port. Or store "
            "the whole URL as the text of the secret."
        )
    values = {key: str(secret[key]) for key in _NEEDED}
    scheme = _SCHEMES.get(values["engine"].lower())
    if scheme is None:
        raise SecretError(f"its engine is '{values['engine']}'; there are {', '.join(sorted(_SCHEMES))}.")
    host = f"[{values['host']}]" if ":" in values["host"] else values["host"]
    if any(character in host for character in "/?#@ \\"):
        raise SecretError("its host is no host name; write it without scheme, port and path.")
    user, password, name = (urllib.parse.quote(values[key], safe="") for key in ("username", "password", "dbname"))
    return f"{scheme}://{user}:{password}@{host}{_port(secret.get('port'))}/{name}"


def _port(port: object) -> str:
    if port in (None, ""):
        return ""
    text = str(port)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SecretError("its port is no number from 1 to 65535.")
    return f":{text}"
