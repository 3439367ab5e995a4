"""Finds the class of a publisher by its name in the configuration."""

from __future__ import annotations

import importlib
import inspect

from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugin, find_plugins
from ingestify.suggestion import did_you_mean

__all__ = ["BUILT_IN", "ENTRY_POINT_GROUP", "find_built_in", "refuse_unknown"]

ENTRY_POINT_GROUP = "ingestify.publishers"

BUILT_IN = {
    "ingestify.json_lines": "ingestify.publishers.json_lines:JsonLines",
    "ingestify.kafka": "ingestify.publishers.kafka:Kafka",
    "ingestify.mqtt": "ingestify.publishers.mqtt:Mqtt",
    "ingestify.nats": "ingestify.publishers.nats:Nats",
    "ingestify.rabbitmq": "ingestify.publishers.rabbitmq:RabbitMQ",
    "ingestify.redis": "ingestify.publishers.redis:Redis",
    "ingestify.kinesis": "ingestify.publishers.kinesis:Kinesis",
    "ingestify.sns": "ingestify.publishers.sns:Sns",
    "ingestify.sqs": "ingestify.publishers.sqs:Sqs",
    "ingestify.eventbridge": "ingestify.publishers.eventbridge:EventBridge",
    "ingestify.lambda": "ingestify.publishers.aws_lambda:AwsLambda",
    "ingestify.pubsub": "ingestify.publishers.pubsub:Pubsub",
    "ingestify.webhook": "ingestify.publishers.webhook:Webhook",
}
"""The built-in types: the value of `type:` to the class."""


def find_built_in(type_name: str) -> type[Publisher] | None:
    """Return the class of a built-in publisher, or of an entry point; None: it is neither.

    Raises:
        ConfigurationError: The package of the entry point is broken, or it names no publisher.
    """
    if type_name in BUILT_IN:
        module, _, name = BUILT_IN[type_name].partition(":")
        found: type[Publisher] = getattr(importlib.import_module(module), name)
        return found
    plugin = find_plugin(ENTRY_POINT_GROUP, type_name)
    return None if plugin is None else _checked(plugin.load(), plugin.title)


def refuse_unknown(type_name: str) -> None:
    """Refuse a type that is no dotted path.

    Raises:
        ConfigurationError: The message says which types there are.
    """
    if "." not in type_name.removeprefix("ingestify.") and ":" not in type_name:
        names = [*BUILT_IN, *(one.name for one in find_plugins(ENTRY_POINT_GROUP))]
        hint = did_you_mean(type_name, names) or f"; there are {', '.join(names)}, or a dotted path."
        raise ConfigurationError(f"There is no publisher type '{type_name}'{hint}")


def _checked(found: object, title: str) -> type[Publisher]:
    """Return a class that a setting, or an installed package, names; `title` begins the error's sentence."""
    if inspect.isclass(found) and issubclass(found, Publisher):
        return found
    raise ConfigurationError(f"{title} is {found!r}; it must be a subclass of ingestify.Publisher.")
