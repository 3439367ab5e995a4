"""The person at the terminal."""

from __future__ import annotations

import getpass

__all__ = ["user_name"]


def user_name() -> str:
    """Return the name of the user by the system; empty: it does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
