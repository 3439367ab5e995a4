"""A provider on loopback that does what no provider should do, for tests of clients and of sources.

    with HostileProvider() as provider:
        client.get(provider.url("truncated"))

Each behaviour is a path. `BEHAVIOURS` lists the behaviours, with the right outcome for a client.
A tame provider responds to every path with its document.

- behaviour: what a behaviour is, and the table of all of them.
- bodies, heads, ways: the behaviours, by what is wrong: the body, the head of the response, the way to it.
- conversation: one request, and the means to respond to it.
- provider: the server.
"""

from ingestify.testing.hostile import bodies, heads, ways
from ingestify.testing.hostile.behaviour import BEHAVIOURS, Behaviour
from ingestify.testing.hostile.conversation import Conversation
from ingestify.testing.hostile.provider import HostileProvider

__all__ = ["BEHAVIOURS", "Behaviour", "Conversation", "HostileProvider", "bodies", "heads", "ways"]
