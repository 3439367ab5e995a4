"""Settings → engine: the only place that makes adapters, each when its URL scheme is chosen."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.config.reader import find_config, read_file_options, read_settings
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
from ingestify.engine.health import WatchedPlan
from ingestify.errors import ConfigurationError, SecretError
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
from ingestify.sources.own_modules import make_importable
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.file_collection import FileCollection
from ingestify.store.nothing_found import iter_identifier_keys
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import is_vault_url

__all__ = ["EventLogConsumer", "concurrency", "debug_source", "get_datastore", "get_dev_engine", "get_engine"]

logger = logging.getLogger(__name__)

_LOOKED_AT_FOR_KEYS = 1000

DEFAULT_METADATA_URL = "sqlite:///database/catalog.db"
DEFAULT_FILE_URL = "file://database/files/"


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

    Example::

        engine = get_engine(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/")

    Args:
        config_file: A config.yaml. None, without URLs: `INGESTIFY_CONFIG_FILE`, else `config.yaml` here or in a
            parent folder, else a lake in `./database` without plans.
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
    if file_options is not None and file_url is None:
        raise ConfigurationError("get_engine got file_options without file_url; a config file has main.file_options.")
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
    lookup = SecretLookup()
    store = open_store(
        resolve_lake_url(metadata_url, "metadata_url", here, lookup),
        resolve_lake_url(file_url, "file_url", here, lookup),
        bucket or "main",
        file_options=None if file_options is None else read_file_options(file_options),
    )
    return make_engine(store, {})


def get_datastore(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> DatasetStore:
    """Open a lake for reading, without sources; the arguments are those of `get_engine`."""
    has_urls = metadata_url is not None or file_url is not None or file_options is not None
    if not has_urls and (path := find_config(config_file)) is not None:
        settings = read_settings(path)
        return _store_from_settings(settings, path, bucket, SecretLookup())
    return get_engine(
        config_file, bucket, metadata_url=metadata_url, file_url=file_url, file_options=file_options
    ).store


def get_two_datastores(
    config_file: str | Path, target_file: str | Path, bucket: str | None = None
) -> tuple[DatasetStore, DatasetStore]:
    """Open one bucket of two lakes, to copy the one into the other.

    Args:
        bucket: Of both; None: the `default_bucket` of the first.

    Raises:
        ConfigurationError: They are one lake, or share their files: each would take the other's for garbage.
    """
    lookup = SecretLookup()
    paths = [config_path(config_file), config_path(target_file)]
    both = [read_settings(path) for path in paths]
    urls = []
    for path, settings in zip(paths, both, strict=True):
        folder, main = path.absolute().parent, settings.main
        endpoint = None if main.file_options is None else main.file_options.endpoint
        urls.append(
            (
                (
                    resolve_lake_url(main.metadata_url, "metadata_url", folder, lookup),
                    main.metadata_options.table_prefix,
                ),
                (resolve_lake_url(main.file_url, "file_url", folder, lookup).rstrip("/"), endpoint),
            )
        )
    for name, ours, theirs in zip(("catalogue (metadata_url)", "files (file_url)"), *urls, strict=True):
        if ours == theirs:
            raise ConfigurationError(
                f"{paths[0]} and {paths[1]} have the same {name}; a copy goes into a lake of its own. Correct the "
                f"file that --to names."
            )
    bucket = bucket or both[0].main.default_bucket
    source = _store_from_settings(both[0], paths[0], bucket, lookup)
    try:
        return source, _store_from_settings(both[1], paths[1], bucket, lookup)
    except BaseException:
        source.close()
        raise


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
        folder = Path(dev_dir).absolute()
        store = open_store(f"sqlite:///{(folder / 'catalog.db').as_posix()}", f"file://{folder / 'files'}", "main")
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


def check_config(config_file: str | Path | None = None, *, secrets: bool = False) -> tuple[Path, str]:
    """Read a configuration and import everything that it names; nothing is opened, fetched or written.

    Args:
        secrets: Look up the secrets that it names, over the network. Otherwise of a vault url only that is checked
            which can be told without asking, and what is made with a secret is not made.

    Returns:
        The file, and a line that says what it holds.

    Raises:
        ConfigurationError: Something is wrong; the message says what, and what would be right.
    """
    path = config_path(config_file)
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


def keys_to_index(store: DatasetStore, config_file: str | Path | None = None) -> list[tuple[str, str, Sequence[str]]]:
    """Return (provider, dataset type, identifier keys) of each type with `identifier_index: true`.

    The keys are those under `identifier_keys`; where none are named, those that its datasets in the lake have, if any.
    """
    settings = read_settings(config_path(config_file))
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


def watched_plans(config_file: str | Path | None = None) -> list[WatchedPlan]:
    """Return what a configuration asks to be ingested, as far as it is enabled. No source is made."""
    settings = read_settings(config_path(config_file))
    return [
        WatchedPlan(plan.source, plan.dataset_type, tuple(plan.selectors or ()))
        for plan in settings.ingestion_plans
        if plan.enabled and settings.sources[plan.source].enabled
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


def _engine_from_config(path: Path, bucket: str | None, disable_events: bool) -> IngestionEngine:
    lookup = SecretLookup()
    settings = with_secrets(read_settings(path), lookup)
    make_importable(str(path.absolute().parent))
    plans, left_out = make_plans(settings)
    store = _store_from_settings(settings, path, bucket, lookup)
    if not disable_events:
        subscribe(store, settings)
    return make_engine(store, settings.sources, plans, settings, path.absolute().parent, left_out=left_out)


def _store_from_settings(settings: Settings, path: Path, bucket: str | None, lookup: SecretLookup) -> DatasetStore:
    folder = path.absolute().parent
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
            reader_name: Names the cursor; `start_at` and `park_after` are those of `EventReader`.

        Raises:
            ConfigurationError: The settings are wrong.
        """
        lake = _LakeOfEvents(config_path(path))
        return cls(
            lake.catalogue, reader_name, start_at=start_at, park_after=park_after, lake=lake, on_close=lake.close
        )


class _LakeOfEvents:
    """A lake whose storage is opened late: many a consumer has no need, and no right, to read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        settings = read_settings(path)
        url = resolve_lake_url(settings.main.metadata_url, "metadata_url", path.absolute().parent, SecretLookup())
        self.catalogue = open_catalogue(url, settings.main.metadata_options.table_prefix, make_key_types(settings))
        self._store: DatasetStore | None = None

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        if self._store is None:
            self._store = get_datastore(self._path)
        return self._store.load_files(dataset, data_feed_keys, lazy)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self.catalogue.close()
