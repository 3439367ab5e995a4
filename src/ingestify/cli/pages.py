"""Serves the pages of a lake until Ctrl-C."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence

from ingestify.cli.console import Console
from ingestify.cli.options import NamedLake
from ingestify.cli.output import flush, write_line
from ingestify.cli.person import user_name
from ingestify.errors import LakeNotFound, MissingExtraError, StoreError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["require_web", "serve_pages"]


def require_web() -> None:
    """Raise a MissingExtraError if the extra `web` is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("jinja2", "starlette", "uvicorn")):
        raise MissingExtraError("web", "A page of the lake")


def _require_lake(store: DatasetStore) -> None:
    """Raise a LakeNotFound if there is no lake. If its database is away, the pages say so until it is back."""
    try:
        store.overview.read_mark()
    except LakeNotFound:
        raise
    except StoreError:
        pass


def serve_pages(
    lake: NamedLake,
    console: Console,
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    allowed_hosts: Sequence[str] = (),
    is_read_only: bool = False,
    opens_browser: bool = True,
) -> None:
    """Print the address, and serve the pages until Ctrl-C or SIGTERM.

    Args:
        lake: The lake.
        console: Says what to do with the address.
        port: None: 8642, or any free one if that is taken; 0: any free one.
        host: The address to listen on.
        allowed_hosts: Names by which other machines reach it.
        is_read_only: Whether the pages change nothing.
        opens_browser: Whether to open the address in a browser, where there is a desktop.

    Raises:
        MissingExtraError: The extra `web` is not installed.
        LakeNotFound: There is no lake.
        ConfigurationError: The address is not this machine's, or is taken.
    """
    require_web()
    from ingestify.main.publishing import Publishing  # heavy, and not for --help
    from ingestify.web.lake import WebLake
    from ingestify.web.server import has_desktop, serve

    def tell(address: str) -> None:
        write_line(address)
        flush()
        console.tell("Open it in a browser; Ctrl-C ends it.")

    with lake.open_store() as store:
        _require_lake(store)
        shown = WebLake.at(
            store,
            lake.place,
            is_read_only=is_read_only,
            person="" if allowed_hosts else user_name(),
            open_engine=lake.open_engine,
            open_publishing=functools.partial(Publishing, lake.place) if lake.place.config else None,
        )
        try:
            serve(
                shown,
                tell,
                host=host,
                port=port,
                allowed_hosts=allowed_hosts,
                opens_browser=opens_browser and has_desktop(),
            )
        except KeyboardInterrupt:
            console.tell("Ended.")
