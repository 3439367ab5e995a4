"""What the commands that publish events share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake
from ingestify.cli.output import write_json
from ingestify.documents.publishing import published_line
from ingestify.progress.formatting import counted

if TYPE_CHECKING:
    from ingestify.events.relay import RelayResult
    from ingestify.main.publishing import Publishing

__all__ = ["open_publishing", "publish_after", "tell_result"]


def open_publishing(lake: NamedLake) -> Publishing:
    """Open the publishers of the lake's config file.

    Raises:
        ConfigurationError: No config file names the lake.
    """
    from ingestify.main.publishing import Publishing  # heavy, and not for --help

    lake.place.config_for("who gets events")
    return Publishing(lake.place)


def publish_after(lake: NamedLake, console: Console) -> Callable[[int], int]:
    """Return what publishes the events after a run: it takes the exit code of the run, and returns that of both.

    Raises:
        ConfigurationError: The config file names no publishers, or the settings of one are wrong.
    """
    from ingestify.main.configuration import check_publishers  # heavy, and not for --help

    check_publishers(lake.place.config_for("who gets events"))

    def publish(code: int) -> int:
        with open_publishing(lake) as publishing:
            results = publishing.publish()
        for result in results:
            tell_result(result, console)
            if console.as_json:
                write_json(published_line(result))
        has_problem = any(one.error is not None or one.refused for one in results)
        return EXIT_SOME_FAILED if has_problem and code == EXIT_OK else code

    return publish


def tell_result(result: RelayResult, console: Console) -> None:
    """Say on stderr what one publisher did: stdout may be where its messages go."""
    parts = [f"{result.published:,} published"]
    if result.passed_over:
        parts.append(f"{result.passed_over:,} passed over")
    if result.refused:
        parts.append(counted(result.refused, "dead letter"))
    console.tell(f"{result.name}: {', '.join(parts)}, at {result.position}")
    if result.error is not None:
        write_stderr(f"{result.name}: not delivered: {result.error}", logging.ERROR)
