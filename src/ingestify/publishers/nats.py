"""NATS JetStream.

Format: the CloudEvents binding, https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md.
Acknowledgements and `Nats-Msg-Id`: https://docs.nats.io/using-nats/developer/develop_jetstream/model_deep_dive.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import ssl
import threading
import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, IngestifyError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.masking import hide_url, mask_text, mask_url
from ingestify.publishers.arguments import check_choice, check_optional_text, check_seconds, check_text
from ingestify.publishers.template import Template
from ingestify.publishers.tls import Tls, find_certificate_error

__all__ = ["Nats"]

_SCHEMES = ("nats", "tls")

_MESSAGE_TOO_LARGE = 10054
"""JetStream's error for a message that is larger than `max_msg_size` of the stream."""

_NO_STREAM = 503
"""The status of an answer where nobody listens to a subject."""

_CLOSING_SECONDS = 1.0
"""How long a close may take; the client waits for ever after TLS failed."""


class Nats(Publisher):
    """Publishes each message to a subject, and waits until a stream of JetStream has stored it.

    A stream drops a message whose id it had before, for as long as its duplicate window (2 minutes by default).

    Args:
        servers: `nats://host:4222`, or `tls://…`, or a list of the servers of one cluster.
        subject: The subject, which may have fields of the message.
        content_mode: `binary`: the attributes are headers; `structured`: the body is the whole CloudEvent.
        user: The user.
        password: The password.
        token: A token, in place of user and password.
        credentials: A `.creds` file, in place of them.
        ca_file: The certificates that are trusted.
        client_certificate: The certificate that this side shows.
        client_key: Its key.
        timeout: Seconds that a batch may take.

    Raises:
        ConfigurationError: One of them is wrong.
    """

    drops_repeats = True

    def __init__(
        self,
        servers: str | Sequence[str],
        subject: str,
        *,
        content_mode: str = "binary",
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        credentials: str | None = None,
        ca_file: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        given = servers if isinstance(servers, (list, tuple)) and servers else [servers]
        self._servers = [_check_server(one) for one in given]
        self._subject = Template(subject, "subject")
        if "" in self._subject.fill({}).split("."):
            raise ConfigurationError(
                f"subject: '{subject}' has an empty part; write one such as football.{{provider}}."
            )
        self._is_binary = check_choice(content_mode, "content_mode", ("binary", "structured")) == "binary"
        self._login = {
            "user": check_optional_text(user, "user", "lake"),
            "password": check_optional_text(password, "password", '"${NATS_PASSWORD}"'),
            "token": check_optional_text(token, "token", '"${NATS_TOKEN}"'),
        }
        file = check_optional_text(credentials, "credentials", "/etc/lake/nats.creds")
        self._credentials = None if file is None else str(Path(file).expanduser())
        logins = [name for name in ("user", "token") if self._login[name] is not None]
        if len([*logins, *(["credentials"] if file else [])]) > 1 or (password is None) != (user is None):
            raise ConfigurationError("Write user and password, or token, or credentials, or none of them.")
        self._tls = Tls.of(ca_file, client_certificate, client_key)
        self._timeout = check_seconds(timeout, "timeout")
        self._thread: _LoopThread | None = None
        self._connection: _Connection | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages, and wait for the acknowledgements of all."""
        if not messages:
            return
        _import()
        if self._thread is None:
            self._thread = _LoopThread()
        self._thread.run(self._publish(messages))

    def close(self) -> None:
        """Close the connection, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            with contextlib.suppress(Exception):
                thread.run(self._disconnect())
            thread.close()

    # ---- in the thread of the loop ---------------------------------------------------------------------

    async def _publish(self, messages: Sequence[Message]) -> None:
        answers: dict[str, asyncio.Future[_Answer]] = {}
        try:
            async with asyncio.timeout(self._timeout):
                if self._connection is None:
                    self._connection = await self._connect()
                refused = await self._send(self._connection, messages, answers)
                refused |= await self._check(self._connection, answers)
        except IngestifyError:
            await self._disconnect()
            raise
        except TimeoutError as error:
            await self._disconnect()
            acknowledged = _stored(answers)
            raise PublishUnavailable(
                f"NATS acknowledged {len(acknowledged)} of {len(messages)} messages in {self._timeout:g} seconds.",
                acknowledged=acknowledged,
            ) from error
        except Exception as error:
            await self._disconnect()
            raise PublishUnavailable(f"NATS: {_text(error)}", acknowledged=_stored(answers)) from error
        if refused:
            raise MessagesRefused(refused)

    async def _connect(self) -> _Connection:
        """Connect to the first of the servers that takes the connection."""
        failure: Exception = ConfigurationError("servers is empty.")
        if self._credentials is not None:
            _check_credentials(self._credentials)
        for server in self._servers:
            wants_tls = server.startswith("tls:") or self._tls.is_set
            connection = _Connection(_client(wants_tls))
            try:
                await connection.open(
                    servers=[server],
                    name="ingestify",
                    tls=self._tls.context() if wants_tls else None,
                    user_credentials=self._credentials,
                    connect_timeout=self._timeout / len(self._servers),
                    **self._login,
                )
            except Exception as error:  # noqa: BLE001 - any: each is translated
                await connection.close()
                is_down = isinstance(error, _import().errors.NoServersError)
                failure = self._translate(connection.failure or error if is_down else error, server)
            except BaseException:
                await connection.close()
                raise
            else:
                return connection
        raise failure

    def _translate(self, error: Exception, server: str) -> Exception:
        """Return the error of this package for one of connecting."""
        errors = _import().errors
        title = f"NATS at {mask_url(server)}"
        if isinstance(error, IngestifyError):
            return error
        if isinstance(error, ImportError):
            return MissingExtraError("nats", "The setting credentials of ingestify.nats")
        if certificate := find_certificate_error(error):
            return ConfigurationError(f"{title} has a certificate that is not trusted: {certificate.verify_message}.")
        if isinstance(error, errors.SecureConnRequiredError):
            return ConfigurationError(f"{title} does not offer TLS, so nothing was sent to it.")
        text = _text(error)
        if any(word in text.lower() for word in ("authorization", "authentication", "account")):
            return ConfigurationError(f"{title} does not accept the login: {text}")
        if isinstance(error, ssl.SSLError):
            return ConfigurationError(f"{title}: TLS failed: {text}")
        if self._credentials is not None and not isinstance(error, (OSError, errors.Error)):
            return ConfigurationError(f"credentials: {self._credentials} has no login that NATS knows: {text}")
        return PublishUnavailable(f"{title}: {text}")

    async def _send(
        self, connection: _Connection, messages: Sequence[Message], answers: dict[str, asyncio.Future[_Answer]]
    ) -> dict[str, str]:
        """Send messages, and wait for their answers. Returns the ids of those that are too large, each with why."""
        refused = {}
        most = connection.client.max_payload
        for message in messages:
            headers, body = self._contents(message)
            size = len(body) + _header_size(headers)
            if size > most:
                refused[message.id] = f"it has {size:,} bytes, and max_payload of the server is {most:,}"
                continue
            answers[message.id] = await connection.send(self._subject_of(message), body, headers)
        await connection.wait_for(answers.values())
        return refused

    async def _check(self, connection: _Connection, answers: Mapping[str, asyncio.Future[_Answer]]) -> dict[str, str]:
        """Raise why a message was not stored. Returns the ids of those that are too large, each with why."""
        refused = {}
        for message_id, future in answers.items():
            if not future.done():
                raise connection.why(_stored(answers))
            answer = future.result()
            if answer.code == _MESSAGE_TOO_LARGE:
                refused[message_id] = f"it is larger than max_msg_size of its stream ({answer.error})"
            elif answer.code == _NO_STREAM and not await connection.has_stream(answer.subject):
                raise _without_stream(answer.subject)
            elif answer.error:
                text = f"NATS does not store a message of '{answer.subject}': {answer.error}."
                raise PublishUnavailable(text, acknowledged=_stored(answers))
        return refused

    def _subject_of(self, message: Message) -> str:
        """Return the subject, in which a value is one part."""
        return self._subject.fill({name: value.replace(".", "_") for name, value in message.fields.items()})

    def _contents(self, message: Message) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body."""
        headers = {"Nats-Msg-Id": message.id}
        if not self._is_binary:
            return headers | {"Content-Type": STRUCTURED_TYPE}, message.structured()
        headers |= {**message.headers("ce-", is_encoded=True), "ce-datacontenttype": JSON_TYPE}
        return headers, message.data

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    """What JetStream says of a message.

    Attributes:
        subject: Of the message.
        error: Why it is not stored; empty: it is.
        code: JetStream's number of the error.
    """

    subject: str
    error: str = ""
    code: int = 0

    @classmethod
    def read(cls, subject: str, status: str | None, body: bytes) -> _Answer:
        """Return the answer in a message of the server."""
        if status == "503":
            return cls(subject, "nothing answers to the subject", _NO_STREAM)
        try:
            error = json.loads(body).get("error")
        except (ValueError, AttributeError):
            return cls(subject, "the answer is not one of JetStream")
        if error is None:
            return cls(subject)
        return cls(subject, mask_text(str(error.get("description") or error)), int(error.get("err_code") or 0))


def _stored(answers: Mapping[str, asyncio.Future[_Answer]]) -> set[str]:
    """Return the ids of the messages that are stored."""
    return {one for one, future in answers.items() if future.done() and not future.result().error}


class _Connection:
    """One connection, which is not opened again after it broke. Its methods are called in the thread of the loop."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._inbox: str = client.new_inbox()
        self._waiting: dict[str, tuple[str, asyncio.Future[_Answer]]] = {}
        self._count = 0
        self._is_over = asyncio.Event()
        self.failure: Exception | None = None
        self._denied = ""

    async def open(self, **options: Any) -> None:
        """Connect, and log in."""
        await self.client.connect(
            allow_reconnect=False,
            max_reconnect_attempts=1,  # else it tries a server that is down without end, in spite of the line above
            reconnect_time_wait=0,
            error_cb=self._on_error,
            closed_cb=self._on_closed,
            **options,
        )
        await self.client.subscribe(f"{self._inbox}.*", cb=self._on_answer)

    async def send(self, subject: str, body: bytes, headers: Mapping[str, str]) -> asyncio.Future[_Answer]:
        """Send a message. Returns what will be the answer."""
        # The client's own publish_async never ends for a message that JetStream refuses (nats-py 2.16).
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = (subject, answer)
        await self.client.publish(subject, body, reply=reply, headers=headers)
        return answer

    async def wait_for(self, answers: Iterable[asyncio.Future[_Answer]]) -> None:
        """Wait until all answers are there, or the connection is over, or something was denied."""
        over = asyncio.ensure_future(self._is_over.wait())
        try:
            for answer in answers:
                both: set[asyncio.Future[Any]] = {over, answer}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def has_stream(self, subject: str) -> bool:
        """Return whether a stream has the subject, though it did not answer."""
        try:
            await self.client.jetstream().find_stream_name_by_subject(subject)
        except Exception:  # noqa: BLE001 - JetStream is off, denies the question, or has no such stream
            return False
        return True

    def why(self, acknowledged: Collection[str]) -> Exception:
        """Return why answers are missing."""
        if self._denied:
            return ConfigurationError(f"NATS denies it: {self._denied}")
        reason = "the connection was lost." if self.failure is None else _text(self.failure)
        return PublishUnavailable(f"NATS: {reason}", acknowledged=acknowledged)

    async def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.client.close(), _CLOSING_SECONDS)

    async def _on_answer(self, message: Any) -> None:
        subject, answer = self._waiting.pop(message.subject, ("", None))
        if answer is not None and not answer.done():
            answer.set_result(_Answer.read(subject, (message.headers or {}).get("Status"), message.data))

    async def _on_error(self, error: Exception) -> None:
        text = _text(error)
        if "permissions violation" in text.lower():
            self._denied = text
            self._is_over.set()
        else:
            self.failure = error

    async def _on_closed(self) -> None:
        self._is_over.set()


class _LoopThread:
    """A thread with an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> None:
        """Run a coroutine to its end, and raise what it raises."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """End the tasks that are left, and the thread."""
        with contextlib.suppress(Exception):
            self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _client(wants_tls: bool) -> Any:
    """Return a client that sends no login to a server without TLS where TLS is wanted; NATS' own one would."""
    nats = _import()

    class Client(nats.aio.client.Client):  # type: ignore[misc, name-defined] # the package is not typed here
        def _connect_command(self) -> Any:
            if wants_tls and not self._server_info.get("tls_required"):
                raise nats.errors.SecureConnRequiredError
            return super()._connect_command()

    return Client()


def _without_stream(subject: str) -> ConfigurationError:
    first, _, rest = subject.partition(".")
    subjects = f"{first}.>" if rest else first
    return ConfigurationError(
        f"No stream of JetStream has the subject '{subject}', so NATS would not keep the message. Make one, as in: "
        f"nats stream add {first.upper()} --subjects '{subjects}' --storage file --defaults"
    )


def _header_size(headers: Mapping[str, str]) -> int:
    """Return how many bytes of max_payload the headers take: `NATS/1.0`, a line for each, and an empty one."""
    return len("NATS/1.0\r\n\r\n") + sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())


def _check_server(server: object) -> str:
    text = check_text(server, "servers", "nats://127.0.0.1:4222")
    hide_url(text)
    try:
        parts = urllib.parse.urlsplit(text)
        is_right = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationError(f"servers: {mask_url(text)} is no server; write one such as nats://127.0.0.1:4222.")
    return text


def _check_credentials(path: str) -> None:
    """Refuse a file without a login: the client would look for its token without end."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"credentials: {path} cannot be read: {error.strerror or error}.") from error
    if b"BEGIN NATS USER JWT" not in content or b"BEGIN USER NKEY SEED" not in content:
        raise ConfigurationError(f"credentials: {path} has no token and seed, as files of nsc have.")


def _text(error: BaseException) -> str:
    """Return a sentence about an error of the client."""
    text = mask_text(str(error)).strip().removeprefix("nats: ").strip("'")
    return f"{text or type(error).__name__}."


def _import() -> Any:
    try:
        import nats
        import nats.aio.client
        import nats.errors
    except ImportError as error:
        raise MissingExtraError("nats", "The publisher ingestify.nats") from error
    return nats
