from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from ingestify.domain.delivery import DeliveredFile, SkippedEntry
from ingestify.errors import ConfigurationError, MissingExtraError, SourceError
from ingestify.main.deliveries import open_delivery
from ingestify.storage.deliveries.sftp import SftpDelivery
from ingestify.storage.deliveries.sftp_address import SftpAddress
from tests.unit.storage.deliveries.sftp_server import PASSWORD, USER, SftpServer

Open = Callable[..., SftpDelivery]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    (made / "in" / "a").mkdir(parents=True)
    (made / "in" / "a" / "1.json").write_bytes(b"[1]")
    (made / "in" / "2.json").write_bytes(b"[22]")
    (made / "out.json").write_bytes(b"[666]")
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[SftpServer]:
    made = SftpServer(folder)
    yield made
    made.close()


@pytest.fixture
def open_(server: SftpServer, tmp_path: Path) -> Iterator[Open]:
    opened: list[SftpDelivery] = []

    def make(location: str | None = None, **options: Any) -> SftpDelivery:
        usual = {"password": PASSWORD, "host_key": server.fingerprint}
        given = {name: value for name, value in {**usual, **options}.items() if value is not None}
        made = open_delivery(location or server.url("in"), given, tmp_path)
        assert isinstance(made, SftpDelivery)
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()


def listed(delivery: SftpDelivery, folder: str = "") -> dict[str, DeliveredFile]:
    found = list(delivery.iter_files(folder))
    assert all(isinstance(one, DeliveredFile) for one in found), found
    return {one.path: one for one in found if isinstance(one, DeliveredFile)}


def test_files_are_listed_with_size_and_time(open_: Open, folder: Path) -> None:
    os.utime(folder / "in" / "2.json", (1_714_588_200, 1_714_588_200))
    files = listed(open_())
    assert list(files) == ["2.json", "a/1.json"]
    assert files["2.json"].size == 4
    assert files["2.json"].modified_at.isoformat() == "2024-05-01T18:30:00+00:00"
    assert list(listed(open_(), "a/")) == ["a/1.json"]
    assert listed(open_(), "nothing/") == {}


def test_a_file_is_read_and_can_seek(open_: Open, folder: Path) -> None:
    content = os.urandom(5_000_001)
    (folder / "in" / "big.bin").write_bytes(content)
    delivery = open_()
    with delivery.open(listed(delivery)["big.bin"]) as stream:
        assert stream.read() == content
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == content[-5:]
        stream.seek(2_000_000)
        assert stream.read(10) == content[2_000_000:2_000_010]


def test_several_files_are_read_at_once_on_one_connection(open_: Open, server: SftpServer, folder: Path) -> None:
    for number in range(8):
        (folder / "in" / f"n{number}.bin").write_bytes(bytes([number]) * 300_000)
    delivery = open_(connections=3)
    files = listed(delivery)
    found: dict[str, bytes] = {}

    def read(name: str) -> None:
        with delivery.open(files[name]) as stream:
            found[name] = stream.read()

    threads = [threading.Thread(target=read, args=(name,)) for name in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {name: len(content) for name, content in found.items()} == {name: one.size for name, one in files.items()}
    assert server.connections == 1


def test_a_connection_that_breaks_is_an_error_and_made_anew(open_: Open, server: SftpServer, folder: Path) -> None:
    (folder / "in" / "big.bin").write_bytes(bytes(8_000_000))
    delivery = open_()
    files = listed(delivery)
    server.cut_after = server.read_bytes + 2_000_000
    with delivery.open(files["big.bin"]) as stream, pytest.raises(SourceError, match=r"big\.bin cannot be read: "):
        stream.read()
    with delivery.open(files["big.bin"]) as stream:
        assert len(stream.read()) == 8_000_000
    assert server.connections == 2


def test_a_file_that_changes_while_it_is_read_is_not_taken(open_: Open, server: SftpServer, folder: Path) -> None:
    (folder / "in" / "big.bin").write_bytes(bytes(3_000_000))
    delivery = open_()
    files = listed(delivery)
    server.on_read = lambda path: os.utime(path, (1, 1))
    with pytest.raises(SourceError, match=r"big\.bin changed while it was read"):
        delivery.open(files["big.bin"]).read()
    with pytest.raises(SourceError, match=r"big\.bin changed while it was read"):
        delivery.open(files["big.bin"])


@pytest.mark.parametrize("most_bytes", [1000, 32_767])
def test_a_server_that_sends_less_than_is_asked_for_is_asked_for_the_rest(
    open_: Open, server: SftpServer, folder: Path, most_bytes: int
) -> None:
    content = random.Random(1).randbytes(2_300_001)
    (folder / "in" / "big.bin").write_bytes(content)
    server.most_bytes = most_bytes
    delivery = open_(read_timeout_seconds=5)
    with delivery.open(listed(delivery)["big.bin"]) as stream:
        assert b"".join(iter(lambda: stream.read(1 << 20), b"")) == content


def test_nothing_behind_the_end_that_was_listed_is_asked_for(open_: Open, server: SftpServer, folder: Path) -> None:
    """A server that answers out of order would say that the file has ended before it sends the rest of it."""
    (folder / "in" / "big.bin").write_bytes(bytes(1_500_001))
    delivery = open_()
    with delivery.open(listed(delivery)["big.bin"]) as stream:
        while stream.read(1 << 20):
            pass
    assert server.furthest_byte == 1_500_001


def test_links_out_of_the_location_are_not_followed(open_: Open, folder: Path) -> None:
    (folder / "in" / "link.json").symlink_to(folder / "out.json")
    (folder / "in" / "inner.json").symlink_to("2.json")
    (folder / "in" / "loop").symlink_to(folder / "in")
    (folder / "in" / "dead").symlink_to("nowhere")
    delivery = open_()
    found = {one.path: getattr(one, "reason", "a file") for one in delivery.iter_files()}
    assert found == {
        "2.json": "a file",
        "inner.json": "a file",
        "a/1.json": "a file",
        "link.json": "is a link that leads out of the location",
        "loop": "is a link to a folder, which is not followed",
        "dead": "is a link that leads nowhere",
    }
    (listed_file,) = [one for one in delivery.iter_files() if one.path == "2.json"]
    (folder / "in" / "2.json").unlink()
    (folder / "in" / "2.json").symlink_to(folder / "out.json")
    with pytest.raises(SourceError, match="leads out of the location"):
        delivery.open(listed_file)  # type: ignore[arg-type]


def test_a_folder_with_a_name_that_is_no_text_makes_the_listing_not_whole(open_: Open, folder: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder / "in" / "a") + b"/\xff.json")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no such names")
    passed = [one for one in open_().iter_files() if isinstance(one, SkippedEntry)]
    assert passed == [SkippedEntry("a/", "holds a name that is no text (UTF-8), and so cannot be listed", hides=True)]


def test_a_location_that_is_not_there_is_an_error(open_: Open, server: SftpServer) -> None:
    with pytest.raises(SourceError, match=r"nothing cannot be read: .*|is not there"):
        list(open_(server.url("nothing")).iter_files())


# ---- who is who ----------------------------------------------------------------------------------------


def test_a_server_that_nobody_knows_gets_no_password(open_: Open, server: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text("")
    with pytest.raises(ConfigurationError, match=r"is not in known_hosts\. It shows the key SHA256:") as caught:
        list(open_(host_key=None, known_hosts="known_hosts").iter_files())
    assert server.fingerprint in str(caught.value)


def test_another_server_than_the_one_that_is_named_is_refused(open_: Open) -> None:
    with pytest.raises(ConfigurationError, match=r"and options\.host_key is SHA256:AAAA"):
        list(open_(host_key="SHA256:" + "A" * 43).iter_files())


def test_a_server_is_known_by_a_file(open_: Open, server: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(server.known_hosts_line)
    assert listed(open_(host_key=None, known_hosts="known_hosts"))
    other = paramiko.ECDSAKey.generate()
    (tmp_path / "known_hosts").write_text(server.known_hosts_line.replace(server.key.get_base64(), other.get_base64()))
    with pytest.raises(ConfigurationError, match="shows another key than the one in known_hosts"):
        list(open_(host_key=None, known_hosts="known_hosts").iter_files())


def test_a_wrong_password_is_one_clear_error_without_it(open_: Open) -> None:
    with pytest.raises(ConfigurationError, match="refuses the user or the password; check username") as caught:
        list(open_(password="wrong-password").iter_files())
    assert "wrong-password" not in str(caught.value)


def test_a_private_key_with_a_passphrase(folder: Path, tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "key"), password="open sesame")
    server = SftpServer(folder, paramiko.ECDSAKey(data=key.asbytes()))
    try:
        options = {"private_key": "key", "host_key": server.fingerprint}
        delivery = open_delivery(server.url("in"), {**options, "passphrase": "open sesame"}, tmp_path)
        assert len(list(delivery.iter_files())) == 2
        delivery.close()
        with pytest.raises(ConfigurationError, match=r"key needs a passphrase; write it as options\.passphrase"):
            list(open_delivery(server.url("in"), options, tmp_path).iter_files())
        with pytest.raises(ConfigurationError, match=r"options\.private_key: .*none cannot be read: No such file"):
            list(open_delivery(server.url("in"), {**options, "private_key": "none"}, tmp_path).iter_files())
    finally:
        server.close()


def test_a_server_that_is_down_is_an_error(open_: Open, server: SftpServer) -> None:
    server.close()
    with pytest.raises(SourceError, match="cannot be reached") as raised:
        list(open_().iter_files())
    assert raised.value.unreached == "127.0.0.1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pasword": "x"}, r"options: there is no 'pasword'; did you mean 'password'"),
        ({"password": 7}, r"options\.password: it must be text"),
        ({"connections": 0}, r"options\.connections: it must be a number above 0"),
        ({"host_key": "ab:cd"}, r"options\.host_key: it must be a fingerprint"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_delivery("sftp://host/in", options, tmp_path)


@pytest.mark.parametrize(
    ("url", "host", "port", "username", "folder"),
    [
        ("sftp://host", "host", 22, None, "."),
        ("sftp://host/", "host", 22, None, "/"),
        ("sftp://me@host:2222/in/x/", "host", 2222, "me", "/in/x"),
        ("sftp://m%40e:p%2Fw@host/~/in", "host", 22, "m@e", "in"),
        ("sftp://host/a%20b", "host", 22, None, "/a b"),
    ],
)
def test_a_url_is_an_address(url: str, host: str, port: int, username: str | None, folder: str) -> None:
    found = SftpAddress.parse(url)
    assert (found.host, found.port, found.username, found.folder) == (host, port, username, folder)
    assert "p/w" not in repr(found) + str(found)


def test_it_is_a_source_as_a_folder_is(server: SftpServer, folder: Path, tmp_path: Path) -> None:
    from tests.support.drop import Drop

    options = {"password": PASSWORD, "host_key": server.fingerprint, "username": USER}
    with Drop(
        tmp_path,
        location=server.url("in", user=""),
        pattern="{match_id}/{data_feed_key}.json",
        options=options,
        settle_seconds=0,
        ignore=["2.json"],
    ) as drop:
        assert drop.load().totals.new == 1
        assert drop.read() == {"match_id=a": {"1__v1": b"[1]"}}
        opened = list(server.opened)
        assert drop.load().totals.unchanged == 1
        assert server.opened == opened


def test_without_paramiko_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(MissingExtraError, match=r"sftp"):
        open_delivery("sftp://host/in", {}, tmp_path)
