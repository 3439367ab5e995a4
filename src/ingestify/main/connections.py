"""Checks whether the database, the storage and each source of the settings respond. Nothing is stored."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from ingestify.config.locations import local_path
from ingestify.config.reader import read_settings
from ingestify.config.secrets import resolve_lake_url, with_secrets
from ingestify.config.settings import MainSettings, Settings
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.ports import Storage
from ingestify.engine.report.report import one_line
from ingestify.errors import StoreError
from ingestify.main.adapters import (
    check_catalogue,
    make_engine,
    make_storage,
    memory_store,
    open_store,
    probe_catalogue,
)
from ingestify.main.opening import lake_that_counts
from ingestify.main.parts import make_plans
from ingestify.remedies import remedy
from ingestify.sources.own_modules import make_importable
from ingestify.storage.local import STAGING_FOLDER
from ingestify.vaults.lookup import SecretLookup

__all__ = ["Connection", "iter_connections"]

_PROBE = b"ingestify config check --connect"


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """The result of one check.

    Attributes:
        what: `database`, `files`, `lake` (whether these two belong together), or `source NAME`.
        answer: The result, for people, without secrets.
        is_current: Whether the database has the tables of this version.
    """

    what: str
    is_ok: bool
    answer: str
    is_current: bool = False


def iter_connections(path: Path) -> Iterator[Connection]:
    """Check the database, the storage, and each enabled source with a plan, one after the other.

    Raises:
        ConfigurationError: The settings are wrong; nothing was checked.
    """
    folder = path.absolute().parent
    lookup = SecretLookup()
    settings = with_secrets(read_settings(path), lookup)
    make_importable(str(folder))
    plans, _ = make_plans(settings)
    main = settings.main
    metadata_url = resolve_lake_url(main.metadata_url, "metadata_url", folder, lookup)
    yield (database := _ask("database", lambda: _ask_database(metadata_url, main.metadata_options.table_prefix)))
    file_url = resolve_lake_url(main.file_url, "file_url", folder, lookup)
    yield (files := _ask("files", lambda: _ask_files(make_storage(file_url, main.file_options, folder), file_url)))
    if database.is_current and files.is_ok:
        yield _ask("lake", lambda: _ask_lake(metadata_url, file_url, main, folder))
    asked: set[str] = set()
    for plan in plans:
        if plan.source.name not in asked:
            asked.add(plan.source.name)
            yield _ask(f"source {plan.source.name}", functools.partial(_ask_source, settings, plan, path))


def _ask(what: str, ask: Callable[[], str | tuple[str, bool]]) -> Connection:
    try:
        answer = ask()
        return Connection(what, True, answer) if isinstance(answer, str) else Connection(what, True, *answer)
    except Exception as error:  # noqa: BLE001 - any error is a result; the other checks go on
        return Connection(what, False, one_line(error))


def _ask_database(url: str, table_prefix: str) -> tuple[str, bool]:
    path = check_catalogue(url)
    if path is not None and not path.exists():
        _check_may_make(path.parent)
        return "ok: it is not there yet, and the first run makes it", False
    text, is_current = probe_catalogue(url, table_prefix)
    return f"ok: {text}", is_current


def _ask_lake(metadata_url: str, file_url: str, main: MainSettings, folder: Path) -> str:
    """Check whether the files belong to the catalogue. Nothing is written."""
    with contextlib.closing(
        open_store(
            metadata_url,
            file_url,
            main.default_bucket,
            file_options=main.file_options,
            options_folder=folder,
            table_prefix=main.metadata_options.table_prefix,
        )
    ) as store:
        lake = store.identity.check()
    return "ok: the files are those of the database" + ("" if lake is None else f" ({lake})")


def _check_may_make(folder: Path) -> None:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise StoreError(f"{folder} cannot be made, or written to: this user may not write to {there}.")


def _ask_files(storage: Storage, file_url: str) -> str:
    root = local_path(file_url) if file_url.startswith("file://") else None
    if root is not None and not root.exists():
        _check_may_make(root)
        return "ok: the folder is not there yet, and the first run makes it"
    path = f"ingestify-probe/{uuid.uuid4().hex}"
    had_staging = root is None or (root / STAGING_FOLDER).exists()
    try:
        temporary = storage.create_temporary()
        try:
            temporary.write(_PROBE)
            temporary.finish()
            storage.publish([(temporary, path)])
        except BaseException:
            temporary.discard()
            raise
        with storage.open(path) as stream:
            came = stream.read()
        if came != _PROBE:
            raise StoreError(f"An object was written, and other bytes were read back ({len(came)}).")
    finally:
        storage.delete([path])
        if root is not None and not had_staging:
            with contextlib.suppress(OSError):
                (root / STAGING_FOLDER).rmdir()
    if storage.get_size(path) is not None:
        raise StoreError(f"The object {path} was written, and cannot be removed: {remedy('gc')} will not be able to.")
    return "ok: an object was written, read and removed"


def _ask_source(settings: Settings, plan: IngestionPlan, path: Path) -> str:
    with (
        lake_that_counts(path, settings.sources[plan.source.name]) as lake,
        make_engine(
            memory_store(), settings.sources, [plan], settings, path.absolute().parent, counted_in=lake
        ) as engine,
    ):
        requests = engine.ask_source(plan)
    return f"ok: it lists what it has ({requests} {'request' if requests == 1 else 'requests'})"
