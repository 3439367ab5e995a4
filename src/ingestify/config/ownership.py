"""Checks who may change a config file or `.env` that was found, and that the user did not name.

Both files decide which code runs, and so do the other files beside a config file, because its folder is importable. A
config file that another user put into a shared folder would run that user's code (compare CVE-2022-24765).

The rule is that of git's `safe.directory`: the file must belong to the user, or, under `sudo`, to the user who called
it. There are two differences. Files of root are trusted, as in OpenSSH: root can change what the user runs anyway, and
a lake in /srv that root set up is common. And nobody else may have the right to write: a shared repository is usual,
but shared code that runs as one user is not.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from ingestify.errors import ConfigurationError
from ingestify.remedies import is_at_command_line, quoted

__all__ = ["check_env_file", "check_found_config", "check_found_folder"]

ROOT = 0

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into a container. Only root can make them elsewhere."""

_ACCESS_LIST = "system.posix_acl_access"
"""The attribute in which Linux stores the rights of named users. With it, the group's right means theirs."""


class _Doubt(msgspec.Struct, frozen=True):
    """The reason why a file or folder is not trusted.

    Attributes:
        reason: The text after "because"; the file is called "it".
        remedy: A command for the owner.
    """

    reason: str
    remedy: str


def check_found_config(path: Path) -> None:
    """Refuse a config file that was found if another user may change it or its folder.

    Raises:
        ConfigurationError: Another user may. The message says who, and what to do.
    """
    doubt = _doubt_of_config(path)
    if doubt is not None:
        named = f"with --config {quoted(str(path))}" if is_at_command_line() else f'as get_engine("{path}")'
        raise ConfigurationError(
            f"{path} was found and is not used, because {doubt.reason}: a user who can change a config file, or a "
            f"file beside it, decides which code runs as you. If you trust it, name it: {named}, or with "
            f"INGESTIFY_CONFIG_FILE. If it is yours:  {doubt.remedy}"
        )


def check_found_folder(folder: Path, purpose: str) -> None:
    """Refuse to import modules from a folder to which another user may write.

    Args:
        folder: The folder.
        purpose: The purpose of the import, as the text after "for".

    Raises:
        ConfigurationError: Another user may. The message says who, and what to do.
    """
    doubt = _find_doubt(folder, f"the folder {folder}")
    if doubt is not None:
        raise ConfigurationError(
            f"Nothing is imported from the current folder for {purpose}, because {doubt.reason}: a user who can "
            f"write there decides which code runs as you. Go to another folder; or, if it is yours:  {doubt.remedy}"
        )


def check_env_file(path: Path, config: Path | None = None) -> None:
    """Refuse a `.env` file that another user may change.

    Args:
        path: The `.env` file, which exists.
        config: The config file that is read, if it is in the same folder. If the user named a config file that its
            owner may change, that owner may change the `.env` file too; but a third user may not.

    Raises:
        ConfigurationError: Another user may. The message says who, and what to do.
    """
    if config is not None and _doubt_of_config(config) is not None:
        doubt = _doubt_of_owner(path, "it", _trusted_users(path) | {config.stat().st_uid})
    else:
        # In a sticky folder such as /tmp a user cannot replace the files of another user.
        doubt = _find_doubt(path, "it") or _find_doubt(path.parent, f"its folder {path.parent}", may_be_sticky=True)
    if doubt is not None:
        raise ConfigurationError(
            f"{path} is not read, because {doubt.reason}: a user who can change a .env file decides what you run, and "
            f"with which passwords. Remove it, or go to another folder; or, if it is yours:  {doubt.remedy}"
        )


def _doubt_of_config(path: Path) -> _Doubt | None:
    # Other users may add modules to a sticky folder, although they cannot change its files.
    return _find_doubt(path, "it") or _find_doubt(path.parent, f"its folder {path.parent}")


def _find_doubt(path: Path, name: str, *, may_be_sticky: bool = False) -> _Doubt | None:
    """Return why another user may change `path`; None: only this user and root may."""
    if os.name == "nt":
        return None  # Windows has neither owners nor modes that Python shows; see SECURITY.md
    trusted = _trusted_users(path)
    if (doubt := _doubt_of_owner(path, name, trusted)) is not None:
        return doubt
    status = path.stat()
    if may_be_sticky and status.st_mode & stat.S_ISVTX:
        return None
    if status.st_mode & stat.S_IWOTH:
        return _Doubt(f"everybody may write to {name}", f"chmod go-w '{path}'")
    if status.st_mode & stat.S_IWGRP:
        if _has_access_list(path):
            return _Doubt(f"an access list lets others write to {name}", f"setfacl -b '{path}'; chmod go-w '{path}'")
        if not _is_nobody_elses(status.st_gid, trusted):
            return _Doubt(f"the group {_group_name(status.st_gid)} may write to {name}", f"chmod go-w '{path}'")
    return None


def _doubt_of_owner(path: Path, name: str, trusted: set[int]) -> _Doubt | None:
    if os.name == "nt":
        return None
    # Both the link and its target: the owner of a link can change its target.
    for status in (path.lstat(), path.stat()):
        if status.st_uid not in trusted:
            option = "-h " if path.is_symlink() else ""
            me = _user_name(os.geteuid()) or str(os.geteuid())
            return _Doubt(f"{name} belongs to {_shown_user(status.st_uid)}", f"chown {option}{me} '{path}'")
    return None


# ---- users and groups ------------------------------------------------------------------------------------


def _trusted_users(path: Path) -> set[int]:
    me = os.geteuid()
    trusted = {me, ROOT}
    if me == ROOT:
        caller = os.environ.get("SUDO_UID", "")
        if caller.isascii() and caller.isdigit():
            trusted.add(int(caller))  # this user may run anything as root already
        if _is_container():
            # The user who started the container mounted that folder, which belongs to a user outside.
            trusted.add(_mounted_at(path).stat().st_uid)
    return trusted


def _is_container() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(os.path.exists(mark) for mark in CONTAINER_MARKS)  # noqa: PTH110


def _mounted_at(path: Path) -> Path:
    """Return the mount point of `path`."""
    folder = path.resolve() if path.is_dir() else path.parent.resolve()
    while not folder.is_mount():
        folder = folder.parent
    return folder


def _is_nobody_elses(group_id: int, trusted: set[int]) -> bool:
    """Whether a group has only trusted users, as the group that most systems create for each user."""
    import grp  # there is none on Windows
    import pwd

    try:
        group = grp.getgrgid(group_id)
    except KeyError:
        return _is_container()  # a group outside, which nobody in the container belongs to
    names = {_user_name(user) for user in trusted}
    # The name of the group is checked too: not every directory service lists the members of a group.
    if group.gr_name not in names or not names.issuperset(group.gr_mem):
        return False
    # System accounts such as sync have root's group.
    return group_id == ROOT or all(one.pw_uid in trusted for one in pwd.getpwall() if one.pw_gid == group_id)


def _has_access_list(path: Path) -> bool:
    if not hasattr(os, "getxattr"):
        return False  # not Linux
    try:
        return bool(os.getxattr(path, _ACCESS_LIST))
    except OSError:
        return False  # none, or a file system without


def _user_name(user_id: int) -> str | None:
    import pwd  # there is none on Windows

    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return None


def _shown_user(user_id: int) -> str:
    name = _user_name(user_id)
    return f"uid {user_id}" if name is None else f"{name} (uid {user_id})"


def _group_name(group_id: int) -> str:
    import grp  # there is none on Windows

    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)
