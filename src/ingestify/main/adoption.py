"""Opens a lake of the published package for its adoption, in place or into another lake."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingestify.config.reader import read_file_options, read_settings
from ingestify.config.settings import Settings
from ingestify.domain.ports import Storage
from ingestify.engine.keeping.adopting import AdoptionReport, adopt_lake
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.events.dispatcher import Dispatcher
from ingestify.main.adapters import concurrency, make_storage, memory_store
from ingestify.main.opening import catalogue_address, file_address, open_datastore, refuse_same_lake
from ingestify.main.parts import make_layout
from ingestify.main.place import Place, find_place
from ingestify.masking import hide_url, mask_url
from ingestify.progress.display import Display
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.adoption import Adoption
from ingestify.store.objects.layout import Layout
from ingestify.vaults.lookup import SecretLookup

__all__ = ["adopt", "open_adoption"]


def adopt(
    config_file: str | Path | None = None,
    *,
    to: str | Path | None = None,
    timezone: str | None = None,
    dry_run: bool = True,
    metadata_url: str | None = None,
    file_url: str | None = None,
    file_options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> AdoptionReport:
    """Take over a lake of the published package `ingestify`, of any of its versions.

    In place, its tables and files stay where they are, and ours are made beside. All datasets, revisions, files, states
    and events come with it, of all buckets. An adoption that was interrupted goes on with the next call.

    Args:
        config_file: The config.yaml, or the folder, of the lake, as for `get_engine`.
        to: The config.yaml, or the folder, of a lake to copy it into, which nobody has written to yet; None: in place.
        timezone: The zone of the times that version 0.10 and later write to PostgreSQL without zone; None: the
            database's TimeZone.
        dry_run: Only find out what would be taken.
        metadata_url: The catalogue, with `file_url` in place of `config_file`.
        file_url: The files.
        file_options: The options of an object store; only with `file_url`.
        progress: Whether to show the progress; None: where a person looks.

    Raises:
        ConfigurationError: There is no lake of the published package, or the settings are wrong.
        LakeIdentityError: The storage has the mark of another lake, or none of the files.
        StoreError: A catalogue or a storage refused. Another call goes on.
    """
    place = find_place(config_file, metadata_url=metadata_url, file_url=file_url)
    target = None if to is None else find_place(to)
    display = Display(progress)
    with open_adoption(place, target, timezone=timezone, dry_run=dry_run, file_options=file_options) as adoption:
        report = adopt_lake(adoption, moving=display.moving)
    display.tell(report.line)
    return report


@contextlib.contextmanager
def open_adoption(
    place: Place,
    target: Place | None = None,
    *,
    timezone: str | None = None,
    dry_run: bool = True,
    file_options: Mapping[str, Any] | None = None,
) -> Iterator[Adoption]:
    """Open a lake of the published package and the lake that it becomes, and close both after the block.

    Args:
        place: The lake of the published package.
        target: The lake that it is copied into; None: in place.
        timezone: See `adopt`.
        dry_run: See `adopt`.
        file_options: See `adopt`.
    """
    from ingestify.catalogue.catalogue import SqlCatalogue  # heavy: SQLAlchemy

    lookup = SecretLookup()
    settings = None if place.config is None else read_settings(place.config)
    url, prefix = catalogue_address(place, settings, lookup)
    hide_url(url)
    if target is not None:
        refuse_same_lake(place, target, lookup)
    file_url, _ = file_address(place, settings, lookup)
    hide_url(file_url)
    storage = _make_storage(place, settings, file_url, file_options)
    with contextlib.ExitStack() as opened:
        found = SqlCatalogue.open_for_adoption(url, table_prefix=prefix, timezone=timezone)
        if found is None:
            raise ConfigurationError(
                f"There is no lake of the published package in {mask_url(url)}: there are no tables {prefix}dataset, "
                f"{prefix}revision and {prefix}file with its columns. Correct metadata_url, or table_prefix."
            )
        published, ours = found
        opened.callback(published.close)
        opened.callback(ours.close)
        if target is None:
            store = DatasetStore(ours, storage, Dispatcher(), bucket="main", file_url=mask_url(file_url))
            layout = None
        else:
            store, layout = _open_target(target)
        opened.callback(store.close)
        if dry_run and not _is_there(store):
            store = _with_empty_catalogue(store)
            opened.callback(store.close)
        yield Adoption(published, storage, store, layout=layout, workers=concurrency(), dry_run=dry_run)


def _make_storage(
    place: Place, settings: Settings | None, file_url: str, file_options: Mapping[str, Any] | None
) -> Storage:
    if settings is not None:
        return make_storage(file_url, settings.main.file_options, place.base)
    return make_storage(file_url, None if file_options is None else read_file_options(file_options), place.base)


def _open_target(target: Place) -> tuple[DatasetStore, Layout]:
    settings = None if target.config is None else read_settings(target.config)
    layout = Layout() if settings is None else make_layout(settings)
    return open_datastore(target, is_target=True), layout


def _with_empty_catalogue(store: DatasetStore) -> DatasetStore:
    return DatasetStore(memory_store().catalogue, store.storage, Dispatcher(), bucket=store.bucket)


def _is_there(store: DatasetStore) -> bool:
    try:
        store.catalogue.lake.find()
    except LakeNotFound:
        return False
    return True
