"""`ingestify receive`: takes what providers push."""

from __future__ import annotations

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK
from ingestify.cli.interrupts import two_stage_interrupt
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, bucket_option, console_options, lake_options, read_address
from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.remedies import remedy
from ingestify.suggestion import did_you_mean

__all__ = ["receive_command"]


@click.command("receive")
@lake_options
@bucket_option
@click.option("--source", metavar="NAME", help="Only this source of the configuration.")
@click.option(
    "--listen",
    "address",
    metavar="[HOST:]PORT",
    default="127.0.0.1:8643",
    show_default=True,
    callback=read_address,
    help="Where to listen. Other machines reach it only with a HOST of this machine, such as 0.0.0.0.",
)
@console_options
def receive_command(lake: NamedLake, source: str | None, address: tuple[str, int], console: Console) -> int:
    """Take the files and notices that providers push, until Ctrl-C or SIGTERM.

    It answers when what came survives a power loss. A run, or 'ingestify watch' in another process, brings it into the
    lake. docs/push.md has more.
    """
    try:
        from ingestify.receiving.endpoint import Endpoint
        from ingestify.receiving.server import PushServer  # heavy, and not for --help
    except ImportError as error:
        raise MissingExtraError("web", "Receiving pushed data") from error
    from ingestify.sources.push.source import PushSource

    lake.place.config_for("who may push")
    with lake.open_engine(disable_events=True) as engine:
        sources = {
            plan.source.name: plan.source for plan in engine.ingestion_plans if isinstance(plan.source, PushSource)
        }
        if source is not None:
            if source not in sources:
                raise ConfigurationError(
                    f"No ingestion plan has a source '{source}' of the type ingestify.push"
                    f"{did_you_mean(source, sources) or '.'}"
                )
            sources = {source: sources[source]}
        if not sources:
            raise ConfigurationError(
                f"Nothing can be pushed: no ingestion plan has a source of the type ingestify.push. "
                f"{remedy('sources describe ingestify.push')} shows its options."
            )
        for one in sources.values():
            one.inbox.begin().discard()  # it can be written to
        server = PushServer([Endpoint(one) for one in sources.values()], *address)
        with two_stage_interrupt("Stopping: what is being received is completed.", server.stop):
            if not console.quiet:
                for name in sources:
                    write_stderr(f"Taking pushes at {server.url}/push/{name}/files")
            server.serve()
    return EXIT_OK
