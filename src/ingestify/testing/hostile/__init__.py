"""A provider on loopback that does what no provider should, for tests of clients and of sources.

    with HostileProvider() as provider:
        client.get(provider.url("truncated"))

Each behaviour is a path; `BEHAVIOURS` lists them, with what a client has to make of
each. A tame provider answers every path with its document.
"""

from ingestify.testing.hostile import bodies, heads, ways
from ingestify.testing.hostile.behaviour import BEHAVIOURS, Behaviour
from ingestify.testing.hostile.provider import Conversation, HostileProvider

__all__ = ["BEHAVIOURS", "Behaviour", "Conversation", "HostileProvider", "bodies", "heads", "ways"]
