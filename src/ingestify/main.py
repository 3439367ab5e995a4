"""Settings → engine: the only place that makes adapters, each when its URL scheme is chosen."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestify.config.expressions import Expression
from ingestify.config.locations import local_path, resolve_url
from ingestify.config.reader import find_config, read_settings
from ingestify.config.secrets import refuse_vault_url, resolve_configuration
from ingestify.config.settings import FetchPolicySettings, Settings, SourceSettings, SubscriberSettings
from ingestify.domain.bundle import BundleOverride, BundleTypes
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.ports import Fetcher, Storage
from ingestify.domain.source import Source
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.bundle_rules import BundleRules
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError
from ingestify.events import consumer as _consumer
from ingestify.events.consumer import EventLogConsumer
from ingestify.events.dispatcher import Dispatcher
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.loaders.kloppy import load_with_kloppy
from ingestify.masking import hide_all, mask_url
from ingestify.sources.registry import (
    find_entry_points,
    find_source_class,
    import_object,
    make_importable,
    make_open_data_source,
    make_source,
)
from ingestify.storage.local import LocalStorage
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.layout import BucketTransformation, KeyTransformation, Layout, PrefixTransformation

if TYPE_CHECKING:
    from ingestify.catalogue.catalogue import SqlCatalogue

__all__ = ["EventLogConsumer", "debug_source", "get_datastore", "get_dev_engine", "get_engine"]

logger = logging.getLogger(__name__)

DEFAULT_METADATA_URL = "sqlite:///database/catalog.db"
DEFAULT_FILE_URL = "file://database/files/"
DEFAULT_CONCURRENCY = 32

CHECKS_GROUP = "ingestify.checks"
"""The entry point group of bundle checks that are for every lake."""

# Configurations of before the event log was part of every lake name this; nothing needs to be done for it.
_EVENT_LOG_SUBSCRIBER = "ingestify.infra.event_log.EventLogSubscriber"


def get_engine(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    disable_events: bool = False,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
) -> IngestionEngine:
    """Open a lake, with the plans of a config.yaml or without any.

    Args:
        config_file: A config.yaml. None, without URLs: `INGESTIFY_CONFIG_FILE`, else `config.yaml` here or in a
            parent folder, else a lake in `./database` without plans.
        bucket: Which part of the lake; None: the configuration's `default_bucket`, else `main`.
        disable_events: Do not tell the configured subscribers. The event log is written all the same.
        metadata_url: The catalogue, such as `sqlite:///lake/catalog.db`; with `file_url` in place of a config file.
        file_url: The files, such as `file://lake/files/`. Relative paths are below the current folder.

    Raises:
        ConfigurationError: The settings are wrong; the message says which, and what would be right.
        StoreError: The lake cannot be opened.
    """
    if metadata_url is None and file_url is None:
        path = find_config(config_file)
        if path is not None:
            return _engine_from_config(path, bucket, disable_events)
        logger.info("There is no config.yaml here or above; the lake is in ./database.")
        metadata_url, file_url = DEFAULT_METADATA_URL, DEFAULT_FILE_URL
    elif config_file is not None:
        raise ConfigurationError("get_engine got a config file and URLs; give either the one or the others.")
    if metadata_url is None or file_url is None:
        raise ConfigurationError("get_engine needs both metadata_url and file_url, or neither.")
    here = Path.cwd()
    store = _open_store(resolve_url(metadata_url, here), resolve_url(file_url, here), bucket or "main")
    return _make_engine(store, {})


def get_datastore(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
) -> DatasetStore:
    """Open a lake for reading, without sources; the arguments are those of `get_engine`."""
    if metadata_url is None and file_url is None and (path := find_config(config_file)) is not None:
        settings = read_settings(path)
        return _store_from_settings(settings, path, bucket)
    return get_engine(config_file, bucket, metadata_url=metadata_url, file_url=file_url).store


def get_dev_engine(
    source: Source,
    dataset_type: str,
    data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None = None,
    ephemeral: bool = True,
    dev_dir: str | Path | None = None,
    *,
    selectors: Sequence[Any] | None = None,
    fetch_policy: FetchPolicy | None = None,
) -> IngestionEngine:
    """Return an engine for trying a source out, without a config file.

    Args:
        source: What is being tried.
        ephemeral: Keep the lake in memory. Otherwise it is kept in `dev_dir`, so that a second run sees the first.
        dev_dir: A folder for the lake; given, `ephemeral` does not count. None with `ephemeral=False`: a folder
            `ingestify_dev` in the system's folder for temporary files.
        selectors: As those of an `IngestionPlan`.
    """
    if dev_dir is None and not ephemeral:
        dev_dir = Path(tempfile.gettempdir()) / "ingestify_dev" / source.name
    if dev_dir is None:
        store = DatasetStore(_open_catalogue("sqlite:///:memory:", ""), MemoryStorage(), Dispatcher(), bucket="main")
    else:
        folder = Path(dev_dir).absolute()
        store = _open_store(f"sqlite:///{(folder / 'catalog.db').as_posix()}", f"file://{folder / 'files'}", "main")
    plan = IngestionPlan(source, dataset_type, data_spec_versions, selectors, fetch_policy)
    return _make_engine(store, {}, [plan])


def debug_source(
    source: Source,
    *,
    dataset_type: str,
    data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None = None,
    ephemeral: bool = True,
    dev_dir: str | Path | None = None,
    **selector: Any,
) -> IngestionEngine:
    """Run a source once and return the engine, to look at what it brought.

    Example: `debug_source(MySource("mine"), dataset_type="match", competition_id=11).list_datasets()`.

    Args:
        ephemeral: Keep the lake in memory.
        dev_dir: A folder for the lake, so that a second run sees the first.
        **selector: What to get; with none, everything that `discover_selectors` finds.

    Raises:
        IngestifyError: What ended the run. A dataset that failed is logged as an error, and is not in the lake.
    """
    if selector and type(source).discover_selectors is Source.discover_selectors:
        # Nothing can be narrowed down: what was given is the selector itself.
        selectors, filters = [selector], {}
    else:
        selectors, filters = [], selector
    engine = get_dev_engine(source, dataset_type, data_spec_versions, ephemeral, dev_dir, selectors=selectors)
    report = engine.load(**filters)
    for task in report.failed_tasks:
        logger.error("%s failed: %s", task.name, task.error)
    logger.info("%s", report.totals)
    return engine


def concurrency() -> int:
    """Return how many files are fetched at once: `INGESTIFY_CONCURRENCY`, else 32.

    Raises:
        ConfigurationError: The variable is no whole number above 0.
    """
    text = os.environ.get("INGESTIFY_CONCURRENCY", "").strip()
    if not text:
        return DEFAULT_CONCURRENCY
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"INGESTIFY_CONCURRENCY is '{text}'; it must be a whole number above 0.")
    return int(text)


def check_config(config_file: str | Path | None = None) -> tuple[Path, str]:
    """Read a configuration and import everything that it names; nothing is opened, fetched or written.

    Returns:
        The file, and a line that says what it holds.

    Raises:
        ConfigurationError: Something is wrong; the message says what, and what would be right.
    """
    path = config_path(config_file)
    settings = read_settings(path)
    make_importable(str(path.absolute().parent))
    for name, source in settings.sources.items():
        _make_source(name, source)
    for plan in settings.ingestion_plans:
        _make_fetch_policy(plan.fetch_policy)
    for subscriber in settings.event_subscribers:
        _check_subscriber(subscriber)
    _make_layout(settings)
    _make_rules(settings)
    _check_catalogue(resolve_url(settings.main.metadata_url, path.absolute().parent))
    _make_storage(resolve_url(settings.main.file_url, path.absolute().parent))
    return path, f"{len(settings.sources)} sources, {len(settings.ingestion_plans)} ingestion plans"


def wanted_indexes(config_file: str | Path | None = None) -> list[tuple[str, str, str]]:
    """Return (provider, dataset type, identifier key) for each key of a type with `identifier_index: true`."""
    settings = read_settings(config_path(config_file))
    return [
        (one.provider, one.dataset_type, key)
        for one in settings.dataset_types
        if one.identifier_index
        for key in one.identifier_keys
    ]


def config_path(config_file: str | Path | None) -> Path:
    """Return the config.yaml that is meant.

    Raises:
        ConfigurationError: There is none; the message says how to get one.
    """
    path = find_config(config_file)
    if path is None:
        raise ConfigurationError(
            "There is no config.yaml here or in a parent folder: write one with  ingestify init , or name one with "
            "--config."
        )
    return path


# ---- from settings -------------------------------------------------------------------------------------


def _engine_from_config(path: Path, bucket: str | None, disable_events: bool) -> IngestionEngine:
    settings = read_settings(path)
    make_importable(str(path.absolute().parent))
    sources = {name: _make_source(name, one) for name, one in settings.sources.items()}
    plans = [
        IngestionPlan(
            sources[plan.source],
            plan.dataset_type,
            plan.data_spec_versions,
            [rule if isinstance(rule, str) else dict(rule) for rule in plan.selectors or ()],
            _make_fetch_policy(plan.fetch_policy),
        )
        for plan in settings.ingestion_plans
    ]
    store = _store_from_settings(settings, path, bucket)
    if not disable_events:
        _subscribe(store, settings)
    return _make_engine(store, settings.sources, plans, settings)


def _store_from_settings(settings: Settings, path: Path, bucket: str | None) -> DatasetStore:
    folder = path.absolute().parent
    main = settings.main
    return _open_store(
        resolve_url(main.metadata_url, folder),
        resolve_url(main.file_url, folder),
        bucket or main.default_bucket,
        table_prefix=main.metadata_options.table_prefix,
        layout=_make_layout(settings),
    )


def _make_source(name: str, settings: SourceSettings) -> Source:
    configuration = resolve_configuration(settings.configuration, where=f"sources.{name}.configuration")
    hide_all(configuration)
    return make_source(name, find_source_class(settings.type), configuration)


def _make_fetch_policy(settings: FetchPolicySettings | None) -> FetchPolicy:
    if settings is None:
        return FetchPolicy()
    found = import_object(settings.type, "fetch policy")
    if isinstance(found, FetchPolicy):
        return found
    if not (isinstance(found, type) and issubclass(found, FetchPolicy)):
        raise ConfigurationError(
            f"The fetch policy '{settings.type}' is {found!r}; it must be a subclass of ingestify.FetchPolicy."
        )
    with _accepting("fetch policy", settings):
        return found(**settings.configuration)


def _subscribe(store: DatasetStore, settings: Settings) -> None:
    dispatcher = store.publisher
    assert isinstance(dispatcher, Dispatcher)
    for one in settings.event_subscribers:
        found = _find_subscriber(one.type)
        if found is not None:
            with _accepting("event subscriber", one):
                dispatcher.add_subscriber(found(store, **one.configuration))


def _check_subscriber(settings: SubscriberSettings) -> None:
    """Refuse a configuration that it would not take. It is not made: that needs a lake, and may do anything."""
    found = _find_subscriber(settings.type)
    if found is not None:
        with _accepting("event subscriber", settings):
            inspect.signature(found).bind(None, **settings.configuration)


def _find_subscriber(type_name: str) -> type[Subscriber] | None:
    if type_name == _EVENT_LOG_SUBSCRIBER:
        return None
    found = import_object(type_name, "event subscriber")
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


def _make_rules(settings: Settings | None) -> BundleRules:
    """What the settings, and installed packages, ask of bundles."""
    checks = [_make_check(path, {}) for path in find_entry_points(CHECKS_GROUP).values()]
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
    found = import_object(path, "check")
    if not (isinstance(found, type) and issubclass(found, BundleCheck)):
        raise ConfigurationError(f"The check '{path}' is {found!r}; it must be a subclass of ingestify.BundleCheck.")
    try:
        return found(**configuration)
    except TypeError as error:
        raise ConfigurationError(f"The check '{path}' cannot be made from its configuration: {error}") from error


def _make_layout(settings: Settings) -> Layout:
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


# ---- adapters ------------------------------------------------------------------------------------------


def _make_engine(
    store: DatasetStore,
    sources: Mapping[str, SourceSettings],
    plans: Sequence[IngestionPlan] = (),
    settings: Settings | None = None,
) -> IngestionEngine:
    def make_fetcher(source: Source) -> Fetcher:
        return HttpClient(source.name, _http_options(source, sources.get(source.name)))

    return IngestionEngine(
        store,
        make_fetcher=make_fetcher,
        plans=plans,
        concurrency=concurrency(),
        parse_expression=Expression.parse,
        make_open_data_source=make_open_data_source,
        load_with_kloppy=load_with_kloppy,
        rules=_make_rules(settings),
    )


def _http_options(source: Source, settings: SourceSettings | None) -> HttpOptions:
    """The settings' limits; where they say none, the source's own."""
    if settings is None:
        return HttpOptions(max_concurrency=source.max_concurrency)
    return HttpOptions(
        requests_per_second=None if settings.rate_limit is None else settings.rate_limit.requests_per_second,
        max_concurrency=settings.max_concurrency or source.max_concurrency,
        connect_timeout_seconds=settings.timeout.connect_seconds,
        read_timeout_seconds=settings.timeout.read_seconds,
        attempts=settings.retries.attempts,
        backoff_base_seconds=settings.retries.backoff_base_seconds,
        backoff_cap_seconds=settings.retries.backoff_cap_seconds,
        max_retry_after_seconds=settings.retries.max_retry_after_seconds,
    )


def _open_store(
    metadata_url: str, file_url: str, bucket: str, *, table_prefix: str = "", layout: Layout | None = None
) -> DatasetStore:
    refuse_vault_url(metadata_url, "main.metadata_url")
    refuse_vault_url(file_url, "main.file_url")
    storage = _make_storage(file_url)
    return DatasetStore(
        _open_catalogue(metadata_url, table_prefix), storage, Dispatcher(), bucket=bucket, layout=layout
    )


def _open_catalogue(metadata_url: str, table_prefix: str) -> SqlCatalogue:
    from ingestify.catalogue.catalogue import SqlCatalogue  # heavy: SQLAlchemy

    return SqlCatalogue.open(metadata_url, table_prefix=table_prefix)


def _check_catalogue(metadata_url: str) -> None:
    """Refuse what opening would refuse before it opens anything."""
    from ingestify.catalogue.connection import _parse, _sqlite_path  # heavy: SQLAlchemy

    refuse_vault_url(metadata_url, "main.metadata_url")
    path = _sqlite_path(_parse(metadata_url))
    if path is not None and path.is_dir():
        raise ConfigurationError(f"metadata_url: {path} is a folder; name a file in it, such as {path / 'catalog.db'}.")
    if path is not None:
        _refuse_file_as_folder("metadata_url", path.parent)


def _refuse_file_as_folder(what: str, folder: Path) -> None:
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if there.is_file():
        raise ConfigurationError(f"{what}: {there} is a file, so it cannot be a folder of the lake; name another.")


def _make_storage(file_url: str) -> Storage:
    scheme, separator, _ = file_url.partition("://")
    if not separator:
        raise ConfigurationError(f"file_url: '{mask_url(file_url)}' is no URL; write file://database/files/.")
    if scheme == "memory":
        return MemoryStorage()
    if scheme != "file":
        raise ConfigurationError(
            f"file_url: the scheme '{scheme}://' is not supported by this version; use file://, such as "
            f"file://database/files/."
        )
    root = local_path(file_url)
    _refuse_file_as_folder("file_url", root)
    return LocalStorage(root)


def _open_event_log(path: str | Path) -> SqlCatalogue:
    found = config_path(path)
    settings = read_settings(found)
    return _open_catalogue(
        resolve_url(settings.main.metadata_url, found.absolute().parent), settings.main.metadata_options.table_prefix
    )


_consumer.provide_opening(_open_event_log)
