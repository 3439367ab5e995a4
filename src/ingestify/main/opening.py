"""Opening the lake that a place names, with and without the sources of its plans."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingestify.config.reader import read_file_options, read_settings
from ingestify.config.secrets import resolve_lake_url, with_secrets
from ingestify.config.settings import Settings, SourceSettings
from ingestify.domain.retention import Retention
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.main.adapters import make_engine, memory_store, open_store
from ingestify.main.metrics import LakeMetrics
from ingestify.main.older_place import refuse_lake_by_current_folder
from ingestify.main.parts import make_key_types, make_layout, make_plans, subscribe
from ingestify.main.place import Place
from ingestify.progress.printable import PrintableLogger
from ingestify.quick_imports import quick_imports
from ingestify.sources.own_modules import make_importable
from ingestify.store.dataset_store import DatasetStore
from ingestify.vaults.lookup import SecretLookup

__all__ = [
    "catalogue_address",
    "file_address",
    "lake_that_counts",
    "open_datastore",
    "open_engine",
    "open_two_datastores",
    "refuse_same_lake",
]

logger = PrintableLogger(__name__)


@quick_imports()
def open_engine(
    place: Place,
    bucket: str | None = None,
    disable_events: bool = False,
    file_options: Mapping[str, Any] | None = None,
    metrics: LakeMetrics | None = None,
) -> IngestionEngine:
    """Open a lake with the plans of its configuration, if it has one; see `get_engine`.

    Args:
        place: Where it is.
        bucket: See `get_engine`.
        disable_events: See `get_engine`.
        file_options: See `get_engine`.
        metrics: Where the metrics go; None: as the settings say.
    """
    metrics = metrics or LakeMetrics()
    if place.config is None:
        return make_engine(open_datastore(place, bucket, file_options, metrics=metrics), {}, metrics=metrics)
    folder = place.base
    lookup = SecretLookup()
    settings = with_secrets(read_settings(place.config), lookup)
    metrics.configure(settings, folder, bucket or settings.main.default_bucket)
    make_importable(str(folder))
    plans, left_out = make_plans(settings)
    refuse_lake_by_current_folder(settings.main, folder)
    store = _store_from_settings(settings, place, bucket, lookup)
    if not disable_events:
        subscribe(store, settings)
    return make_engine(store, settings.sources, plans, settings, folder, left_out=left_out, metrics=metrics)


@quick_imports()
def open_datastore(
    place: Place,
    bucket: str | None = None,
    file_options: Mapping[str, Any] | None = None,
    *,
    is_target: bool = False,
    metrics: LakeMetrics | None = None,
) -> DatasetStore:
    """Open a lake without sources; see `get_engine`.

    Args:
        place: Where it is.
        bucket: See `get_engine`.
        file_options: See `get_engine`.
        is_target: Whether something is copied into it, so that it may be new, whatever the current folder has.
        metrics: Gets what the settings say of metrics.
    """
    lookup = SecretLookup()
    if place.config is not None:
        settings = read_settings(place.config)
        if metrics is not None:
            metrics.configure(settings, place.base, bucket or settings.main.default_bucket)
        if not is_target:
            refuse_lake_by_current_folder(settings.main, place.base)
        return _store_from_settings(settings, place, bucket, lookup)
    if metrics is not None:
        metrics.configure(None, None, bucket or "main")
    return open_store(
        resolve_lake_url(place.metadata_url, "metadata_url", place.base, lookup),
        resolve_lake_url(place.file_url, "file_url", place.base, lookup),
        bucket or "main",
        file_options=None if file_options is None else read_file_options(file_options),
        place=place.of_urls(place.metadata_url, place.file_url),
    )


@contextlib.contextmanager
def lake_that_counts(config: Path, settings: SourceSettings) -> Iterator[DatasetStore | None]:
    """Yield the lake of a configuration, which counts the requests of a source, if that has a budget; else None.

    It counts also what does not go into this lake. It need not exist.
    """
    if settings.rate_limit is None or settings.rate_limit.budget is None:
        yield None
        return
    with contextlib.closing(open_datastore(Place.of_config(config))) as store:
        yield store


def _store_from_settings(settings: Settings, place: Place, bucket: str | None, lookup: SecretLookup) -> DatasetStore:
    folder = place.base
    make_importable(str(folder))  # a transformation may be there
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
        retention=Retention(**dict(settings.retention)),
        indexed={
            (one.provider, one.dataset_type): list(one.identifier_keys)
            for one in settings.dataset_types
            if one.identifier_index
        },
        place=place.of_urls(main.metadata_url, main.file_url),
        source_types={name: source.type for name, source in settings.sources.items()},
        name=main.name or "",
        time_zones={(plan.source, plan.dataset_type): plan.schedule.make().zone for plan in settings.ingestion_plans},
    )


def open_two_datastores(
    source: Place, target: Place, bucket: str | None = None, *, dry_run: bool = False
) -> tuple[DatasetStore, DatasetStore]:
    """Open one bucket of two lakes, to copy one into the other.

    Args:
        source: The lake to copy from.
        target: The lake to copy to.
        bucket: The bucket of both; None: the `default_bucket` of the source.
        dry_run: Whether nothing is copied. Then a target that does not exist counts as an empty lake.

    Raises:
        ConfigurationError: They are one lake, or share their files: each would remove the other's files as garbage.
    """
    lookup = SecretLookup()
    settings = None if source.config is None else read_settings(source.config)
    refuse_same_lake(source, target, lookup)
    bucket = bucket or ("main" if settings is None else settings.main.default_bucket)
    first = open_datastore(source, bucket)
    try:
        second = open_datastore(target, bucket, is_target=True)
        return first, _empty_in_place_of_none(second) if dry_run else second
    except BaseException:
        first.close()
        raise


def refuse_same_lake(source: Place, target: Place, lookup: SecretLookup) -> None:
    """Refuse a copy of a lake into itself, or beside its files.

    Raises:
        ConfigurationError: They are one lake, or share their files: each would remove the other's files as garbage.
    """
    both = [None if place.config is None else read_settings(place.config) for place in (source, target)]
    for name, address in (("catalogue (metadata_url)", _catalogue_address), ("files (file_url)", file_address)):
        ours, theirs = (
            (url.rstrip("/"), where)
            for url, where in (address(place, one, lookup) for place, one in zip((source, target), both, strict=True))
        )
        if ours == theirs:
            raise ConfigurationError(
                f"{source.title} and {target.title} have the same {name}; a copy goes into a lake of its own. Correct "
                f"what --to names."
            )


def _empty_in_place_of_none(store: DatasetStore) -> DatasetStore:
    """Return a store; if its lake does not exist, an empty lake in memory."""
    try:
        store.catalogue.lake.find()
    except LakeNotFound:
        logger.info("There is no lake in %s yet.", store.where)
        return memory_store(store.bucket)
    return store


def catalogue_address(place: Place, settings: Settings | None, lookup: SecretLookup) -> tuple[str, str]:
    """Return the URL and the table prefix of a place's catalogue."""
    if settings is not None:
        refuse_lake_by_current_folder(settings.main, place.base)
    return _catalogue_address(place, settings, lookup)


def _catalogue_address(place: Place, settings: Settings | None, lookup: SecretLookup) -> tuple[str, str]:
    url = place.metadata_url if settings is None else settings.main.metadata_url
    prefix = "" if settings is None else settings.main.metadata_options.table_prefix
    return resolve_lake_url(url, "metadata_url", place.base, lookup), prefix


def file_address(place: Place, settings: Settings | None, lookup: SecretLookup) -> tuple[str, str | None]:
    """Return the URL of a place's files, and the endpoint of its object store."""
    url = place.file_url if settings is None else settings.main.file_url
    options = None if settings is None else settings.main.file_options
    return resolve_lake_url(url, "file_url", place.base, lookup), None if options is None else options.endpoint
