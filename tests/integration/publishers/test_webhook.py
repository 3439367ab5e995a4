"""The publisher of webhooks with connections that are cut; its suite is in tests/unit/publishers."""

from __future__ import annotations

import types

from tests.unit.publishers.test_webhook import Endpoint

from .faults import check_cut_connections


class EndpointBehindARelay(Endpoint):
    @property
    def server(self):
        return types.SimpleNamespace(port=self.port)

    def make(self, port=None, **arguments):
        return super().make(url=f"http://127.0.0.1:{port or self.port}/hooks/lake", **arguments)


def test_connections_that_are_cut_lose_nothing():
    endpoint = EndpointBehindARelay()
    try:
        check_cut_connections(endpoint, answer_bytes=4000, seed=5)
    finally:
        endpoint.stop()
