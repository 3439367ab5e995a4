"""Why something is not taken."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """Something is not taken.

    Args:
        status: The status of the answer.
        reason: A sentence for the sender. It has no secret, and nothing of the lake.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
