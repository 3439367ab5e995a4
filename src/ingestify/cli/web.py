"""`ingestify web`: the pages of a lake in a browser."""

from __future__ import annotations

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK
from ingestify.cli.options import NamedLake, bucket_option, console_options, lake_options
from ingestify.cli.pages import serve_pages

__all__ = ["web_command"]


@click.command("web")
@lake_options
@bucket_option
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Default: 8642, or a free one if that is taken; 0: a free one."
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. Another one lets other machines in, and needs --allow-host.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="A name by which browsers reach it, as in their Host header; may be given several times.",
)
@click.option("--read-only", "is_read_only", is_flag=True, help="Change nothing: no decisions about the quarantine.")
@click.option("--no-browser", is_flag=True, help="Do not open the browser. Without a desktop, it is never opened.")
@console_options
def web_command(
    lake: NamedLake,
    port: int | None,
    host: str,
    allowed_hosts: tuple[str, ...],
    is_read_only: bool,
    no_browser: bool,
    console: Console,
) -> int:
    """Show the lake in a browser: matches, coverage, quarantine, runs. Until Ctrl-C.

    It prints an address with a token. Who has it sees what the lake has, and decides about the quarantine.
    """
    serve_pages(
        lake,
        console,
        port=port,
        host=host,
        allowed_hosts=allowed_hosts,
        is_read_only=is_read_only,
        opens_browser=not no_browser,
    )
    return EXIT_OK
