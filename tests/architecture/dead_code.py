"""Every function, method, attribute and variable of src is used: in src, in a test, a benchmark or the fuzzing.

`make lint` runs it. It reads all files, which takes 6 seconds.
"""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parents[2]

FRAMEWORKS = (
    "*Handler",  # pyexpat calls it
    "*_command",  # click
    "_check_*",  # pydantic
    "_create_ssl_ctx",  # PyMySQL
    "_drop_keys",
    "_gather_configuration",  # pydantic
    "model_config",
    "_repr_html_",  # Jupyter
    "__getattr__",  # a module's
    "__dir__",
    "__suppress_context__",  # Python prints a traceback by it
    "address_family",  # socketserver, and the next two
    "allow_reuse_*",
    "daemon_threads",
    "asctime",  # logging
    "buffer_text",  # pyexpat
    "build_defs",  # Dagster
    "datefmt",  # logging
    "default_request_version",  # http.server, and the next three
    "do_*",
    "log_message",
    "send_error",
    "format_commands",  # click
    "get_command",
    "handle_error",  # socketserver
    "isolation_level",  # sqlite3
    "list_commands",  # click
    "missing_host_key",  # paramiko
    "network_guard",  # a fixture
    "readall",  # io
    "service_actions",  # socketserver
    "capture_signals",  # uvicorn, and the next
    "should_exit",
    "supports_statement_cache",  # SQLAlchemy
    "suppress_ragged_eofs",  # ssl
    "template_fields",  # Airflow
    "unraisablehook",  # sys
)
"""Names that a framework calls or reads."""

USERS = (
    "from_dict",  # DataSpecVersionCollection
    "file_*",  # keyword arguments of retrieve_http
    "http_*",
    "if_offline",  # options of auto_ingest
    "use_open_data",
    "job_started",  # a listener's methods
    "job_ended",
    "planned",
    "run_started",
    "task_ended",
    "on_*",  # a subscriber's hooks
)
"""Names that users of the package call, or that are called by name."""

FIELDS = ("changed_ns", "device", "inode", "storage_bytes")
"""Parts of a value that is compared as a whole, or read by name from a row."""

ELSEWHERE = ("migrations/versions", "testing/hostile")
"""Alembic reads the one by name; the other registers its functions in a table."""

SHAPES = (
    "ingestify/documents",
    "ingestify/replay/recording",
    "ingestify/events/payload",
    "ingestify/run_hooks/payload",
)
"""The keys of their shapes are read by users."""


def find_unused() -> list[str]:
    """Return a line for each name that nobody uses."""
    vulture = Vulture()
    vulture.scavenge([str(ROOT / folder) for folder in ("src", "tests", "benchmarks", "fuzz")])
    return [
        item.get_report()
        for item in vulture.get_unused_code(min_confidence=60)
        if (ROOT / "src") in Path(item.filename).parents
        and not any(fnmatch.fnmatchcase(item.name, one) for one in (*FRAMEWORKS, *USERS, *FIELDS))
        and not any(one in str(item.filename) for one in ELSEWHERE)
        and not (any(one in str(item.filename) for one in SHAPES) and item.typ == "variable")
    ]


if __name__ == "__main__":
    sys.exit("\n".join(find_unused()) or None)
