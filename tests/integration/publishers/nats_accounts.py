"""An operator of NATS, an account with JetStream and a user of it, as `nsc` makes them.

Format: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt.
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
_JETSTREAM = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)


def make_account() -> tuple[str, str]:
    """Return the settings of a server with the account, and the `.creds` file of its user."""
    import nkeys

    account_prefix = nkeys.PREFIX_BYTE_ACCOUNT
    operator, system, account, user = (
        nkeys.encode_seed(os.urandom(32), prefix)
        for prefix in (nkeys.PREFIX_BYTE_OPERATOR, account_prefix, account_prefix, nkeys.PREFIX_BYTE_USER)
    )
    limits = {**_UNLIMITED, "wildcards": True}
    system_token = _token(operator, system, {"type": "account", "limits": limits})
    account_token = _token(operator, account, {"type": "account", "limits": limits | _JETSTREAM})
    user_token = _token(account, user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    settings = (
        f"operator: {_token(operator, operator, {'type': 'operator'})}\nsystem_account: {_public(system)}\n"
        f"resolver: MEMORY\nresolver_preload: {{\n"
        f"  {_public(system)}: {system_token}\n  {_public(account)}: {account_token}\n}}\n"
    )
    credentials = (
        f"-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.decode()}\n------END USER NKEY SEED------\n"
    )
    return settings, credentials


def _token(issuer: bytes, subject: bytes, claims: dict[str, Any]) -> str:
    import nkeys

    body = {
        "jti": base64.b32encode(os.urandom(32)).decode().rstrip("="),
        "iat": int(time.time()),
        "iss": _public(issuer),
        "sub": _public(subject),
        "name": "test",
        "nats": {**claims, "version": 2},
    }
    signed = ".".join(_encoded(json.dumps(one).encode()) for one in (_HEADER, body))
    return f"{signed}.{_encoded(nkeys.from_seed(bytearray(issuer)).sign(signed.encode()))}"


def _public(seed: bytes) -> str:
    import nkeys

    return nkeys.from_seed(bytearray(seed)).public_key.decode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
