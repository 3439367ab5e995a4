"""A Kafka cluster in this process: the mock of librdkafka, which the client's wheel brings, and its faults."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from tests.integration.storage.servers import skip

NOT_ENOUGH_REPLICAS = 19
MSG_SIZE_TOO_LARGE = 10
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
UNKNOWN_TOPIC_OR_PART = 3
TOPIC_AUTHORIZATION_FAILED = 29

_PRODUCE = 0
_BROKER = 1


@functools.cache
def _library() -> ctypes.CDLL:
    import confluent_kafka

    folder = Path(confluent_kafka.__file__).parent
    found = [*folder.with_name("confluent_kafka.libs").glob("librdkafka*"), *folder.glob(".dylibs/librdkafka*")]
    if not found:
        skip(f"the client in {folder} does not bring librdkafka")
    library = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class KafkaMock:
    """A cluster of one broker, which makes a topic when it is first named. Used in a `with` block.

    Attributes:
        bootstrap_servers: Its address, which any process can use.
    """

    def __init__(self, partitions: int = 4) -> None:
        library = self._library = _library()
        reason = ctypes.create_string_buffer(512)
        configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
        library.rd_kafka_conf_set(configuration, b"log_level", b"0", reason, ctypes.c_size_t(512))
        self._client = ctypes.c_void_p(library.rd_kafka_new(0, configuration, reason, ctypes.c_size_t(512)))
        assert self._client, reason.value
        self._cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(self._client, 1))
        library.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
        # As a broker's `group.initial.rebalance.delay.ms`: else a first worker waits for others for 3 seconds.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, ctypes.c_int32(0))
        self._partitions = partitions
        self.bootstrap_servers: str = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> KafkaMock:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    @property
    def port(self) -> int:
        """The port of the broker."""
        return int(self.bootstrap_servers.rpartition(":")[2])

    def advertise(self, port: int) -> None:
        """Let clients connect to another port of loopback, such as that of a relay to the broker."""
        self._check(
            self._library.rd_kafka_mock_broker_set_host_port(
                self._cluster, ctypes.c_int32(_BROKER), b"127.0.0.1", ctypes.c_int(port)
            )
        )

    def create_topic(self, name: str) -> None:
        """Make a topic with as many partitions as the mock has for each."""
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), self._partitions, 1))

    def fail_topic(self, name: str, code: int) -> None:
        """Let each request for the metadata of a topic fail."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, ctypes.c_char_p(name.encode()), ctypes.c_int(code))

    def fail_produce(self, *codes: int) -> None:
        """Let the next requests that produce fail, one after the other."""
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(_PRODUCE), ctypes.c_size_t(len(codes)), (ctypes.c_int * len(codes))(*codes)
        )

    def stop(self) -> None:
        """Break the connections to the broker, and refuse new ones."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(_BROKER)))

    def start(self) -> None:
        """Let the broker take connections again. It has kept the messages."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(_BROKER)))

    @staticmethod
    def _check(code: int) -> None:
        assert code == 0, f"librdkafka's error {code}"
