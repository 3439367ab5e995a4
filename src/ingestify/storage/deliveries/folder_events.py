"""What happens in a folder, by the file events of the system; and whether a file is still being written."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ingestify.background_thread import in_background
from ingestify.domain.delivery import QUIET_SECONDS
from ingestify.errors import MissingExtraError
from ingestify.progress.printable import PrintableLogger

__all__ = ["find_no_events", "following", "is_being_written"]

logger = PrintableLogger(__name__)

_LONGEST_BURST_SECONDS = 10.0
"""Files that arrive for ever are told of at least that often."""

_CHECK_SECONDS = 1.0
_MANY = 4096
"""Changes at once, after which the folder is followed anew: the system drops events of a full queue (16,384 in Linux),
and with them the news of a folder in which it then hears nothing."""

# Mounts that say nothing of what another computer writes.
_NETWORKS = ("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs", "vboxsf")
_MOUNTS = Path("/proc/self/mountinfo")


def find_no_events(root: Path) -> str:
    """Return why no file events come from a folder, for people; empty: they come."""
    try:
        import watchfiles  # noqa: F401 - an extra
    except ImportError:
        return str(MissingExtraError("watch", "Seeing files as they land"))
    kind = _network_of(root)
    return f"{root} is on a network disk ({kind}), which tells nothing of what other computers write" if kind else ""


@contextlib.contextmanager
def following(root: Path, is_wanted: Callable[[str], bool], tell: Callable[[str], None]) -> Iterator[None]:
    """Tell when files have landed in a folder while the block runs. A folder that disappears may come back.

    It tells when nothing has happened for `QUIET_SECONDS`, so many files at once are told of once; and at the beginning
    of what may have landed before.

    Args:
        root: The folder.
        is_wanted: Whether a path below the folder, with `/`, is worth telling of. A folder is always.
        tell: Called by a thread of its own with what happened, such as `3 changes`.
    """
    with in_background(lambda ended: _Follower(root, is_wanted, tell, ended).run(), "ingestify-files"):
        yield


class _Follower:
    def __init__(
        self, root: Path, is_wanted: Callable[[str], bool], tell: Callable[[str], None], ended: threading.Event
    ) -> None:
        self._root = root
        self._is_wanted = is_wanted
        self._tell = tell
        self._ended = ended
        self._told = ""

    def run(self) -> None:
        """Follow the folder until the end, each time that it is there."""
        why = "what landed while nobody watched"
        while not self._ended.is_set():
            identity = _identity(self._root)
            if identity is None:
                self._warn(f"{self._root} is not there. It is looked at again when it is back.")
                why = f"{self._root} is back"
                self._ended.wait(_CHECK_SECONDS)
                continue
            try:
                why = self._follow(identity, why)
            except OSError as error:  # the folder went away, or the system allows no more watched folders
                if _identity(self._root) is not None:
                    self._warn(
                        f"File events of {self._root} cannot be had, so its files are seen by the schedule: {error}"
                    )
                    return

    def _follow(self, identity: tuple[int, int], why: str) -> str:
        """Follow the folder as long as it is this one. Returns what is to be told of when it is followed anew."""
        import watchfiles

        # Any real path: the events name it, and the folder may be a link.
        real = os.path.realpath(self._root)
        batches = watchfiles.watch(
            real,
            watch_filter=None,
            step=int(1000 * QUIET_SECONDS),
            debounce=int(1000 * _LONGEST_BURST_SECONDS),
            rust_timeout=int(1000 * _CHECK_SECONDS),
            yield_on_timeout=True,
            stop_event=self._ended,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        is_first = True
        for batch in batches:
            if is_first:
                # The first answer, an empty one at the latest, comes from a system that watches already.
                is_first, self._told = False, ""
                self._tell(why)
            paths = {path for _, path in batch if self._is_worth_it(real, path)}
            what = "1 change" if len(paths) == 1 else f"{len(paths):,} changes"
            if len(batch) >= _MANY:
                return what  # it is told of when the folder is followed again: one look
            if paths:
                self._tell(what)
            if _identity(self._root) != identity:
                return f"{self._root} is another folder now"
        return ""

    def _is_worth_it(self, real: str, path: str) -> bool:
        inner = os.path.relpath(path, real).replace(os.sep, "/")
        return inner != "." and self._is_wanted(inner)

    def _warn(self, text: str) -> None:
        if text != self._told and not self._ended.is_set():
            self._told = text
            logger.warning("%s", text)


def _identity(root: Path) -> tuple[int, int] | None:
    """Return what is another for another folder or mount; None: there is no folder."""
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _network_of(root: Path) -> str:
    """Return the kind of network disk that a folder is on; empty: none that is known."""
    path = os.path.realpath(root)
    if path.startswith("\\\\"):
        return "a share of Windows"
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""  # not Linux
    best, kind = "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, names = left.split(" "), right.split(" ")
        if len(fields) < 5 or not names[0]:
            continue
        place = fields[4].replace("\\040", " ")
        is_above = path == place or path.startswith(place if place.endswith("/") else f"{place}/")
        if is_above and len(place) >= len(best):  # of two on one place, the last one counts
            best, kind = place, names[0]
    return kind if kind in _NETWORKS or kind == "fuse" or kind.startswith("fuse.") else ""


def is_being_written(path: str) -> bool | None:
    """Return whether any process has a file open for writing; None: the system does not say.

    Linux says it of the files of this user, by a lease that it refuses while there is a writer (fcntl(2), F_SETLEASE).
    """
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # A writer that comes in this moment would be announced by SIGIO, which ends a process; this one is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(descriptor)
    return False
