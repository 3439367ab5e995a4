"""The objects of a bundle: they are published, searched for, and written again if they were lost."""

from __future__ import annotations

import datetime as dt

from ingestify.domain.file import NewFile
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.engine.bundle.broken_files import wanted_unconditionally
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.bundle.loaded_file import FileKind
from ingestify.engine.discovery.discovered import Discovered
from ingestify.errors import IntegrityError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["find_lost", "publish", "restore_in_quarantine"]


def publish(store: DatasetStore, discovered: Discovered, bundle: LoadedBundle) -> dict[str, NewFile]:
    """Move new files to their final places, also those that go into quarantine, and write damaged objects again.

    Returns:
        File id to new file, with its path.
    """
    current = {} if bundle.existing is None else bundle.existing.files
    for file_id, loaded in bundle.loaded.items():
        if loaded.staged is not None and loaded.kind is FileKind.UNCHANGED:
            store.restore_object(current[file_id], loaded.staged)
    published: dict[str, NewFile] = {}
    drafts = []
    for file_id, loaded in bundle.new.items():
        assert loaded.draft is not None, "a new file has a draft"
        if loaded.staged is None:
            published[file_id] = loaded.draft  # it is there already, in quarantine
        else:
            drafts.append((loaded.staged, loaded.draft))
    if drafts:
        dataset_type = bundle.resource.dataset_type
        placed = store.objects.publish(discovered.provider, dataset_type, discovered.identifier, drafts)
        published |= {new.file_id: new for new in placed}
    return published


def find_lost(store: DatasetStore, bundle: LoadedBundle, moment: dt.datetime) -> list[str]:
    """Return the ids of files that the bundle needs and whose bytes are not in the storage.

    A file in quarantine may have lost its object, for instance after a discard. A file that was left out may
    be correct by now.
    """
    held = {file_id: one.draft for file_id, one in bundle.new.items() if one.kind is FileKind.HELD}
    lost = [file_id for file_id, draft in held.items() if draft is not None and not _is_stored(store, draft, moment)]
    return lost + wanted_unconditionally(bundle)


def _is_stored(store: DatasetStore, held: NewFile, moment: dt.datetime) -> bool:
    if not held.storage_path:
        return False
    try:
        store.opener(held.in_revision(0, moment)).verify()
    except IntegrityError:
        return False
    return True


def restore_in_quarantine(
    store: DatasetStore, entry: QuarantineEntry, bundle: LoadedBundle, moment: dt.datetime
) -> None:
    """Write again the files of the bundle in quarantine that had lost their objects, and were fetched anew."""
    held = {file.file_id: file.in_revision(0, moment) for file in entry.files}
    for file_id, loaded in bundle.new.items():
        staged, file = loaded.staged, held[file_id]
        if staged is not None and staged.compression_method == file.storage_compression_method:
            store.restore_object(file, staged)
