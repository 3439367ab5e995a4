"""From settings to an engine: the calls by which people open a lake. Only this room makes adapters.

place                which lake is meant, and where the nearest one is if it is not there
opening              opens it: an engine with its plans, or a store for reading
reference            what another process needs to open the same lake
older_place          refuses relative URLs where the published package has put a lake
adapters             catalogue, storage and engine, each made when its URL scheme is chosen
parts                sources, fetch policies, subscribers, checks and layouts that the settings name
cloud, deliveries    the options of object stores, and what deliveries are read from
configuration        checks a config.yaml, and reads what commands ask it for
connections          asks the database, the storage and each source whether it answers
trial                tries one source out
adoption             takes over a lake of the published package
offer                what a provider has, without a lake
event_log_consumer   reads the event log
metrics              counts what runs do, and passes the metrics on
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.config.locations import named_path
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.source import Source
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError
from ingestify.main.adapters import make_engine, memory_store
from ingestify.main.event_log_consumer import EventLogConsumer
from ingestify.main.opening import open_datastore, open_engine
from ingestify.main.place import Place, find_place
from ingestify.main.reference import reference_of
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["EventLogConsumer", "debug_source", "get_datastore", "get_dev_engine", "get_engine"]

logger = PrintableLogger(__name__)


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

    If the lake does not exist, `load`, and `iter_datasets` with `auto_ingest`, create it. Until then all calls that
    read it raise LakeNotFound, and create nothing.

    Example::

        engine = get_engine("~/football/lake")

    Args:
        config_file: A config.yaml, or the folder of a lake, which has `catalog.db` and `files/`. A folder with a
            config.yaml and no catalog.db means the config.yaml. None, without URLs: `INGESTIFY_CONFIG_FILE`, else
            `config.yaml` here or in a parent folder, else a lake in `./database` without plans.
        bucket: Which part of the lake; None: the configuration's `default_bucket`, else `main`.
        disable_events: Do not tell the configured subscribers. The event log is written in any case.
        metadata_url: The catalogue, such as `sqlite:///lake/catalog.db`; with `file_url`, in place of `config_file`.
        file_url: The files, such as `file://lake/files/` or `s3://bucket/lake`. Relative paths are below the current
            folder. Both may be vault urls, such as `vault+aws://lake/catalogue`.
        file_options: The options of an object store, as `main.file_options` in a config file; only with `file_url`.

    Raises:
        ConfigurationError: The settings are wrong; the message says which, and what would be right.
        SecretError: A secret that they name cannot be read from its vault.
        StoreError: The lake cannot be opened.
    """
    place = _find_place(config_file, metadata_url, file_url, file_options)
    if place.is_default:
        logger.info("There is no config.yaml here or above; the lake is in ./database.")
    engine = open_engine(place, bucket, disable_events, file_options)
    engine.store.reference = reference_of(place, engine.store.bucket, file_options)
    return engine


def get_datastore(
    config_file: str | Path | None = None,
    bucket: str | None = None,
    *,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> DatasetStore:
    """Open a lake for reading, without sources; the arguments are those of `get_engine`.

    It needs no right to write. It can be pickled, and so can its datasets: another process on a machine that has the
    config.yaml, or can reach the URLs, opens the lake itself, once.
    """
    place = _find_place(config_file, metadata_url, file_url, file_options)
    store = open_datastore(place, bucket, file_options)
    store.reference = reference_of(place, store.bucket, file_options)
    return store


def _find_place(
    named: str | Path | None, metadata_url: str | None, file_url: str | None, file_options: Mapping[str, Any] | None
) -> Place:
    if file_options is not None and file_url is None:
        raise ConfigurationError("get_engine got file_options without file_url; a config file has main.file_options.")
    return find_place(named, metadata_url=metadata_url, file_url=file_url)


def get_dev_engine(
    source: Source,
    dataset_type: str,
    data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None = None,
    ephemeral: bool = True,
    dev_dir: str | Path | None = None,
    *,
    selectors: Sequence[Any] | None = None,
    fetch_policy: FetchPolicy | None = None,
    configure_logging: bool = False,
) -> IngestionEngine:
    """Return an engine to try a source out, without a config file.

    Args:
        source: The source to try out.
        dataset_type: The dataset type, such as `match`.
        data_spec_versions: The feeds and versions; None: every feed, v1.
        ephemeral: Keep the lake in memory. Otherwise it is kept in `dev_dir`, so that a second run sees the first.
        dev_dir: A folder for the lake; if it is given, `ephemeral` is ignored. None with `ephemeral=False`: a folder
            `ingestify_dev` in the system's folder for temporary files.
        selectors: The selectors of its `IngestionPlan`.
        fetch_policy: When datasets are fetched; None: the base policy.
        configure_logging: Show what ingestify logs from INFO on, on stderr. Logging that is configured already stays.
    """
    if configure_logging:
        _configure_logging()
    if dev_dir is None and not ephemeral:
        dev_dir = Path(tempfile.gettempdir()) / "ingestify_dev" / source.name
    if dev_dir is None:
        store = memory_store()
    else:
        place = Place.of_folder(named_path(dev_dir))
        store = open_datastore(place)
        if store.create():
            logger.info("Created the lake in %s.", store.where)
        store.reference = reference_of(place, store.bucket, None)
    plan = IngestionPlan(source, dataset_type, data_spec_versions, selectors, fetch_policy)
    return make_engine(store, {}, [plan])


def debug_source(
    source: Source,
    *,
    dataset_type: str,
    data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None = None,
    ephemeral: bool = True,
    dev_dir: str | Path | None = None,
    configure_logging: bool = False,
    **selector: Any,
) -> IngestionEngine:
    """Run a source once and return the engine, to look at the result.

    Example::

        from ingestify.sources.statsbomb_github import StatsBombGithub

        tried = debug_source(StatsBombGithub("tried"), dataset_type="match", competition_id=43, season_id=106)
        tried.list_datasets()

    Args:
        source: The source to run.
        dataset_type: The dataset type, such as `match`.
        data_spec_versions: The feeds and versions; None: every feed, v1.
        ephemeral: Keep the lake in memory.
        dev_dir: A folder for the lake, so that a second run sees the first.
        configure_logging: Show what ingestify logs; see `get_dev_engine`.
        **selector: What to ingest; none: everything that `discover_selectors` finds.

    Raises:
        IngestifyError: What ended the run. A dataset that failed is logged as an error, and is not in the lake.
    """
    if selector and type(source).discover_selectors is Source.discover_selectors:
        # The source does not discover selectors, so the arguments are the selector itself.
        selectors, filters = [selector], {}
    else:
        selectors, filters = [], selector
    engine = get_dev_engine(
        source,
        dataset_type,
        data_spec_versions,
        ephemeral,
        dev_dir,
        selectors=selectors,
        configure_logging=configure_logging,
    )
    report = engine.load(raise_errors=True, **filters)
    for task in report.failed_tasks:
        logger.error("%s failed: %s", task.name, task.error)
    for task in report.left_out_tasks:
        logger.warning("%s: %s", task.name, task.error)
    logger.info("%s", report.totals)
    return engine


def _configure_logging() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("ingestify").setLevel(logging.INFO)
