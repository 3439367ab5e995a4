"""See `ingestify.domain.subscriber` and `ingestify.domain.events`."""

from ingestify.domain.events import DomainEvent as DomainEvent
from ingestify.domain.subscriber import Subscriber as Subscriber
