"""A server that tests of several modules share, as its start takes three seconds of CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A RabbitMQ, which each test leaves running and without its queues."""
    from tests.integration.publishers.rabbitmq_server import RabbitNode

    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    node.start()
    yield node
    node.kill()
