"""What Amazon's services take, which botocore reads from megabytes of JSON: once in a process, not for each client."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from botocore import session


@pytest.fixture(autouse=True, scope="session")
def quick_aws_clients() -> Iterator[None]:
    """Let all sessions of botocore share what they read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", functools.cache(session.create_loader))
        yield
