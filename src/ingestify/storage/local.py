"""Objects on a local disk, with the standard library: durable, atomic, immutable.

This order survives a power loss: the temporary file is synced; it is renamed to a name with the hash of its content;
its folder is synced. Before a group of datasets is committed, the folders above theirs are synced, each once. Only then
may the catalogue commit a row that names the object.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import itertools
import os
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ingestify.clock import now
from ingestify.domain.ports import Leftovers, PartialObject, StoredObject, TemporaryObject
from ingestify.durable_folders import durable_folders, sync, sync_folder, sync_names
from ingestify.errors import IntegrityError, StoreError
from ingestify.failpoints import failpoint
from ingestify.locked_file import LockedFile
from ingestify.remedies import remedy
from ingestify.storage.disk import make_disk_error
from ingestify.storage.leftovers import NOTES_SUFFIX, PARTIAL_SUFFIX, Leftover, find_leftovers
from ingestify.storage.local_temporary import LocalPartial, LocalTemporary
from ingestify.storage.object_path import check_object_path

__all__ = ["LocalStorage"]

STAGING_FOLDER = ".staging"
"""The folder of temporary objects, on the same file system as the lake, so that a rename is atomic."""

PARTIALS_KEPT = dt.timedelta(days=7)
"""A partial file that nobody resumed for so long is removed by the next process that may leave partial files itself."""

FOLDER_TRIES = 100


class LocalStorage:
    """Implements `domain.ports.Storage` on a folder. The folder of a bucket may be a link, also to another disk.

    Args:
        root: The folder. The first object makes it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._root = str(self.root)
        self._staging = self.root / STAGING_FOLDER
        self._has_cleared = False
        self._was_there = False
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count()
        self._unsettled: deque[str] = deque()
        """The folders of published objects whose own names, and those above, may not be on the disk."""
        self._settling = threading.Lock()

    def __repr__(self) -> str:
        return self._root

    def create_temporary(self) -> TemporaryObject:
        """Begin an object in the staging folder.

        A folder that was there before is not made again: it may be on a disk that was unmounted, and what is written
        in its place would be hidden when that is back.
        """
        if self._was_there and not self.root.is_dir():
            raise StoreError(
                f"The folder {self._root} is not there any more. If its disk was unmounted, mount it again; if the "
                f"folder was removed on purpose, make it again, empty."
            )
        path = f"{self._root}/{STAGING_FOLDER}/{self._make_name()}"
        try:
            made = LocalTemporary(path)
        except OSError as error:
            raise make_disk_error("write", path, error) from error
        self._was_there = True
        return made

    def _make_name(self) -> str:
        """Return the name of a temporary file: of a forked process, of its storage, and a count."""
        return f"{os.getpid():08x}{self._prefix}{next(self._count):012x}"

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:
        """Take the partial file of a key in the staging folder; see `domain.ports.Storage.take_partial`.

        Its lock is one of the file system. On a network disk it is as reliable as the disk's `flock`.
        """
        if not self._has_cleared:
            self._has_cleared = True
            self._clear_abandoned()
        return self._take_partial(key, create=create)

    def _take_partial(self, key: str, *, create: bool) -> LocalPartial | None:
        if create:
            with contextlib.suppress(OSError):  # create_temporary raises it
                durable_folders.make(str(self._staging))
        try:
            notes = LockedFile.take(self._staging / (key + NOTES_SUFFIX), create=create)
        except OSError:
            return None  # without locks there are no partial files
        if notes is None:
            return None
        try:
            return LocalPartial(str(self._staging / (key + PARTIAL_SUFFIX)), notes)
        except OSError:
            notes.remove()
            return None

    def _clear_abandoned(self) -> None:
        """Remove partial files that nobody resumed, unless a process holds them."""
        for leftover in find_leftovers(self._staging, now() - PARTIALS_KEPT):
            if leftover.is_partial:
                self._remove_leftover(leftover)

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Rename finished temporary files to their final names, and sync the folders of these names."""
        folders: set[str] = set()
        for temporary, path in objects:
            assert isinstance(temporary, LocalTemporary)
            final = self._resolve(path)
            folder = os.path.dirname(final)
            try:
                if folder not in folders:
                    folders.add(folder)
                    _make_folder(folder)
                self._rename(temporary.path, final, folder)
                failpoint("publish.renamed")
            except OSError as error:
                raise make_disk_error("write", final, error) from error
            temporary.is_published = True
        for folder in folders:
            try:
                sync_folder(folder)
            except FileNotFoundError:
                continue  # a deletion has emptied and removed it meanwhile
            except OSError as error:
                raise make_disk_error("sync", folder, error) from error
        self._unsettled.extend(folders)
        failpoint("publish.synced")

    def settle(self) -> None:
        """Sync the folders above those of published objects, each once for all of them."""
        with self._settling:  # whoever comes meanwhile waits until the syncs are done
            folders = {self._unsettled.popleft() for _ in range(len(self._unsettled))}
            # A bucket's folder may be a link; what is below it is made here.
            above = {os.path.dirname(folder) if "/" in folder[len(self._root) + 1 :] else folder for folder in folders}
            try:
                for folder in above:
                    with contextlib.suppress(FileNotFoundError):  # removed by a deletion
                        sync_names(folder)
                durable_folders.settle(above)
            except OSError as error:
                self._unsettled.extend(folders)
                raise make_disk_error("sync", error.filename or "the folders of " + self._root, error) from error

    def _rename(self, temporary: str, final: str, folder: str) -> None:
        for _ in range(FOLDER_TRIES):
            try:
                os.replace(temporary, final)
            except FileNotFoundError:
                # A deletion has just removed its folder because it was empty.
                if not os.path.lexists(temporary):
                    raise
                _make_folder(folder)
            except OSError as error:
                if error.errno != errno.EXDEV or Path(temporary).parent != self._staging:
                    raise
                temporary = self._copy_to_disk_of(final, temporary)
            else:
                return
        raise FileNotFoundError(errno.ENOENT, "its folder is being removed again and again", final)

    def _copy_to_disk_of(self, final: str, temporary: str) -> str:
        """Move a finished temporary file to the disk of its bucket, durably. Returns its new path."""
        there = str(self._staging_beside(Path(final)))
        durable_folders.make(there)
        copy = f"{there}/{self._make_name()}"
        try:
            shutil.copyfile(temporary, copy)
            with open(copy, "r+b") as written:
                sync(written.fileno())
        except BaseException:
            Path(copy).unlink(missing_ok=True)
            raise
        os.unlink(temporary)
        return copy

    def _staging_beside(self, final: Path) -> Path:
        """Return the staging folder on the disk of an object's bucket, which may be a link to another disk."""
        bucket = self.root / final.relative_to(self.root).parts[0]
        return self._staging if bucket.stat().st_dev == self.root.stat().st_dev else bucket / STAGING_FOLDER

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading, buffered."""
        final = self._path(path)
        try:
            return final.open("rb")
        except FileNotFoundError as error:
            raise IntegrityError(
                f"The object {final} is in the catalogue and not on the disk; {remedy('verify --repair')} restores it, "
                f"or fetches it anew."
            ) from error
        except OSError as error:
            raise make_disk_error("read", final, error) from error

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""
        try:
            return self._path(path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise make_disk_error("read", path, error) from error

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects, and the folders that this leaves empty."""
        count = 0
        for path in paths:
            final = self._path(path)
            try:
                count += self._remove(final, unless_written_since)
                failpoint("delete.object_gone")
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise make_disk_error("delete", final, error) from error
            for folder in final.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break
        return count

    def _remove(self, final: Path, unless_written_since: dt.datetime | None) -> bool:
        if unless_written_since is None:
            final.unlink()
            return True
        before = final.stat()
        # The change time, which a rename sets too: the last write may be long before the publishing.
        if before.st_ctime > unless_written_since.timestamp():
            return False
        # The file is moved aside first: if somebody has just published another file there, it is moved back.
        staging = self._staging_beside(final)
        durable_folders.make(str(staging))
        aside = staging / self._make_name()
        final.replace(aside)
        if aside.stat().st_ino != before.st_ino:
            aside.replace(final)
            return False
        aside.unlink()
        return True

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below the folder `prefix`, folder by folder."""
        start = self._path(prefix) if prefix else self.root

        def refuse(error: OSError) -> None:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):  # these were removed meanwhile
                raise make_disk_error("read", error.filename, error) from error

        links = self._linked_buckets() if start == self.root else []
        walks = (os.walk(top, onerror=refuse) for top in (start, *links))
        for folder, folders, names in itertools.chain.from_iterable(walks):
            if STAGING_FOLDER in folders and self.root in (Path(folder), Path(folder).parent):
                folders.remove(STAGING_FOLDER)
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if not name.startswith(".")]
                names = [name for name in names if not name.startswith(".")]
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # deleted meanwhile
                yield StoredObject(
                    path=path.relative_to(self.root).as_posix(),
                    size=status.st_size,
                    # The change time too, which a rename sets: the last write may be long before the publishing.
                    modified_at=dt.datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), dt.UTC),
                )

    def _linked_buckets(self) -> list[Path]:
        """Return the folders of buckets that are links, such as to another disk; no other link is followed.

        A link into the lake itself, or to the same place as another link, is left out: no row has its second name, so
        each object there would be garbage.
        """
        try:
            links = [one for one in sorted(self.root.iterdir()) if one.is_symlink() and one.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise make_disk_error("read", error.filename, error) from error
        targets = {link: link.resolve() for link in links}
        root = self.root.resolve()

        def is_alone(link: Path) -> bool:
            others = [root, *(target for other, target in targets.items() if other != link)]
            mine = targets[link]
            return not any(mine == other or mine in other.parents or other in mine.parents for other in others)

        return [link for link in links if is_alone(link)]

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:
        """Remove the files that ended processes left in the staging folder; a file that a process holds stays."""
        count = size = 0
        stagings = (self._staging, *self.root.glob(f"*/{STAGING_FOLDER}"))
        for leftover in itertools.chain.from_iterable(find_leftovers(one, written_before) for one in stagings):
            if leftover.is_held() if dry_run else not self._remove_leftover(leftover):
                continue
            count += 1
            size += leftover.size
        return Leftovers(count, size)

    def _remove_leftover(self, leftover: Leftover) -> bool:
        """Remove a leftover. Returns whether it was removed."""
        if leftover.is_partial:
            partial = self._take_partial(leftover.key, create=True)
            if partial is not None:
                partial.discard()
            return partial is not None
        try:
            leftover.path.unlink()
        except FileNotFoundError:
            return False  # its process, or another garbage collection, was quicker
        except OSError as error:
            raise make_disk_error("delete", leftover.path, error) from error
        return True

    def _path(self, path: str) -> Path:
        return Path(self._resolve(path))

    def _resolve(self, path: str) -> str:
        """Return the absolute path of an object."""
        check_object_path(path)
        return f"{self._root}/{path}"


def _make_folder(folder: str) -> None:
    """Make the folder of an object, unless it is there, or a deletion is removing it: the rename finds that out."""
    try:
        durable_folders.make(folder, lambda: failpoint("publish.folder_made"))
    except FileNotFoundError:
        return
