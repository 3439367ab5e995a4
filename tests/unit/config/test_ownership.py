"""A config file, a `.env` and a folder of modules that were found decide nothing if somebody else may change them."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify.config import ownership
from ingestify.config.ownership import check_found_folder
from ingestify.config.reader import find_config, read_settings
from ingestify.errors import ConfigurationError

from .conftest import MAIN

if sys.platform == "win32":
    pytest.skip("Windows' owners are not looked at; see SECURITY.md", allow_module_level=True)

STRANGER, ANOTHER = 65534, 12345
NOBODY = pwd.getpwuid(STRANGER).pw_name

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user; CI runs as root")


@pytest.fixture(autouse=True)
def on_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may run in a container, and under sudo."""
    monkeypatch.setattr(ownership, "CONTAINER_MARKS", ())
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An open folder with a config file, and the current folder; that of `tmp_path` is closed to other users."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    config = made / "config.yaml"
    config.write_text(MAIN)
    config.chmod(0o644)
    monkeypatch.chdir(made)
    yield made.resolve()
    monkeypatch.chdir("/")
    shutil.rmtree(made)


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dockerenv").touch()
    monkeypatch.setattr(ownership, "CONTAINER_MARKS", (str(tmp_path / ".dockerenv"),))


@contextlib.contextmanager
def user(uid: int) -> Iterator[None]:
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def refusal() -> str:
    """How finding, or then reading, a config file from the current folder is refused."""
    with pytest.raises(ConfigurationError) as caught:
        is_taken()
    return str(caught.value)


def is_taken() -> bool:
    found = find_config()
    return found is not None and bool(read_settings(found))


def env_file(folder: Path, text: str = "GREETING=hello\n") -> Path:
    path = folder / ".env"
    path.write_text(text)
    path.chmod(0o644)
    return path


# a config file that was found


def test_what_only_this_user_may_change_is_taken_here_and_from_below(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_taken()
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")

    assert is_taken()


@as_root
@pytest.mark.parametrize("where", [".", "inner"])
def test_another_users_file_is_refused_and_says_how_to_trust_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / where)
    os.chown(folder / "config.yaml", STRANGER, STRANGER)

    message = refusal()

    assert f"it belongs to {NOBODY} (uid {STRANGER})" in message
    assert f'as get_engine("{folder / "config.yaml"}")' in message
    assert "INGESTIFY_CONFIG_FILE" in message
    assert f"chown root '{folder / 'config.yaml'}'" in message


@as_root
def test_a_file_in_another_users_folder_is_refused(folder: Path) -> None:
    os.chown(folder, ANOTHER, ANOTHER)

    assert f"its folder {folder} belongs to uid {ANOTHER}" in refusal()


@as_root
def test_a_refused_file_is_not_passed_over_for_one_further_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = folder / "inner"
    inner.mkdir()
    shutil.copy(folder / "config.yaml", inner)
    os.chown(inner / "config.yaml", STRANGER, STRANGER)
    monkeypatch.chdir(inner)

    assert str(inner / "config.yaml") in refusal()


@as_root
def test_a_link_of_another_user_and_a_link_to_another_users_file_are_refused(folder: Path) -> None:
    config, real = folder / "config.yaml", folder / "real.yaml"
    config.rename(real)
    config.symlink_to(real)
    assert is_taken()

    os.chown(config, STRANGER, STRANGER, follow_symlinks=False)
    assert "it belongs to" in refusal()

    os.chown(config, 0, 0, follow_symlinks=False)
    os.chown(real, STRANGER, STRANGER)
    assert "it belongs to" in refusal()


@pytest.mark.parametrize(("name", "mode"), [("config.yaml", 0o666), (".", 0o777), (".", 0o1777)])
def test_what_everybody_may_write_to_is_refused_also_if_the_folder_is_sticky(
    folder: Path, name: str, mode: int
) -> None:
    # To a sticky folder, such as /tmp, anybody may add a module that the config file's sources then import.
    (folder / name).chmod(mode)

    message = refusal()

    assert "everybody may write to" in message
    assert "chmod go-w" in message


@as_root
@pytest.mark.parametrize("name", ["config.yaml", "."])
@pytest.mark.parametrize("group", [next(one.gr_gid for one in grp.getgrall() if one.gr_gid != 0), 54321])
def test_what_a_group_of_several_may_write_to_is_refused(folder: Path, name: str, group: int) -> None:
    os.chown(folder / name, 0, group)
    (folder / name).chmod(0o775)

    assert "the group" in refusal()


def test_what_the_group_may_write_to_is_taken_if_it_is_the_users_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As most systems have it: a group for each user, of the same name, and a umask of 002.
    me = pwd.getpwuid(os.geteuid()).pw_name
    own = grp.struct_group((me, "x", os.getegid(), []))
    monkeypatch.setattr(grp, "getgrgid", lambda _: own)
    for path in (folder, folder / "config.yaml"):
        path.chmod(0o775)
    assert is_taken()

    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((me, "x", os.getegid(), [me, "colleague"])))
    assert f"the group {me} may write" in refusal()


@pytest.mark.skipif(sys.platform != "linux", reason="access lists are read on Linux")
def test_an_access_list_that_lets_others_write_is_not_the_users_own_group(folder: Path) -> None:
    read_write, read = 6, 4
    entries = [(1, read_write, 2**32 - 1), (2, read_write, ANOTHER), (4, read, 2**32 - 1)]
    entries += [(0x10, read_write, 2**32 - 1), (0x20, read, 2**32 - 1)]
    # The layout is that of linux/posix_acl_xattr.h: a version, then tag, rights and id of each entry.
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    try:
        os.setxattr(folder / "config.yaml", "system.posix_acl_access", value)
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")

    assert "an access list lets others write to it" in refusal()


@as_root
def test_roots_files_are_taken_by_everybody(folder: Path) -> None:
    with user(STRANGER):
        assert find_config() == folder / "config.yaml"


@as_root
def test_what_a_third_user_wrote_is_refused_to_who_is_not_root_too(folder: Path) -> None:
    os.chown(folder / "config.yaml", ANOTHER, ANOTHER)
    with user(STRANGER):
        assert f"it belongs to uid {ANOTHER}" in refusal()
    os.chown(folder / "config.yaml", STRANGER, STRANGER)
    with user(STRANGER):
        assert is_taken()


@as_root
def test_under_sudo_the_files_of_who_called_it_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (folder, folder / "config.yaml"):
        os.chown(path, STRANGER, STRANGER)
    monkeypatch.setenv("SUDO_UID", str(ANOTHER))
    assert "belongs to" in refusal()

    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert is_taken()


@as_root
def test_who_is_not_root_cannot_be_told_by_sudos_variable_whom_to_trust(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(folder / "config.yaml", ANOTHER, ANOTHER)
    monkeypatch.setenv("SUDO_UID", str(ANOTHER))

    with user(STRANGER):
        assert "it belongs to" in refusal()


@as_root
@pytest.mark.usefixtures("container")
def test_in_a_container_root_takes_what_belongs_to_whom_the_mounted_folder_belongs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (folder, folder / "config.yaml"):
        os.chown(path, ANOTHER, ANOTHER)
        path.chmod(0o775)  # its group is one outside, and here nobody is in it
    assert "belongs to" in refusal()  # nothing is mounted there

    is_mount = Path.is_mount
    monkeypatch.setattr(Path, "is_mount", lambda self: self == folder or is_mount(self))
    assert is_taken()
    env_file(folder)
    os.chown(folder / ".env", ANOTHER, ANOTHER)
    assert is_taken()

    os.chown(folder / "config.yaml", STRANGER, STRANGER)
    assert "it belongs to" in refusal()


# a config file that was named


@as_root
def test_a_file_that_is_named_is_the_users_own_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = folder / "config.yaml"
    os.chown(folder, STRANGER, STRANGER)
    os.chown(config, STRANGER, STRANGER)
    config.chmod(0o666)
    folder.chmod(0o777)

    assert find_config("config.yaml") == Path("config.yaml")
    assert read_settings("config.yaml")
    monkeypatch.setenv("INGESTIFY_CONFIG_FILE", str(config))
    assert is_taken()


# .env


@as_root
@pytest.mark.parametrize("text", ["INGESTIFY_CONFIG_FILE=other.yaml\n", "GREETING=evil\n"])
def test_another_users_env_file_is_refused_and_sets_nothing(folder: Path, text: str) -> None:
    (folder / "other.yaml").write_text(MAIN)
    os.chown(env_file(folder, text), STRANGER, STRANGER)

    message = refusal()

    assert f"{folder / '.env'} is not read, because it belongs to {NOBODY}" in message
    assert "GREETING" not in os.environ


def test_an_env_file_that_everybody_may_write_to_is_refused(folder: Path) -> None:
    env_file(folder).chmod(0o666)

    assert "everybody may write to it" in refusal()


def test_an_env_file_in_the_current_folder_is_looked_at_also_if_a_config_file_elsewhere_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file(tmp_path).chmod(0o666)
    with pytest.raises(ConfigurationError, match="is not read, because everybody may write"):
        read_settings(folder / "config.yaml")

    env_file(tmp_path)
    assert read_settings(folder / "config.yaml")
    assert os.environ["GREETING"] == "hello"


def test_ones_own_env_file_in_a_sticky_folder_is_read_and_in_another_open_one_is_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file(tmp_path)
    tmp_path.chmod(0o1777)
    assert read_settings(folder / "config.yaml")

    tmp_path.chmod(0o777)
    with pytest.raises(ConfigurationError, match="everybody may write to its folder"):
        read_settings(folder / "config.yaml")


@as_root
def test_beside_a_named_file_of_somebody_else_his_env_file_is_read_and_a_third_users_is_not(folder: Path) -> None:
    os.chown(folder / "config.yaml", STRANGER, STRANGER)
    path = env_file(folder)
    os.chown(path, STRANGER, STRANGER)
    for config in ("config.yaml", folder / "config.yaml", folder / ".." / folder.name / "config.yaml"):
        assert read_settings(config)

    os.chown(path, ANOTHER, ANOTHER)
    with pytest.raises(ConfigurationError, match=f"it belongs to uid {ANOTHER}"):
        read_settings("config.yaml")


@pytest.mark.parametrize("config_mode", [0o666, 0o644])
def test_beside_a_named_file_that_everybody_may_write_to_so_may_the_env_file_be(folder: Path, config_mode: int) -> None:
    # As everything is on a Windows disk under WSL, where chmod changes nothing.
    (folder / "config.yaml").chmod(config_mode)
    env_file(folder).chmod(0o666)
    folder.chmod(0o777)

    assert read_settings("config.yaml")


# the current folder


@as_root
def test_a_folder_of_another_user_is_no_place_to_import_from(folder: Path) -> None:
    check_found_folder(folder, "my_package.MySource")
    os.chown(folder, STRANGER, STRANGER)

    with pytest.raises(ConfigurationError, match=r"for my_package\.MySource, because the folder .* belongs to"):
        check_found_folder(folder, "my_package.MySource")
