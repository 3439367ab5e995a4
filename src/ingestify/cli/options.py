"""The options that commands share, and logging, which only the command line configures."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ingestify.masking import mask_text

__all__ = [
    "config_option",
    "dataset_filters",
    "filter_arguments",
    "logging_options",
    "parse_filters",
    "parse_identifier",
    "set_up_logging",
]

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    help="The config.yaml. Default: INGESTIFY_CONFIG_FILE, else config.yaml here or in a parent folder.",
)


def logging_options(function: F) -> F:
    """Add -q, -v and --debug."""
    for option in (
        click.option("--debug", is_flag=True, help="Log everything, and show tracebacks."),
        click.option("-v", "--verbose", is_flag=True, help="Say more: each dataset that changed."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    ):
        function = option(function)
    return function


def dataset_filters(function: F) -> F:
    """Add --provider, --dataset-type and --bucket."""
    for option in (
        click.option("--dataset-type", metavar="TYPE", help="Only this dataset type, such as match."),
        click.option("--provider", metavar="NAME", help="Only this provider, such as statsbomb."),
        click.option("--bucket", metavar="NAME", help="Which bucket of the lake. Default: the configuration's."),
    ):
        function = option(function)
    return function


filter_arguments = click.argument("filters", nargs=-1, metavar="[KEY=VALUE]...")


_OPTIONS = {
    "provider": "--provider",
    "source": "--source",
    "dataset_type": "--dataset-type",
    "dataset_state": "--state",
    "bucket": "--bucket",
}
"""Keys that are arguments of the engine, by the option that gives them."""

_RESERVED = frozenset(
    {"auto_ingest", "batch_size", "dataset_id", "dry_run", "listener", "metadata_only", "page", "page_size", "states"}
    | {"yield_dataset_collection"}
)
"""Keys that are arguments of the engine, and are given by no option."""


def parse_identifier(text: str) -> dict[str, str]:
    """Return `competition_id=11/name=a/b` as the identifier's attributes: a value may hold `/`, `,` and `=`."""
    parts = re.split(r"/(?=[^/=]+=)", text)
    pairs = [part.partition("=") for part in parts]
    if not all(key and equals and value for key, equals, value in pairs):
        raise click.UsageError(f"'{text}' is no identifier: write key=value/key=value, such as match_id=12.")
    return {key: value for key, _, value in pairs}


def parse_filters(arguments: Sequence[str]) -> dict[str, Any]:
    """Return `competition_id=11 match_id=12,13` or `competition_id=11/match_id=12` as filters."""
    filters: dict[str, Any] = {}
    for argument in arguments:
        for part in argument.split("/"):
            key, equals, value = part.partition("=")
            if not equals or not key or not value:
                raise click.UsageError(f"'{argument}' is no filter: write key=value, such as competition_id=11.")
            if key in _OPTIONS:
                raise click.UsageError(f"'{part}' is no filter of an identifier: write {_OPTIONS[key]} {value}.")
            if key in _RESERVED:
                raise click.UsageError(f"'{part}' is no filter: no identifier has the key '{key}'.")
            values = value.split(",")
            filters[key] = values if len(values) > 1 else value
    return filters


class _MaskingFormatter(logging.Formatter):
    """Whatever is logged, by whomever: no secret of a URL or an Authorization header is shown."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))


class _StderrHandler(logging.Handler):
    """Writes to the stderr of the moment, so that a progress line can step aside."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_stderr(self.format(record))
        except Exception:  # noqa: BLE001 - logging's own way
            self.handleError(record)


_stderr_writer: Callable[[str], None] | None = None


def write_stderr(text: str) -> None:
    """Write a line to stderr, above a progress line if there is one."""
    if _stderr_writer is not None:
        _stderr_writer(text)
    else:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def set_stderr_writer(writer: Callable[[str], None] | None) -> None:
    """Let a progress line write what goes to stderr; None: nobody."""
    global _stderr_writer
    _stderr_writer = writer


def set_up_logging(*, quiet: bool = False, verbose: bool = False, debug: bool = False) -> None:
    """Send logs to stderr: errors and warnings, with -v also what happens, with --debug all."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    handler = _StderrHandler()
    pattern = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s" if debug else "%(message)s"
    handler.setFormatter(_MaskingFormatter(pattern))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ingestify").setLevel(level)
