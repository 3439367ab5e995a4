"""`ingestify metrics`: the metrics of the lake, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ingestify.cli.options import NamedLake, bucket_option, console_options, lake_options, metrics_options
from ingestify.cli.output import write_document
from ingestify.errors import ConfigurationError, IngestifyError

if TYPE_CHECKING:
    from ingestify.cli.console import Console
    from ingestify.main.metrics import LakeMetrics

__all__ = ["metrics_command"]


@click.command("metrics")
@lake_options
@bucket_option
@metrics_options
@click.option("--deliver", is_flag=True, help="Pass them on to where the configuration says, instead of showing them.")
@console_options
def metrics_command(lake: NamedLake, metrics: LakeMetrics, deliver: bool, console: Console) -> None:  # noqa: ARG001
    """Show the metrics of the lake in Prometheus' text format, or pass them on.

    Metrics of runs come from runs; this command is for the time between them: how old the newest revisions are, what
    waits in quarantine, how far publishers are behind. A metrics file keeps what the last run wrote.
    """
    deliver = deliver or metrics.are_wanted
    try:
        with lake.open_store(metrics) as store:
            if not deliver:
                write_document(metrics.text(store).removesuffix("\n"))
            elif metrics.are_wanted:
                metrics.deliver(store)
            else:
                raise ConfigurationError(
                    "The configuration says not where metrics go; name a --metrics-file or a --push-gateway."
                )
    except IngestifyError:
        metrics.deliver(None)  # that the lake cannot be read is one of them
        raise
