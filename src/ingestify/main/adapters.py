"""The adapters, each made when its URL scheme is chosen, and the engine over them."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ingestify.config.locations import local_path
from ingestify.config.settings import FileOptions, Settings, SourceSettings
from ingestify.domain.delivery import OpenInbox
from ingestify.domain.expression import Expression
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.plan import IngestionPlan, LeftOutPlan
from ingestify.domain.ports import Fetcher, Storage
from ingestify.domain.retention import Retention
from ingestify.domain.source import Source
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.run.missing_detection import MissingLimits
from ingestify.errors import ConfigurationError, IngestifyError, LakeNotFound
from ingestify.events.dispatcher import Dispatcher
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.fetch.throttling.budgets import Budgets
from ingestify.fetch.throttling.waits import Waits
from ingestify.loaders.kloppy.loading import load_with_kloppy
from ingestify.main.cloud import cloud_options
from ingestify.main.deliveries import open_delivery
from ingestify.main.metrics import LakeMetrics
from ingestify.main.parts import make_rules
from ingestify.main.place import Place
from ingestify.masking import hide_url, mask_url
from ingestify.plugins import find_plugin, find_plugins
from ingestify.sources.registry import OPEN_DATA, find_export_layout, find_record_keys, make_open_data_source
from ingestify.storage.cloud_address import CloudAddress, is_cloud_url
from ingestify.storage.local import LocalStorage
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.layout import Layout
from ingestify.store.reading.nothing_found import NamesOfSources

if TYPE_CHECKING:
    from ingestify.catalogue.catalogue import SqlCatalogue
    from ingestify.tables.lake_tables import LakeTables
    from ingestify.tables.work import LoaderOf

__all__ = [
    "check_catalogue",
    "cloud_options",
    "concurrency",
    "http_options",
    "inbox_of",
    "make_budgets",
    "make_engine",
    "make_storage",
    "memory_store",
    "open_catalogue",
    "open_store",
    "probe_catalogue",
]

DEFAULT_CONCURRENCY = 32

STORAGES_GROUP = "ingestify.storages"
"""The entry point group of storages: the scheme of `file_url`, and a function of the URL."""

_STORAGE_METHODS = tuple(name for name in vars(Storage) if not name.startswith("_"))


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


def make_engine(
    store: DatasetStore,
    sources: Mapping[str, SourceSettings],
    plans: Sequence[IngestionPlan] = (),
    settings: Settings | None = None,
    folder: Path | None = None,
    left_out: Sequence[LeftOutPlan] = (),
    metrics: LakeMetrics | None = None,
    counted_in: DatasetStore | None = None,
) -> IngestionEngine:
    """Make the engine.

    Args:
        store: The lake.
        sources: Source name to settings; a source that is not there has the default limits.
        plans: The plans of `load`.
        settings: The configuration; None: there is none.
        folder: The base of relative paths of deliveries; None: the current folder.
        left_out: The plans that are not enabled.
        metrics: Where the metrics go, configured; None: as the settings say.
        counted_in: The lake that counts the requests of sources that have a budget; None: the engine's own.
    """

    def make_fetcher(source: Source) -> Fetcher:
        options = http_options(source, sources.get(source.name))
        return HttpClient(source.name, options, waits=waits, budget=budgets.find(source.name))

    waits = Waits(store.catalogue.host_waits)
    budgets = make_budgets(counted_in or store, sources)
    if metrics is None:
        metrics = LakeMetrics()
        metrics.configure(settings, folder, store.bucket)

    return IngestionEngine(
        store,
        make_fetcher=make_fetcher,
        host_waits=waits,
        budgets=budgets,
        plans=plans,
        concurrency=concurrency(),
        parse_expression=Expression.parse,
        make_open_data_source=make_open_data_source,
        open_data=OPEN_DATA,
        rules=make_rules(settings),
        limits_of=lambda source: _missing_limits(sources.get(source.name)),
        left_out=left_out,
        open_delivery=lambda location, options: open_delivery(location, options, folder or Path.cwd()),
        stale_after=None if settings is None else settings.freshness.stale_after,
        observer=metrics.observer_of(store),
        metrics_text=functools.partial(metrics.text, store),
        open_tables=lambda loader_of: _open_tables(store, settings, folder or Path.cwd(), loader_of),
    )


def make_budgets(store: DatasetStore, sources: Mapping[str, SourceSettings]) -> Budgets:
    """Return the budgets of requests that sources have, counted in the catalogue of a lake."""
    budgets = Budgets(store.catalogue.request_budgets)
    for name, settings in sources.items():
        if settings.rate_limit is not None and (limits := settings.rate_limit.budget) is not None:
            budgets.add(name, limits, settings.retries.max_retry_after_seconds)
    return budgets


def _open_tables(store: DatasetStore, settings: Settings | None, folder: Path, loader_of: LoaderOf) -> LakeTables:
    from ingestify.main.tables import open_tables  # a run needs none

    return open_tables(store, settings, folder, loader_of)


def _missing_limits(settings: SourceSettings | None) -> MissingLimits:
    if settings is None:
        return MissingLimits()
    return MissingLimits(settings.missing.at_once_count, settings.missing.at_once_share)


def http_options(source: Source, settings: SourceSettings | None) -> HttpOptions:
    """Return the limits of the settings, or else the source's own."""
    settings = settings or SourceSettings(type=type(source).__name__)
    return HttpOptions(
        requests_per_second=(
            source.requests_per_second
            if settings.rate_limit is None or settings.rate_limit.requests_per_second is None
            else settings.rate_limit.requests_per_second
        ),
        max_concurrency=settings.max_concurrency or source.max_concurrency,
        connect_timeout_seconds=settings.timeout.connect_seconds,
        read_timeout_seconds=settings.timeout.read_seconds,
        attempts=settings.retries.attempts,
        backoff_base_seconds=settings.retries.backoff_base_seconds,
        backoff_cap_seconds=settings.retries.backoff_cap_seconds,
        max_retry_after_seconds=settings.retries.max_retry_after_seconds,
        total_seconds=settings.timeout.total_seconds,
        least_bytes_per_second=settings.timeout.minimum_bytes_per_second,
        max_index_bytes=settings.max_index_size,
        max_file_bytes=settings.max_file_size,
        max_expansion=settings.max_expansion,
        max_pages=settings.max_pages,
        redirect_hosts=(*source.redirect_hosts, *settings.redirect_hosts),
    )


def open_store(
    metadata_url: str,
    file_url: str,
    bucket: str,
    *,
    file_options: FileOptions | None = None,
    options_folder: Path | None = None,
    table_prefix: str = "",
    layout: Layout | None = None,
    compression: str = "zstd",
    key_types: KeyTypes | None = None,
    retention: Retention | None = None,
    indexed: Mapping[tuple[str, str], Sequence[str]] | None = None,
    place: Place | None = None,
    source_types: Mapping[str, str] | None = None,
    name: str = "",
    time_zones: Mapping[tuple[str, str], dt.tzinfo] | None = None,
) -> DatasetStore:
    """Open a lake.

    Args:
        metadata_url: The catalogue.
        file_url: The files.
        bucket: The bucket.
        file_options: The options of an object store.
        options_folder: The base of relative paths in `file_options`; None: the current folder.
        table_prefix: The beginning of the catalogue's table names.
        layout: The paths of files; None: without transformations.
        compression: `zstd`, `gzip` or `none`.
        key_types: The types of identifier keys; None: as the sources give them.
        retention: How long history is kept; None: for ever.
        indexed: The keys that get an index; see `DatasetStore`.
        place: The place that the user named. If the lake does not exist, its use raises an error about the place, and
            `DatasetStore.create` creates it. None: the lake is created now.
        source_types: The name of each source of the settings, to its type.
        name: The name of the lake in other systems; empty: it has none.
        time_zones: The names of a source of the settings and of a dataset type, to the zone of their kick-offs.
    """
    hide_url(metadata_url)
    hide_url(file_url)
    storage = make_storage(file_url, file_options, options_folder)
    store = DatasetStore(
        open_catalogue(metadata_url, table_prefix, key_types, place),
        storage,
        Dispatcher(),
        bucket=bucket,
        layout=layout,
        compression=compression,
        key_types=key_types,
        file_url=mask_url(file_url),
        where=(
            f"the place that {place.secret} names"
            if place is not None and place.secret
            else _common_folder(metadata_url, storage)
        ),
        retention=retention,
        indexed=indexed,
        load_with_kloppy=load_with_kloppy,
        name=name,
    )
    store.open_inbox = inbox_of(file_url, bucket, file_options, options_folder)
    store.names_of_sources = NamesOfSources(providers=OPEN_DATA.keys)
    store.record_keys_of = lambda dataset: find_record_keys(dataset, source_types or {})
    store.export_layout_of = lambda dataset: find_export_layout(dataset, source_types or {})
    zones = time_zones or {}
    store.zone_of = lambda dataset: zones.get((dataset.source_name, dataset.dataset_type), dt.UTC)
    return store


def inbox_of(file_url: str, bucket: str, options: FileOptions | None, folder: Path | None) -> OpenInbox:
    """Return what opens the storage of what is pushed to a bucket; for the arguments see `make_storage`.

    It is in a folder whose name begins with a dot, into which a lake does not look.
    """
    name = urllib.parse.quote(bucket, safe="").replace(".", "%2E")
    url = f"{file_url}{'' if file_url.endswith('/') else '/'}.inbox/{name}"
    return functools.cache(lambda: make_storage(url, options, folder))


def memory_store(bucket: str = "main", layout: Layout | None = None) -> DatasetStore:
    """Make an empty lake in memory."""
    catalogue = open_catalogue("sqlite:///:memory:", "")
    store = DatasetStore(
        catalogue, MemoryStorage(), Dispatcher(), bucket=bucket, layout=layout, load_with_kloppy=load_with_kloppy
    )
    store.open_inbox = functools.cache(MemoryStorage)
    store.record_keys_of = lambda dataset: find_record_keys(dataset, {})
    store.export_layout_of = lambda dataset: find_export_layout(dataset, {})
    return store


def _common_folder(metadata_url: str, storage: Storage) -> str:
    """Return the folder that has both the catalogue and the folder of files; empty: there is none."""
    path = check_catalogue(metadata_url)
    root = storage.root if isinstance(storage, LocalStorage) else None
    return str(path.parent) if path is not None and root is not None and root.parent == path.parent else ""


def open_catalogue(
    metadata_url: str, table_prefix: str, key_types: KeyTypes | None = None, place: Place | None = None
) -> SqlCatalogue:
    """Open the catalogue; for `place` see `open_store`."""
    from ingestify.catalogue.catalogue import SqlCatalogue  # heavy: SQLAlchemy
    from ingestify.catalogue.databases.database_url import parse_url, sqlite_path

    def absent(where: str) -> LakeNotFound:
        assert place is not None, "it is made otherwise"
        return place.not_found(sqlite_path(parse_url(metadata_url)), where)

    return SqlCatalogue.open(
        metadata_url,
        table_prefix=table_prefix,
        key_types=key_types,
        absent=None if place is None else absent,
    )


def probe_catalogue(metadata_url: str, table_prefix: str) -> tuple[str, bool]:
    """Return a description of a database, and whether its tables are current. Nothing is created or migrated."""
    from ingestify.catalogue.catalogue import SqlCatalogue  # heavy: SQLAlchemy

    hide_url(metadata_url)
    return SqlCatalogue.probe(metadata_url, table_prefix=table_prefix)


def check_catalogue(metadata_url: str) -> Path | None:
    """Check a catalogue's URL without opening it. Returns the file of a SQLite database."""
    from ingestify.catalogue.databases.connection import check_url  # heavy: SQLAlchemy
    from ingestify.catalogue.databases.database_url import parse_url, sqlite_path

    parsed = parse_url(metadata_url)
    check_url(parsed)
    path = sqlite_path(parsed)
    if path is not None:
        with contextlib.suppress(PermissionError):  # opening it raises a better error
            if path.is_dir():
                raise ConfigurationError(
                    f"metadata_url: {path} is a folder; name a file in it, such as {path / 'catalog.db'}."
                )
        _refuse_file_as_folder("metadata_url", path.parent)
    return path


def _refuse_file_as_folder(what: str, folder: Path) -> None:
    with contextlib.suppress(PermissionError):  # opening it raises a better error
        there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
        if there.is_file():
            raise ConfigurationError(f"{what}: {there} is a file, so it cannot be a folder of the lake; name another.")


def make_storage(file_url: str, options: FileOptions | None = None, folder: Path | None = None) -> Storage:
    """Make the storage of a URL's scheme. This sends no request.

    Args:
        file_url: The URL, such as `file://lake/files/` or `s3://bucket/lake`.
        options: The options of an object store.
        folder: The base of relative paths in `options`; None: the current folder.

    Raises:
        ConfigurationError: The URL or the options make no sense; the message says what would be right.
        MissingExtraError: The extra that the URL's scheme needs is not installed.
    """
    scheme, separator, _ = file_url.partition("://")
    if not separator:
        # A text with a colon may be half of another URL, and so no path.
        path = "database/files/" if ":" in file_url else file_url
        raise ConfigurationError(f"file_url: '{mask_url(file_url)}' is no URL; write file://{path} .")
    if is_cloud_url(file_url):
        return _make_cloud_storage(file_url, options or FileOptions(), (folder or Path()).absolute())
    if options is not None:
        raise ConfigurationError(
            f"file_options: they are for s3://, gs:// and az://, and file_url is {scheme}://; leave them out."
        )
    if scheme == "memory":
        return MemoryStorage()
    if scheme != "file":
        return _make_installed_storage(scheme.lower(), file_url)
    root = local_path(file_url)
    _refuse_file_as_folder("file_url", root)
    return LocalStorage(root)


def _make_installed_storage(scheme: str, file_url: str) -> Storage:
    plugin = find_plugin(STORAGES_GROUP, scheme)
    if plugin is None:
        brought = "".join(f", {one.name}://" for one in find_plugins(STORAGES_GROUP))
        raise ConfigurationError(
            f"file_url: there is no storage for '{scheme}://'; use file://, such as file://database/files/, or s3://, "
            f"gs:// or az://{brought}. An installed package can bring others (entry point group {STORAGES_GROUP})."
        )
    make = plugin.load()
    if not callable(make):
        raise ConfigurationError(f"{plugin.title} is {make!r}; it must be a function of the file_url.")
    try:
        storage = make(file_url)
    except IngestifyError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{plugin.title} makes no storage of '{mask_url(file_url)}': {type(error).__name__}: {error}"
        ) from error
    lacking = [name for name in _STORAGE_METHODS if not callable(getattr(storage, name, None))]
    if lacking:
        raise ConfigurationError(
            f"{plugin.title} made a {type(storage).__name__}, which has no {', no '.join(lacking)}: it must be an "
            f"ingestify.domain.ports.Storage."
        )
    return cast(Storage, storage)


def _make_cloud_storage(file_url: str, options: FileOptions, folder: Path) -> Storage:
    from ingestify.storage.cloud import CloudStorage  # heavy: obstore

    address = CloudAddress.parse(file_url)
    made = cloud_options(options, folder)
    if made.spool_folder is not None and not made.spool_folder.is_dir():
        raise ConfigurationError(f"file_options.spool_folder: there is no folder {made.spool_folder}.")
    return CloudStorage(address, made)
