"""The tables of a lake, at the place that the settings name, or in the storage of its files."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ingestify.config.locations import local_path
from ingestify.config.secrets import resolve_lake_url
from ingestify.config.settings import FileOptions, Settings, TableSettings
from ingestify.errors import ConfigurationError
from ingestify.main.cloud import cloud_options
from ingestify.masking import mask_url
from ingestify.storage.cloud import CloudStorage
from ingestify.storage.cloud_address import CloudAddress, CloudOptions, is_cloud_url
from ingestify.storage.local import LocalStorage
from ingestify.storage.table_folders import CloudTableFolders, LocalTableFolders
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.layout import encode_component
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import NoPlace, TablePlace
from ingestify.tables.lake_tables import LakeTables
from ingestify.tables.work import LoaderOf
from ingestify.vaults.lookup import SecretLookup

__all__ = ["open_tables"]

_FOLDER = "tables"
"""Beside the folders of the lake's buckets; no bucket's own folder has a folder of another bucket's name in it."""

_REFUSED = re.compile(r"[\[\]^|\\\x00-\x1f\x7f]")
"""deltalake panics, or writes into another folder."""


def open_tables(store: DatasetStore, settings: Settings | None, folder: Path, loader_of: LoaderOf) -> LakeTables:
    """Return the tables of the store's bucket. Nothing is read.

    Args:
        store: The lake.
        settings: The configuration; None: there is none.
        folder: The base of relative paths.
        loader_of: Returns the format of a dataset's files by the settings.

    Raises:
        ConfigurationError: There is no place for the tables, or the settings of one are wrong.
    """
    wanted = TableSettings() if settings is None else settings.tables
    own = [
        TableDefinition(
            one.name,
            one.function,
            version=one.version,
            provider=one.provider,
            dataset_type=one.dataset_type,
            feeds=one.feeds,
        )
        for one in wanted.own
    ]
    place = (
        _place_beside_files(store)
        if wanted.url is None
        else _place_of_url(
            resolve_lake_url(wanted.url, "tables.url", folder, SecretLookup()),
            None if settings is None else settings.main.file_options,
            folder,
            store,
        )
    )
    return LakeTables(store, place, own, wanted.build, loader_of)


def _place_beside_files(store: DatasetStore) -> TablePlace:
    storage = store.storage
    if isinstance(storage, LocalStorage):
        return _local_place(storage.root / _FOLDER / encode_component(store.bucket), store)
    if isinstance(storage, CloudStorage):
        return _cloud_place(storage.address, storage.options, f"{_FOLDER}/{encode_component(store.bucket)}", store)
    return NoPlace(
        f"There is no place for tables in {storage!r}. Name one in config.yaml: url below tables, such as "
        f"file://database/tables/."
    )


def _place_of_url(url: str, file_options: FileOptions | None, folder: Path, store: DatasetStore) -> TablePlace:
    bucket = encode_component(store.bucket)
    if is_cloud_url(url):
        options = CloudOptions() if file_options is None else cloud_options(file_options, folder)
        return _cloud_place(CloudAddress.parse(url), options, bucket, store)
    if not url.lower().startswith("file://"):
        raise ConfigurationError(
            f"tables.url: '{mask_url(url)}' is no place for tables; use file://, s3://, gs:// or az://."
        )
    return _local_place(local_path(url) / bucket, store)


def _local_place(root: Path, store: DatasetStore) -> TablePlace:
    if _REFUSED.search(root.as_posix()):
        return NoPlace(
            f"There can be no tables in {str(root)!r}: Delta Lake opens no folder with one of [ ] ^ | \\ or a control "
            f"character in its path. Name another one in config.yaml: url below tables, such as file://database/tables/."
        )
    return TablePlace(str(root), LocalTableFolders(root), lambda: _lake_id(store))


def _cloud_place(address: CloudAddress, options: CloudOptions, below: str, store: DatasetStore) -> TablePlace:
    prefix = "/".join(filter(None, (address.prefix, below)))
    there = msgspec.structs.replace(address, prefix=prefix)
    folders = CloudTableFolders(there, options)
    return TablePlace(str(there), folders, lambda: _lake_id(store), folders.storage_options)


def _lake_id(store: DatasetStore) -> str:
    lake = store.catalogue.lake.find()
    return "" if lake is None else lake.lake_id
