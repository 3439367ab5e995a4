"""`ingestify sql`: one SELECT over the tables of the lake."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ingestify.cli.console import Console
from ingestify.cli.options import NamedLake, bucket_option, console_options, json_option, lake_options
from ingestify.cli.output import write_document, write_json, write_line
from ingestify.domain.text_table import text_table
from ingestify.errors import ConfigurationError, ExportError
from ingestify.tables.column_types import with_plain_types

__all__ = ["sql_command"]

_SHOWN = 100


@click.command("sql")
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
        try:
            result.write_parquet(parquet)
        except OSError as error:
            raise ExportError(f"{parquet} cannot be written: {error.strerror or error}.") from error
        console.tell(f"{parquet}: {result.height:,} rows")
    elif as_csv:
        write_document(with_plain_types(result).write_csv().removesuffix("\n"))
    elif console.as_json:
        for row in result.iter_rows(named=True):
            write_json(row)
    elif not result.height:
        console.tell("No rows.")
    else:
        for line in text_table("", result.columns, result.iter_rows(), result.height, most=_SHOWN).splitlines()[1:]:
            write_line(line)
