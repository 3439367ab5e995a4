"""Whatever bytes come: an error of ours or an answer, never a hang, and never more of a body than was announced."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestify.fetch.transport.response_reader import ResponseReader, Wire
from ingestify.fetch.transport.transport import TransportError
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

# What answers are made of, and what is nearly it.
PIECES = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 200 OK\r\n",
            b"HTTP/1.1 103 -\r\n\r\n",
            b"HTTP/1.1 304 -\r\n",
            b"HTTP/1.1",
        ),
        *(b"Content-Length: 5\r\n", b"Content-Length: 5", b"Content-Length: -5\r\n", b"Content-Length:\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n", b"X: \xff\r\n"),
        *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"hello", b" folded\r\n"),
        *(
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"0\r\n",
            b"-5\r\n",
            b"+5\r\n",
            b"5;a=b\r\n",
            b"5_5\r\n",
            b"f" * 16 + b"\r\n",
        ),
    ]
)
ANY_BYTES = st.lists(PIECES | st.binary(max_size=8), max_size=14).map(b"".join)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
several = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def read(data: bytes) -> tuple[ResponseReader, bytes]:
    """Return the answer in these bytes, behind which the connection ends, and its body."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        response = ResponseReader(Wire(ours))
        return response, b"".join(response.iter_body())


@pytest.mark.slow
@several
@given(ANY_BYTES)
def test_any_bytes_are_an_answer_or_an_error_of_ours(data: bytes) -> None:
    try:
        response, body = read(data)
    except (TransportError, ConnectionError):  # and no TimeoutError: it waits for no more than there is
        return
    assert 200 <= response.status <= 999
    assert len(body) < len(data)
    if response.length is not None:
        assert len(body) == response.length
    for name, value in response.headers.items():
        assert name.strip(" \t") == name != ""
        assert not set(name + value) & {"\r", "\n", "\0"}


@several
@given(ANY_BYTES)
def test_a_body_is_never_longer_than_announced(rest: bytes) -> None:
    try:
        _, body = read(PLAIN + rest)
    except TransportError:
        assert len(rest) < 5 or rest[5:].strip(b"\r\n")
    else:
        assert body == rest[:5]


CHUNKS = st.lists(st.binary(min_size=1, max_size=70_000), max_size=4)
EXTENSION = st.sampled_from([b"", b";a", b" ;a=b", b';a="b;c"', b"\t"])


@several
@given(CHUNKS, EXTENSION, st.booleans(), st.sampled_from([b"", b"X-A: 1\r\n", b"X-A: 1\r\nX-B: 2\r\n"]))
def test_chunks_are_put_together(chunks: list[bytes], extension: bytes, is_upper: bool, trailers: bytes) -> None:
    size = b"%X" if is_upper else b"%x"
    wire = b"".join(size % len(one) + extension + b"\r\n" + one + b"\r\n" for one in chunks)
    response, body = read(CHUNKED + wire + b"0" + extension + b"\r\n" + trailers + b"\r\n")
    assert body == b"".join(chunks)
    assert response.is_whole


@pytest.mark.slow
@several
@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4), st.data())
def test_chunks_that_break_off_anywhere_are_no_body(chunks: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks)
    end = data.draw(st.integers(0, len(wire) + 2))  # up to within the line of the last chunk
    with pytest.raises(TransportError):
        read(CHUNKED + (wire + b"0\r\n")[:end])


@pytest.mark.slow
@several
@given(st.binary(min_size=1, max_size=20).filter(lambda text: b"\n" not in text))
def test_only_hexadecimal_digits_are_the_size_of_a_chunk(size: bytes) -> None:
    digits = size.partition(b";")[0].rstrip(b" \t\r")
    is_size = digits != b"" and all(one in b"0123456789abcdefABCDEF" for one in digits)
    try:
        read(CHUNKED + size + b"\r\n" + b"x" * 300 + b"\r\n0\r\n\r\n")
    except TransportError:
        return
    assert is_size


@pytest.mark.parametrize("count", [200, 201])
def test_there_is_a_most_of_headers(count: int) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(count - 1))
    data = head + b"Content-Length: 0\r\n\r\n"
    if count <= 200:
        assert len(read(data)[0].headers) == 200
    else:
        with pytest.raises(TransportError, match="more headers than make sense"):
            read(data)


@pytest.mark.parametrize("size", [5, 70_000, 100_000])
def test_what_comes_behind_a_body_is_seen(size: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    assert read(head + b"x" * size + b"\r\n")[1] == b"x" * size
    with pytest.raises(TransportError, match="more came than was announced"):
        read(head + b"x" * size + b"more")


def test_what_comes_behind_a_body_in_another_record_of_tls_is_seen(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_text(CERTIFICATE + PRIVATE_KEY)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "both.pem")
    sockets = socket.socketpair()
    with ThreadPoolExecutor(1) as pool:
        accepting = pool.submit(server.wrap_socket, sockets[1], server_side=True)
        ours = ssl.create_default_context(cadata=CERTIFICATE).wrap_socket(sockets[0], server_hostname="127.0.0.1")
        theirs = accepting.result()
    with ours, theirs:
        ours.settimeout(5)
        theirs.sendall(PLAIN + b"hello")
        theirs.sendall(b"more")
        with pytest.raises(TransportError, match="more came than was announced"):
            list(ResponseReader(Wire(ours)).iter_body())


def test_a_line_that_is_no_header_is_none_with_a_folded_one_either() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nA: 1 \r\n\t2\r\nContent-Length: 0\r\n\r\n")[0].headers["a"] == "1 2"
    with pytest.raises(TransportError, match="make no sense"):
        read(b"HTTP/1.1 200 OK\r\nno header\r\n A: 1\r\nContent-Length: 0\r\n\r\n")
