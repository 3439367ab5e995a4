"""See `ingestify.main.event_log_consumer`; and the subscriber that wrote the event log before each lake had one."""

from ingestify.domain.subscriber import Subscriber
from ingestify.main.event_log_consumer import EventLogConsumer as EventLogConsumer


class EventLogSubscriber(Subscriber):
    """Does nothing. A configuration may name it: every commit writes its events into the event log itself."""
