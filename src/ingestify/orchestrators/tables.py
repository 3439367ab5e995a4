"""A build of the columnar tables in an orchestrator's worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingestify.config.reader import read_settings
from ingestify.engine.report.report import one_line
from ingestify.errors import IngestifyError
from ingestify.main import get_engine
from ingestify.orchestrators.assets import find_config_file
from ingestify.orchestrators.running import RunFailed, may_help
from ingestify.plugins import find_plugins
from ingestify.tables.registry import STANDARD, TABLES_GROUP
from ingestify.tables.report import TablesBuilt

__all__ = ["build_tables", "table_names"]


def table_names(config: str | Path | None = None) -> list[str]:
    """Return the names of the tables that a build makes if none is named. Only the config.yaml is read.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    tables = read_settings(find_config_file(config)).tables
    if tables.build is not None:
        return list(tables.build)
    installed = [plugin.name for plugin in find_plugins(TABLES_GROUP)]
    return list(dict.fromkeys([*(one.name for one in STANDARD), *installed, *(one.name for one in tables.own)]))


def build_tables(config: str | Path | None, names: Sequence[str]) -> TablesBuilt:
    """Open the lake, bring tables to its state as `ingestify tables build` does, and close it.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        names: The tables; none: all of `table_names`.

    Raises:
        RunFailed: The tables could not be built; the error says whether a retry can help.
    """
    try:
        with get_engine(config) as engine:
            return engine.build_tables(*names, progress=False)
    except IngestifyError as error:
        raise RunFailed(one_line(error), may_help=may_help(error)) from error
