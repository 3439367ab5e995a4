"""A publisher: takes the messages of the event log to another system."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

from ingestify.domain.message import Message

__all__ = ["Publisher"]


class Publisher(abc.ABC):
    """Subclass it for another system; `type:` in the config file names the class.

    The constructor takes the `configuration` of the config file as keyword arguments. It checks them, and connects to
    nothing. One thread at a time calls the methods.

    Attributes:
        keeps_order: `publish` delivers the messages of one call in their order, also when the connection breaks on the
            way. If it is False, no call has two messages of one key.
        drops_repeats: The other system drops a message whose id it had before, within a window that the documentation
            names.
        is_persistent: A message that was acknowledged is still there after the other system was restarted.
        batch_size: How many messages a call of `publish` gets at most.
    """

    keeps_order: ClassVar[bool] = False
    drops_repeats: ClassVar[bool] = False
    is_persistent: ClassVar[bool] = True
    batch_size: int = 500

    @abc.abstractmethod
    def publish(self, messages: Sequence[Message]) -> None:
        """Deliver messages. When it returns, the other system has acknowledged every one.

        It connects when it has to, also after a connection was lost, and ends within a time-out. It may be called again
        with the same messages.

        Any other error counts as a fault of the code. After three of them, each message is sent alone, and those that
        fail become dead letters.

        Raises:
            PublishUnavailable: The other system does not take them at the moment. The caller tries again later.
            OSError: The same, as of a connection that broke.
            MessagesRefused: Some will never be taken; all others were acknowledged.
            PublisherSwitchedOff: The other system wants no more messages.
            ConfigurationError: The configuration is wrong: no message can be delivered before somebody changes it.
            MissingExtraError: The client library is not installed.
        """

    def close(self) -> None:
        """Close what is open. A second call does nothing."""
        return
