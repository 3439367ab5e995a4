"""A RabbitMQ node of the tests' own."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from pathlib import Path

import pika

from tests.integration.publishers.own_server import OwnServer
from tests.integration.storage.servers import free_port, skip
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

_PROGRAMS = Path("/usr/lib/rabbitmq/bin")

LARGEST = 1_000_000
"""The most bytes of a message."""


class RabbitNode(OwnServer):
    """A node with the user guest, on loopback, with TLS at `tls_port`.

    Args:
        folder: Of its files; an empty one.
    """

    def __init__(self, folder: Path) -> None:
        if not (_PROGRAMS / "rabbitmq-server").exists():
            skip("there is no RabbitMQ")
        self.tls_port = free_port()
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        certificate.write_text(CERTIFICATE)
        key.write_text(PRIVATE_KEY)
        (folder / "nothing.conf").touch()
        (folder / "plugins").write_text("[].")
        name = f"ingestify-{uuid.uuid4().hex[:8]}@localhost"

        def configure(port: int) -> list[str]:
            lines = [
                f"listeners.tcp.1 = 127.0.0.1:{port}",
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
                f"ssl_options.cacertfile = {certificate}",
                f"ssl_options.certfile = {certificate}",
                f"ssl_options.keyfile = {key}",
                f"max_message_size = {LARGEST}",
            ]
            (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
            return []

        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "nothing.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-rabbit quorum_tick_interval 200",  # it counts messages so often
        }
        super().__init__(folder, str(_PROGRAMS / "rabbitmq-server"), configure, self._answers, self.environment)

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`. Returns its output."""
        command = [str(_PROGRAMS / "rabbitmqctl"), *arguments]
        ran = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True, timeout=60)
        return ran.stdout

    def connect(self) -> pika.BlockingConnection:
        """Return a connection of the client library's own."""
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))

    def _answers(self, port: int) -> bool:
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port)).close()
        socket.create_connection(("127.0.0.1", self.tls_port), 1).close()  # it is opened after the other one
        return True
