"""Makes what the settings name: sources, fetch policies, subscribers, checks, and the layout of files."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ingestify.config.secrets import find_vault_urls, resolve_configuration
from ingestify.config.settings import (
    CheckSettings,
    FetchPolicySettings,
    PublisherSettings,
    RunHookSettings,
    ScheduleSettings,
    Settings,
    SourceSettings,
    SubscriberSettings,
    TransformationSettings,
)
from ingestify.domain.bundle import BundleOverride, BundleTypes
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.plan import IngestionPlan, LeftOutPlan
from ingestify.domain.publisher import Publisher
from ingestify.domain.run_notice import RunOutcome
from ingestify.domain.schedule import Schedule
from ingestify.domain.source import Source
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.errors import ConfigurationError
from ingestify.events.dispatcher import Dispatcher
from ingestify.main.cron import make_cron
from ingestify.masking import hide_all
from ingestify.plugins import Plugin, find_plugin, find_plugins
from ingestify.progress.printable import PrintableLogger
from ingestify.provider_formats.built_in import check_loader
from ingestify.publishers import registry as publisher_registry
from ingestify.run_hooks import registry as run_hook_registry
from ingestify.sources import registry
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.layout import Layout
from ingestify.store.objects.transformations import (
    BucketTransformation,
    CustomTransformation,
    HashBucketTransformation,
    KeyTransformation,
    PrefixTransformation,
)
from ingestify.suggestion import did_you_mean

__all__ = [
    "check_fetch_policy",
    "check_plugins",
    "check_publisher",
    "check_rules",
    "check_run_hook",
    "check_source",
    "check_subscriber",
    "make_fetch_policy",
    "make_key_types",
    "make_layout",
    "make_plans",
    "make_publisher",
    "make_rules",
    "make_schedule",
    "make_source",
    "names_secrets",
    "subscribe",
]

logger = PrintableLogger(__name__)

C = TypeVar("C")

BUILT_IN_CHECKS = {
    "ingestify.drift": "ingestify.checks.drift:Drift",
    "ingestify.great_expectations": "ingestify.quality.great_expectations_suite:GreatExpectationsSuite",
    "ingestify.kloppy_bounds": "ingestify.loaders.kloppy_bounds:KloppyBounds",
    "ingestify.pandera": "ingestify.quality.pandera_schema:PanderaSchema",
}
"""The built-in bundle checks: the value of `type:` to the class."""

CHECKS_GROUP = "ingestify.checks"
"""The entry point group of bundle checks for every lake."""

SUBSCRIBERS_GROUP = "ingestify.subscribers"
"""The entry point group of subscribers; `type:` is an entry point's name."""


def make_source(name: str, settings: SourceSettings) -> Source:
    """Make a source of the settings."""
    configuration = resolve_configuration(settings.configuration, where=f"sources.{name}.configuration")
    hide_all(configuration)
    return registry.make_source(name, registry.find_source_class(settings.type), configuration)


def check_source(name: str, settings: SourceSettings) -> None:
    """Check the settings as far as that is possible without secrets."""
    if names_secrets(settings.configuration):
        found = registry.find_source_class(settings.type)
        if (known := _known_configuration(settings.configuration)) is not None:
            registry.check_options(name, found, known)
        _check_arguments(found, "source", settings.type, settings.configuration, name)
    else:
        make_source(name, settings)


def make_plans(settings: Settings) -> tuple[list[IngestionPlan], list[LeftOutPlan]]:
    """Return the enabled plans with their sources, and the plans that are not enabled."""
    sources = {name: make_source(name, one) for name, one in settings.sources.items() if one.enabled}
    plans: list[IngestionPlan] = []
    left_out: list[LeftOutPlan] = []
    for plan in settings.ingestion_plans:
        if plan.source not in sources or not plan.enabled:
            what = "the plan" if plan.source in sources else "the source"
            left_out.append(LeftOutPlan(plan.source, plan.dataset_type, f"{what} is not enabled (enabled: false)"))
            continue
        selectors = [rule if isinstance(rule, str) else dict(rule) for rule in plan.selectors or ()]
        source, policy = sources[plan.source], make_fetch_policy(plan.fetch_policy)
        schedule = make_schedule(plan.schedule)
        plans.append(
            IngestionPlan(source, plan.dataset_type, plan.data_spec_versions, selectors, policy, schedule=schedule)
        )
    for made in plans:
        of_its_kind = {
            one.source.name
            for one in plans
            if (one.source.provider, one.dataset_type) == (made.source.provider, made.dataset_type)
        }
        if len(of_its_kind) == 1:
            made.other_sources = settings.sources.keys() - of_its_kind
    return plans, left_out


def make_schedule(settings: ScheduleSettings) -> Schedule:
    """Make the schedule of a plan.

    Raises:
        ConfigurationError: Its cron is no cron expression.
        MissingExtraError: It has a cron, and the extra `cron` is not installed.
    """
    schedule = settings.make()
    return schedule if settings.cron is None else dataclasses.replace(schedule, cron=make_cron(settings.cron))


def make_fetch_policy(settings: FetchPolicySettings | None) -> FetchPolicy:
    """Make a fetch policy; None: the base policy."""
    if settings is None:
        return FetchPolicy()
    found = _find_fetch_policy(settings.type)
    if isinstance(found, FetchPolicy):
        return found
    configuration = resolve_configuration(settings.configuration)
    with _accepting("fetch policy", settings.type, configuration):
        return found(**configuration)


def check_fetch_policy(settings: FetchPolicySettings | None) -> None:
    """Check the settings as far as that is possible without secrets."""
    if settings is None or not names_secrets(settings.configuration):
        make_fetch_policy(settings)
    elif not isinstance(found := _find_fetch_policy(settings.type), FetchPolicy):
        _check_arguments(found, "fetch policy", settings.type, settings.configuration)


def _find_fetch_policy(type_name: str) -> type[FetchPolicy] | FetchPolicy:
    found = registry.import_object(type_name, "fetch policy")
    return (
        found if isinstance(found, FetchPolicy) else _subclass_of(FetchPolicy, found, f"The fetch policy '{type_name}'")
    )


def subscribe(store: DatasetStore, settings: Settings) -> None:
    """Make the subscribers and the run hooks of the settings, and add them to a store."""
    dispatcher = store.publisher
    assert isinstance(dispatcher, Dispatcher)
    for one in settings.event_subscribers:
        found = _find_subscriber(one.type)
        configuration = resolve_configuration(one.configuration)
        with _accepting("event subscriber", one.type, configuration):
            dispatcher.add_subscriber(found(store, **configuration))
    for index, hook in enumerate(settings.run_hooks):
        made = _make_run_hook(hook, f"run_hooks[{index}]", store)
        dispatcher.add_subscriber(made, None if hook.when is None else [RunOutcome(one) for one in hook.when])


def check_subscriber(settings: SubscriberSettings) -> None:
    """Check a subscriber's configuration. The subscriber is not made, as that needs a lake, and may do anything."""
    found = _find_subscriber(settings.type)
    _check_arguments(found, "event subscriber", settings.type, settings.configuration, None)


def check_run_hook(settings: RunHookSettings, where: str) -> None:
    """Check a run hook as far as that is possible without secrets and without a lake. `where`: for messages."""
    is_known = run_hook_registry.find_built_in(settings.type) is not None
    if is_known and not names_secrets(settings.configuration):
        _make_run_hook(settings, where, None)
        return
    with _named(where):
        found = run_hook_registry.find_built_in(settings.type) or _find_subscriber(settings.type, "run hook")
        _check_arguments(found, "run hook", settings.type, settings.configuration, None)


def _make_run_hook(settings: RunHookSettings, where: str, store: DatasetStore | None) -> Subscriber:
    with _named(where):
        found = run_hook_registry.find_built_in(settings.type) or _find_subscriber(settings.type, "run hook")
        configuration = resolve_configuration(settings.configuration, f"{where}.configuration")
        hide_all(configuration)
        with _accepting("run hook", settings.type, configuration):
            return found(store, **configuration)  # type: ignore[arg-type]


def make_publisher(settings: PublisherSettings) -> Publisher:
    """Make a publisher of the settings. It connects to nothing.

    Raises:
        ConfigurationError: There is no such publisher, or its configuration is wrong.
    """
    title = f"event_publishers '{settings.name}'"
    configuration = resolve_configuration(settings.configuration, f"{title}.configuration")
    hide_all(configuration)
    with _named(title):
        found = _find_publisher(settings.type)
        with _accepting("publisher", settings.type, configuration):
            return found(**configuration)


def check_publisher(settings: PublisherSettings) -> None:
    """Check the settings of a publisher as far as that is possible without secrets."""
    with _named(f"event_publishers '{settings.name}'"):
        if settings.where is not None:
            DatasetCondition.parse(settings.where)
        if names_secrets(settings.configuration):
            _check_arguments(_find_publisher(settings.type), "publisher", settings.type, settings.configuration)
            return
    make_publisher(settings).close()


@contextlib.contextmanager
def _named(title: str) -> Iterator[None]:
    """Begin each error of the configuration with what it is about, as there may be several of its type."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{title}: {error}") from error


def _find_publisher(type_name: str) -> type[Publisher]:
    found = publisher_registry.find_built_in(type_name)
    if found is not None:
        return found
    publisher_registry.refuse_unknown(type_name)
    imported = registry.import_object(type_name, "publisher")
    return _subclass_of(Publisher, imported, f"The publisher '{type_name}'")  # type: ignore[type-abstract]


def _find_subscriber(type_name: str, what: str = "event subscriber") -> type[Subscriber]:
    plugin = find_plugin(SUBSCRIBERS_GROUP, type_name)
    built_in = run_hook_registry.BUILT_IN if what == "run hook" else {}
    own_name = type_name.removeprefix("ingestify.") if built_in else type_name
    if plugin is None and "." not in own_name and ":" not in own_name:
        names = [*built_in, *(one.name for one in find_plugins(SUBSCRIBERS_GROUP))]
        close = difflib.get_close_matches(type_name, names, n=1)
        there = f"there is {', '.join(names)}, or" if names else "no installed package brings one; write"
        hint = f"did you mean '{close[0]}'?" if close else f"{there} a dotted path such as my_package.MySubscriber."
        raise ConfigurationError(f"There is no {what} '{type_name}'; {hint}")
    found = registry.import_object(type_name, what) if plugin is None else plugin.load()
    return _subclass_of(Subscriber, found, f"The {what} '{type_name}'" if plugin is None else plugin.title)


def _subclass_of(base: type[C], found: object, title: str) -> type[C]:
    """Return a class that a setting, or an installed package, names; `title` begins the error's sentence."""
    if isinstance(found, type) and issubclass(found, base):
        return found
    raise ConfigurationError(f"{title} is {found!r}; it must be a subclass of ingestify.{base.__name__}.")


def names_secrets(configuration: object) -> bool:
    """Return whether a configuration has a vault url."""
    return next(find_vault_urls(configuration), None) is not None


def _check_arguments(made: type, what: str, type_name: str, configuration: Any, *leading: object) -> None:
    """Refuse arguments that a class does not accept."""
    keys = _known_configuration(configuration)
    if keys is not None:
        with _accepting(what, type_name, keys):
            inspect.signature(made).bind(*leading, **keys)


def _known_configuration(configuration: Any) -> dict[str, Any] | None:
    """Return a configuration; None: a part of it is a secret, so that its keys are unknown."""
    parts = configuration if isinstance(configuration, (list, tuple)) else [configuration]
    return resolve_configuration(configuration) if all(isinstance(part, Mapping) for part in parts) else None


@contextlib.contextmanager
def _accepting(what: str, type_name: str, configuration: Mapping[str, object]) -> Iterator[None]:
    """Raise an error that names the class and the keys of the configuration that it did not accept."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The {what} '{type_name}' cannot be made from its configuration "
            f"({', '.join(configuration) or 'none'}): {error}"
        ) from error


def make_rules(settings: Settings | None) -> BundleRules:
    """Return the bundle rules of the settings and of installed packages.

    A check of an installed package that cannot be made is logged as an error and left out: one broken package must not
    block the lake. `check_plugins` refuses it.
    """
    checks, installed = [], []
    for plugin in find_plugins(CHECKS_GROUP):
        try:
            installed.append(_make_installed_check(plugin))
        except ConfigurationError as error:
            logger.error("%s Until then nothing is checked by it.", error)
    if settings is None:
        return BundleRules(installed=installed)
    overrides = {}
    loaders = {}
    for one in settings.dataset_types:
        overrides[one.provider, one.dataset_type] = BundleOverride(one.requires, one.optional, one.file_checks)
        if one.loader is not None:
            try:
                check_loader(one.loader, one.dataset_type)
            except ConfigurationError as error:
                raise ConfigurationError(f"dataset_types: {one.provider}/{one.dataset_type}: {error}") from error
            loaders[one.provider, one.dataset_type] = one.loader
        for check in one.checks:
            made = _make_check(check)
            made.mode = check.mode or made.mode
            made.time_limit = check.time_limit or made.time_limit
            # A check that is named under a dataset type is only for that type, whatever its class declares.
            made.provider, made.dataset_type = one.provider, one.dataset_type
            checks.append(made)
    retry_after = dt.timedelta(hours=settings.quarantine.retry_after_hours)
    return BundleRules(BundleTypes(overrides), checks, retry_after, settings.quarantine.shrunk, loaders, installed)


def check_rules(settings: Settings) -> None:
    """Check the bundle rules as far as that is possible without secrets."""
    kinds = []
    for one in settings.dataset_types:
        for check in one.checks:
            if names_secrets(check.configuration):
                _check_arguments(_find_check(check.type), "check", check.type, check.configuration)
        known = tuple(check for check in one.checks if not names_secrets(check.configuration))
        kinds.append(one.model_copy(update={"checks": known}))
    make_rules(settings.model_copy(update={"dataset_types": tuple(kinds)})).prepare()


def check_plugins() -> None:
    """Refuse a check of an installed package that cannot be made, as every lake uses it."""
    for plugin in find_plugins(CHECKS_GROUP):
        _make_installed_check(plugin)


def _make_installed_check(plugin: Plugin) -> BundleCheck:
    check_class = _subclass_of(BundleCheck, plugin.load(), plugin.title)  # type: ignore[type-abstract]
    try:
        return check_class()
    except Exception as error:
        raise ConfigurationError(
            f"{plugin.title} cannot be made without a configuration: {type(error).__name__}: {error}. Install another "
            f"version of that package, or uninstall it."
        ) from error


def _make_check(settings: CheckSettings) -> BundleCheck:
    found = _find_check(settings.type)
    try:
        return found(**resolve_configuration(settings.configuration))
    except TypeError as error:
        raise ConfigurationError(
            f"The check '{settings.type}' cannot be made from its configuration: {error}"
        ) from error


def _find_check(type_name: str) -> type[BundleCheck]:
    """Return the class of a check: a built-in one, one of an installed package by its name, or one by its path."""
    title = f"The check '{type_name}'"
    if type_name in BUILT_IN_CHECKS:
        found = registry.import_object(BUILT_IN_CHECKS[type_name], "check")
    elif (plugin := find_plugin(CHECKS_GROUP, type_name)) is not None:
        found, title = plugin.load(), plugin.title
    elif "." not in type_name.removeprefix("ingestify."):
        names = [*BUILT_IN_CHECKS, *(one.name for one in find_plugins(CHECKS_GROUP))]
        hint = did_you_mean(type_name, names) or f"; there are {', '.join(names)}, or a dotted path."
        raise ConfigurationError(f"There is no check '{type_name}'{hint}")
    else:
        found = registry.import_object(type_name, "check")
    return _subclass_of(BundleCheck, found, title)  # type: ignore[type-abstract]


def make_layout(settings: Settings) -> Layout:
    """Return the layout of files, with the transformations of identifier keys."""
    transformations: dict[tuple[str, str, str], KeyTransformation] = {}
    for one in settings.dataset_types:
        for key, key_settings in one.identifier_keys.items():
            made = _make_transformation(key_settings.transformation, f"{one.provider}/{one.dataset_type}/{key}")
            if made is not None:
                transformations[one.provider, one.dataset_type, key] = made
    return Layout(transformations)


def make_key_types(settings: Settings) -> KeyTypes:
    """Return the types of identifier keys."""
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
