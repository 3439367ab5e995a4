"""What the settings name, made: sources, policies, subscribers, checks, and how files are laid out."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.config.secrets import resolve_configuration
from ingestify.config.settings import (
    FetchPolicySettings,
    Settings,
    SourceSettings,
    SubscriberSettings,
    TransformationSettings,
)
from ingestify.domain.bundle import BundleOverride, BundleTypes
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.source import Source
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.bundle_rules import BundleRules
from ingestify.errors import ConfigurationError
from ingestify.events.dispatcher import Dispatcher
from ingestify.masking import hide_all
from ingestify.sources import registry
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.layout import Layout
from ingestify.store.transformations import (
    BucketTransformation,
    CustomTransformation,
    HashBucketTransformation,
    KeyTransformation,
    PrefixTransformation,
)

__all__ = [
    "check_subscriber",
    "make_fetch_policy",
    "make_key_types",
    "make_layout",
    "make_rules",
    "make_source",
    "subscribe",
]

CHECKS_GROUP = "ingestify.checks"
"""The entry point group of bundle checks that are for every lake."""

# Configurations of before the event log was part of every lake name this; nothing needs to be done for it.
_EVENT_LOG_SUBSCRIBER = "ingestify.infra.event_log.EventLogSubscriber"


def make_source(name: str, settings: SourceSettings) -> Source:
    configuration = resolve_configuration(settings.configuration, where=f"sources.{name}.configuration")
    hide_all(configuration)
    return registry.make_source(name, registry.find_source_class(settings.type), configuration)


def make_fetch_policy(settings: FetchPolicySettings | None) -> FetchPolicy:
    if settings is None:
        return FetchPolicy()
    found = registry.import_object(settings.type, "fetch policy")
    if isinstance(found, FetchPolicy):
        return found
    if not (isinstance(found, type) and issubclass(found, FetchPolicy)):
        raise ConfigurationError(
            f"The fetch policy '{settings.type}' is {found!r}; it must be a subclass of ingestify.FetchPolicy."
        )
    with _accepting("fetch policy", settings.type, settings.configuration):
        return found(**settings.configuration)


def subscribe(store: DatasetStore, settings: Settings) -> None:
    dispatcher = store.publisher
    assert isinstance(dispatcher, Dispatcher)
    for one in settings.event_subscribers:
        found = _find_subscriber(one.type)
        if found is not None:
            with _accepting("event subscriber", one.type, one.configuration):
                dispatcher.add_subscriber(found(store, **one.configuration))


def check_subscriber(settings: SubscriberSettings) -> None:
    """Refuse a configuration that it would not take. It is not made: that needs a lake, and may do anything."""
    found = _find_subscriber(settings.type)
    if found is not None:
        with _accepting("event subscriber", settings.type, settings.configuration):
            inspect.signature(found).bind(None, **settings.configuration)


def _find_subscriber(type_name: str) -> type[Subscriber] | None:
    if type_name == _EVENT_LOG_SUBSCRIBER:
        return None
    found = registry.import_object(type_name, "event subscriber")
    if not (isinstance(found, type) and issubclass(found, Subscriber)):
        raise ConfigurationError(
            f"The event subscriber '{type_name}' is {found!r}; it must be a subclass of ingestify.Subscriber."
        )
    return found


@contextlib.contextmanager
def _accepting(what: str, type_name: str, configuration: Mapping[str, object]) -> Iterator[None]:
    """Say which class it was that did not accept its configuration, with the names of what it was given."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The {what} '{type_name}' cannot be made from its configuration "
            f"({', '.join(configuration) or 'none'}): {error}"
        ) from error


def make_rules(settings: Settings | None) -> BundleRules:
    """What the settings, and installed packages, ask of bundles."""
    checks = [_make_check(path, {}) for path in registry.find_entry_points(CHECKS_GROUP).values()]
    if settings is None:
        return BundleRules(checks=checks)
    overrides = {}
    for one in settings.dataset_types:
        overrides[one.provider, one.dataset_type] = BundleOverride(one.requires, one.optional, one.file_checks)
        for check in one.checks:
            made = _make_check(check.type, check.configuration)
            # Named under a dataset type, it is for that one, whatever its class says.
            made.provider, made.dataset_type = one.provider, one.dataset_type
            checks.append(made)
    return BundleRules(BundleTypes(overrides), checks, dt.timedelta(hours=settings.quarantine.retry_after_hours))


def _make_check(path: str, configuration: Mapping[str, Any]) -> BundleCheck:
    found = registry.import_object(path, "check")
    if not (isinstance(found, type) and issubclass(found, BundleCheck)):
        raise ConfigurationError(f"The check '{path}' is {found!r}; it must be a subclass of ingestify.BundleCheck.")
    try:
        return found(**configuration)
    except TypeError as error:
        raise ConfigurationError(f"The check '{path}' cannot be made from its configuration: {error}") from error


def make_layout(settings: Settings) -> Layout:
    transformations: dict[tuple[str, str, str], KeyTransformation] = {}
    for one in settings.dataset_types:
        for key, key_settings in one.identifier_keys.items():
            made = _make_transformation(key_settings.transformation, f"{one.provider}/{one.dataset_type}/{key}")
            if made is not None:
                transformations[one.provider, one.dataset_type, key] = made
    return Layout(transformations)


def make_key_types(settings: Settings) -> KeyTypes:
    return KeyTypes(
        {
            (one.provider, one.dataset_type, key): key_settings.key_type
            for one in settings.dataset_types
            for key, key_settings in one.identifier_keys.items()
            if key_settings.key_type is not None
        }
    )


def _make_transformation(settings: TransformationSettings | None, where: str) -> KeyTransformation | None:
    if settings is None or settings.type == "identity":
        return None
    if settings.type == "bucket":
        if settings.bucket_size is not None:
            return BucketTransformation(settings.bucket_size)
        assert settings.bucket_count is not None, "the settings see to it"
        return HashBucketTransformation(settings.bucket_count)
    if settings.type == "prefix":
        assert settings.prefix_length is not None, "the settings see to it"
        return PrefixTransformation(settings.prefix_length)
    found = registry.import_object(settings.type, "transformation")
    if not callable(found):
        raise ConfigurationError(f"The transformation '{settings.type}' of {where} is {found!r}; it must be a class.")
    with _accepting("transformation", settings.type, settings.configuration):
        made = found(**settings.configuration)
    return CustomTransformation(made, settings.type, where)
