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
)
from ingestify.domain.bundle import BundleOverride, BundleTypes
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.source import Source
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.bundle_rules import BundleRules
from ingestify.errors import ConfigurationError
from ingestify.events.dispatcher import Dispatcher
from ingestify.masking import hide_all
from ingestify.sources import registry
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.layout import Layout
from ingestify.store.transformations import BucketTransformation, KeyTransformation, PrefixTransformation

__all__ = ["check_subscriber", "make_fetch_policy", "make_layout", "make_rules", "make_source", "subscribe"]

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
    with _accepting("fetch policy", settings):
        return found(**settings.configuration)


def subscribe(store: DatasetStore, settings: Settings) -> None:
    dispatcher = store.publisher
    assert isinstance(dispatcher, Dispatcher)
    for one in settings.event_subscribers:
        found = _find_subscriber(one.type)
        if found is not None:
            with _accepting("event subscriber", one):
                dispatcher.add_subscriber(found(store, **one.configuration))


def check_subscriber(settings: SubscriberSettings) -> None:
    """Refuse a configuration that it would not take. It is not made: that needs a lake, and may do anything."""
    found = _find_subscriber(settings.type)
    if found is not None:
        with _accepting("event subscriber", settings):
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
def _accepting(what: str, settings: FetchPolicySettings | SubscriberSettings) -> Iterator[None]:
    """Say which class it was that did not accept its configuration, with the names of what it was given."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The {what} '{settings.type}' cannot be made from its configuration "
            f"({', '.join(settings.configuration) or 'none'}): {error}"
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
    for dataset_type in settings.dataset_types:
        for key, one in dataset_type.identifier_keys.items():
            made = _make_transformation(
                one.transformation, f"{dataset_type.provider}/{dataset_type.dataset_type}/{key}"
            )
            if made is not None:
                transformations[dataset_type.provider, dataset_type.dataset_type, key] = made
    return Layout(transformations)


def _make_transformation(setting: Any, where: str) -> KeyTransformation | None:
    if setting is None or setting.type == "identity":
        return None
    if setting.type == "bucket" and setting.bucket_size is not None:
        return BucketTransformation(setting.bucket_size)
    if setting.type == "prefix" and setting.prefix_length is not None:
        return PrefixTransformation(setting.prefix_length)
    raise ConfigurationError(
        f"dataset_types: {where}: this version has the transformations identity, bucket (with bucket_size) and "
        f"prefix (with prefix_length); '{setting.type}' as it stands is none of them."
    )
