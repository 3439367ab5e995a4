"""Settings → engine: the only place that makes adapters, each when its URL scheme is chosen."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.config.locations import named_path
from ingestify.config.reader import read_file_options, read_settings
from ingestify.config.secrets import find_vault_urls, resolve_lake_url, with_secrets
from ingestify.config.settings import Settings
from ingestify.domain.dataset import Dataset
from ingestify.domain.event_reader import StartAt
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.retention import Retention
from ingestify.domain.source import Source
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.report.health import WatchedPlan
from ingestify.errors import ConfigurationError, LakeNotFound, SecretError
from ingestify.events.consumer import EventReader
from ingestify.events.dispatcher import Dispatcher
from ingestify.main.adapters import (
    check_catalogue,
    concurrency,
    make_engine,
    make_storage,
    open_catalogue,
    open_store,
)
from ingestify.main.parts import (
    check_fetch_policy,
    check_plugins,
    check_rules,
    check_source,
    check_subscriber,
    make_key_types,
    make_layout,
    make_plans,
    subscribe,
)
from ingestify.main.place import Place, find_place
from ingestify.progress.printable import PrintableLogger
from ingestify.sources.own_modules import make_importable
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.file_collection import FileCollection
from ingestify.store.reading.nothing_found import iter_identifier_keys
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import is_vault_url

__all__ = ["EventLogConsumer", "concurrency", "debug_source", "get_datastore", "get_dev_engine", "get_engine"]

logger = PrintableLogger(__name__)

_LOOKED_AT_FOR_KEYS = 1000


def get_engine(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    disable_events: bool = False,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> IngestionEngine:
    """Open a lake, with the plans of a config.yaml or without any.

    A lake that is not there is made by what fills it: `load`, and `iter_datasets` with `auto_ingest`. Whatever reads it
    raises LakeNotFound until then, and makes nothing.

    Example::

        engine = get_engine("~/football/lake")

    Args:
        config_file: A config.yaml, or the folder of a lake, with its `catalog.db` and `files/` in it; a folder with a
            config.yaml and no catalog.db means that. None, without URLs: `INGESTIFY_CONFIG_FILE`, else `config.yaml`
            here or in a parent folder, else a lake in `./database` without plans.
        bucket: Which part of the lake; None: the configuration's `default_bucket`, else `main`.
        disable_events: Do not tell the configured subscribers. The event log is written all the same.
        metadata_url: The catalogue, such as `sqlite:///lake/catalog.db`; with `file_url` in place of a config file.
        file_url: The files, such as `file://lake/files/` or `s3://bucket/lake`. Relative paths are below the current
            folder. Either may be a vault url, such as `vault+aws://lake/catalogue`.
        file_options: How an object store is spoken to, as `main.file_options` in a config file; only with `file_url`.

    Raises:
        ConfigurationError: The settings are wrong; the message says which, and what would be right.
        SecretError: A secret that they name cannot be had from its vault.
        StoreError: The lake cannot be opened.
    """
    place = _find_place(config_file, metadata_url, file_url, file_options)
    if place.is_default:
        logger.info("There is no config.yaml here or above; the lake is in ./database.")
    return open_engine(place, bucket, disable_events, file_options)


def get_datastore(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> DatasetStore:
    """Open a lake for reading, without sources; the arguments are those of `get_engine`."""
    return open_datastore(_find_place(config_file, metadata_url, file_url, file_options), bucket, file_options)


def _find_place(
    named: str | Path | None, metadata_url: str | None, file_url: str | None, file_options: Mapping[str, Any] | None
) -> Place:
    if file_options is not None and file_url is None:
        raise ConfigurationError("get_engine got file_options without file_url; a config file has main.file_options.")
    return find_place(named, metadata_url=metadata_url, file_url=file_url)


def open_engine(
    place: Place,
    bucket: str | None = None,
    disable_events: bool = False,
    file_options: Mapping[str, Any] | None = None,
) -> IngestionEngine:
    """Open a place with the plans of its configuration, if it has one; see `get_engine`."""
    if place.config is None:
        return make_engine(open_datastore(place, bucket, file_options), {})
    folder = place.base
    lookup = SecretLookup()
    settings = with_secrets(read_settings(place.config), lookup)
    make_importable(str(folder))
    plans, left_out = make_plans(settings)
    store = _store_from_settings(settings, place, bucket, lookup)
    if not disable_events:
        subscribe(store, settings)
    return make_engine(store, settings.sources, plans, settings, folder, left_out=left_out)


def open_datastore(
    place: Place, bucket: str | None = None, file_options: Mapping[str, Any] | None = None
) -> DatasetStore:
    """Open a place without sources; see `get_engine`."""
    lookup = SecretLookup()
    if place.config is not None:
        return _store_from_settings(read_settings(place.config), place, bucket, lookup)
    return open_store(
        resolve_lake_url(place.metadata_url, "metadata_url", place.base, lookup),
        resolve_lake_url(place.file_url, "file_url", place.base, lookup),
        bucket or "main",
        file_options=None if file_options is None else read_file_options(file_options),
        place=place.of_urls(place.metadata_url, place.file_url),
    )


def open_two_datastores(
    source: Place, target: Place, bucket: str | None = None, *, dry_run: bool = False
) -> tuple[DatasetStore, DatasetStore]:
    """Open one bucket of two lakes, to copy the one into the other.

    Args:
        bucket: Of both; None: the `default_bucket` of the first.
        dry_run: Nothing is copied: a target that is not there is an empty one.

    Raises:
        ConfigurationError: They are one lake, or share their files: each would take the other's for garbage.
    """
    lookup = SecretLookup()
    both = [None if place.config is None else read_settings(place.config) for place in (source, target)]
    for name, address in (("catalogue (metadata_url)", _catalogue_address), ("files (file_url)", _file_address)):
        ours, theirs = (
            (url.rstrip("/"), where)
            for url, where in (address(place, one, lookup) for place, one in zip((source, target), both, strict=True))
        )
        if ours == theirs:
            raise ConfigurationError(
                f"{source.title} and {target.title} have the same {name}; a copy goes into a lake of its own. Correct "
                f"what --to names."
            )
    bucket = bucket or ("main" if both[0] is None else both[0].main.default_bucket)
    first = open_datastore(source, bucket)
    try:
        second = open_datastore(target, bucket)
        return first, _empty_in_place_of_none(second) if dry_run else second
    except BaseException:
        first.close()
        raise


def _empty_in_place_of_none(store: DatasetStore) -> DatasetStore:
    """Return a store; if its lake is not there, an empty one in memory, to compare with."""
    try:
        store.catalogue.lake.find()
    except LakeNotFound:
        logger.info("There is no lake in %s yet.", store.where)
        return DatasetStore(
            open_catalogue("sqlite:///:memory:", ""), MemoryStorage(), Dispatcher(), bucket=store.bucket
        )
    return store


def _catalogue_address(place: Place, settings: Settings | None, lookup: SecretLookup) -> tuple[str, str]:
    """Return the URL and the table prefix of a place's catalogue."""
    url = place.metadata_url if settings is None else settings.main.metadata_url
    prefix = "" if settings is None else settings.main.metadata_options.table_prefix
    return resolve_lake_url(url, "metadata_url", place.base, lookup), prefix


def _file_address(place: Place, settings: Settings | None, lookup: SecretLookup) -> tuple[str, str | None]:
    """Return the URL of a place's files, and the server that it is on."""
    url = place.file_url if settings is None else settings.main.file_url
    options = None if settings is None else settings.main.file_options
    return resolve_lake_url(url, "file_url", place.base, lookup), None if options is None else options.endpoint


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
        store = DatasetStore(open_catalogue("sqlite:///:memory:", ""), MemoryStorage(), Dispatcher(), bucket="main")
    else:
        place = Place.of_folder(named_path(dev_dir))
        store = open_datastore(place)
        if store.create():
            logger.info("Created the lake in %s.", store.where)
    plan = IngestionPlan(source, dataset_type, data_spec_versions, selectors, fetch_policy)
    return make_engine(store, {}, [plan])


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

    Example::

        from ingestify.sources.statsbomb_github import StatsBombGithub

        tried = debug_source(StatsBombGithub("tried"), dataset_type="match", competition_id=43, season_id=106)
        tried.list_datasets()

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
    for task in report.left_out_tasks:
        logger.warning("%s: %s", task.name, task.error)
    logger.info("%s", report.totals)
    return engine


def check_config(path: Path, *, secrets: bool = False) -> tuple[Path, str]:
    """Read a configuration and import everything that it names; nothing is opened, fetched or written.

    Args:
        secrets: Look up the secrets that it names, over the network. Otherwise of a vault url only that is checked
            which can be told without asking, and what is made with a secret is not made.

    Returns:
        The file, and a line that says what it holds.

    Raises:
        ConfigurationError: Something is wrong; the message says what, and what would be right.
    """
    folder = path.absolute().parent
    lookup = SecretLookup()
    settings = read_settings(path)
    named = list(find_vault_urls(settings.model_dump(), ""))
    for where, url in named:
        try:
            lookup.check(url)
        except SecretError as error:
            raise SecretError(f"{path}: {where}: {error}") from error
    if secrets:
        settings = with_secrets(settings, lookup)
    make_importable(str(folder))
    for name, source in settings.sources.items():
        check_source(name, source)
    for plan in settings.ingestion_plans:
        check_fetch_policy(plan.fetch_policy)
    for subscriber in settings.event_subscribers:
        check_subscriber(subscriber)
    make_layout(settings)
    check_plugins()
    check_rules(settings)
    main = settings.main
    if secrets or not is_vault_url(main.metadata_url):
        check_catalogue(resolve_lake_url(main.metadata_url, "metadata_url", folder, lookup))
    if secrets or not is_vault_url(main.file_url):
        make_storage(resolve_lake_url(main.file_url, "file_url", folder, lookup), main.file_options, folder)
    sources, plans = len(settings.sources), len(settings.ingestion_plans)
    found = f"{sources} source{'' if sources == 1 else 's'}, {plans} ingestion plan{'' if plans == 1 else 's'}"
    enabled = [one for one in settings.ingestion_plans if one.enabled and settings.sources[one.source].enabled]
    if len(enabled) < plans:
        found += f" ({plans - len(enabled)} not enabled)"
    return path, f"{found}{_secrets_text(len({url.identity for _, url in named}), secrets)}"


def _secrets_text(count: int, looked_up: bool) -> str:
    if not count:
        return ""
    secrets = "1 secret in a vault" if count == 1 else f"{count} secrets in vaults"
    return f", {secrets} looked up" if looked_up else f", {secrets} not looked up (--secrets does)"


def keys_to_index(store: DatasetStore, path: Path) -> list[tuple[str, str, Sequence[str]]]:
    """Return (provider, dataset type, identifier keys) of each type with `identifier_index: true`.

    The keys are those under `identifier_keys`; where none are named, those that its datasets in the lake have, if any.
    """
    settings = read_settings(path)
    return [
        (
            one.provider,
            one.dataset_type,
            list(one.identifier_keys)
            or sorted(
                iter_identifier_keys(
                    store.catalogue, store.dataset_filter(one.dataset_type, one.provider), most=_LOOKED_AT_FOR_KEYS
                )
            ),
        )
        for one in settings.dataset_types
        if one.identifier_index
    ]


def watched_plans(path: Path) -> list[WatchedPlan]:
    """Return what a configuration asks to be ingested, as far as it is enabled. No source is made."""
    settings = read_settings(path)
    return [
        WatchedPlan(plan.source, plan.dataset_type, tuple(plan.selectors or ()))
        for plan in settings.ingestion_plans
        if plan.enabled and settings.sources[plan.source].enabled
    ]


def _store_from_settings(settings: Settings, place: Place, bucket: str | None, lookup: SecretLookup) -> DatasetStore:
    folder = place.base
    make_importable(str(folder))  # a transformation may lie there
    main = settings.main
    return open_store(
        resolve_lake_url(main.metadata_url, "metadata_url", folder, lookup),
        resolve_lake_url(main.file_url, "file_url", folder, lookup),
        bucket or main.default_bucket,
        file_options=main.file_options,
        options_folder=folder,
        table_prefix=main.metadata_options.table_prefix,
        layout=make_layout(settings),
        compression=main.compression,
        key_types=make_key_types(settings),
        retention=Retention(jobs=settings.retention.jobs, events=settings.retention.events),
        place=place.of_urls(main.metadata_url, main.file_url),
    )


class EventLogConsumer(EventReader):
    """Delivers every logged domain event to one reader, at least once and in commit order; see `EventReader`."""

    @classmethod
    def from_config(
        cls,
        path: str | Path,
        reader_name: str,
        *,
        start_at: StartAt = "beginning",
        park_after: int | None = None,
    ) -> EventLogConsumer:
        """Open the lake that a config.yaml names. The storage is opened when a dataset's files are first asked for.

        Args:
            path: As the first argument of `get_engine`: a config.yaml, or the folder of a lake.
            reader_name: Names the cursor; `start_at` and `park_after` are those of `EventReader`.

        Raises:
            ConfigurationError: The settings are wrong.
            LakeNotFound: On reading: the lake is not there, and no reader makes one.
        """
        lake = _LakeOfEvents(find_place(path))
        return cls(
            lake.catalogue, reader_name, start_at=start_at, park_after=park_after, lake=lake, on_close=lake.close
        )


class _LakeOfEvents:
    """A lake whose storage is opened late: many a consumer has no need, and no right, to read it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        settings = None if place.config is None else read_settings(place.config)
        url, table_prefix = _catalogue_address(place, settings, SecretLookup())
        given = place.metadata_url if settings is None else settings.main.metadata_url
        self.catalogue = open_catalogue(
            url, table_prefix, None if settings is None else make_key_types(settings), place.of_urls(given)
        )
        self._store: DatasetStore | None = None

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        if self._store is None:
            self._store = open_datastore(self._place)
        return self._store.load_files(dataset, data_feed_keys, lazy)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self.catalogue.close()
