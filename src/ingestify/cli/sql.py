"""`ingestify sql`: one SELECT over the tables of the lake."""

from __future__ import annotations

import contextlib
import re
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestify.cli.console import Console
from ingestify.cli.options import NamedLake, bucket_option, console_options, json_option, lake_options
from ingestify.cli.output import write_document, write_json, write_line
from ingestify.disk_remedies import find_disk_problem
from ingestify.domain.text_table import text_table
from ingestify.errors import ConfigurationError, ExportError
from ingestify.progress.formatting import counted
from ingestify.tables.column_types import with_text_for_csv

if TYPE_CHECKING:
    import polars as pl

__all__ = ["sql_command"]

_SHOWN = 100


_COMMENT = re.compile(r"--(?![a-z][a-z-]*=)[^\n]*\s")


class _SqlCommand(click.Command):
    """A command whose query may begin with `--`, which is a comment in SQL: an option of one word has no blank."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        queries = [] if "--" in args else [one for one in args if _COMMENT.match(one)]
        if queries:
            args = [*(one for one in args if one not in queries), "--", *queries]
        return super().parse_args(ctx, args)


@click.command("sql", cls=_SqlCommand)
@lake_options
@bucket_option
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV.")
@click.option(
    "--parquet", "parquet", type=click.Path(path_type=Path), metavar="FILE", help="Write all rows to a Parquet file."
)
@json_option("JSON Lines: an object with the columns of the query for each row.")
@console_options
@click.argument("query", metavar="QUERY|-")
def sql_command(lake: NamedLake, query: str, as_csv: bool, parquet: Path | None, console: Console) -> None:
    """Show the result of a SELECT over the tables of the lake, in DuckDB's SQL; - reads it from stdin.

    It may name each table that  ingestify tables build  has built, such as events; matches, which needs no build; and
    raw.PROVIDER_FEED, the records of the provider's files. The terminal shows the first 100 rows.
    """
    if sum((as_csv, console.as_json, parquet is not None)) > 1:
        raise ConfigurationError("Choose one of --csv, --json and --parquet.")
    with lake.open_engine(disable_events=True) as engine:
        result = engine.sql(sys.stdin.read() if query == "-" else query)
    if parquet is not None:
        _write_parquet(result, parquet)
        console.tell(f"{parquet}: {counted(result.height, 'row')}")
    elif as_csv:
        write_document(with_text_for_csv(result).write_csv().removesuffix("\n"))
    elif console.as_json:
        for row in result.iter_rows(named=True):
            write_json(row)
    elif not result.height:
        console.tell("No rows.")
    else:
        for line in text_table("", result.columns, result.iter_rows(), result.height, most=_SHOWN).splitlines()[1:]:
            write_line(line)


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame under another name, and rename it: a file that is there stays until the new one is whole."""
    is_device = path.exists() and not path.is_file() and not path.is_dir()
    temporary = path if is_device else path.with_name(f".ingestify-{uuid.uuid4().hex}.part")
    try:
        with temporary.open("wb") as stream:
            frame.write_parquet(stream)
        if not is_device:
            temporary.replace(path)
    except Exception as error:  # polars has classes of its own for the errors of a disk
        told = (
            find_disk_problem(error, "file") or getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        )
        raise ExportError(f"{path} cannot be written: {told}.") from error
    finally:
        if not is_device:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
