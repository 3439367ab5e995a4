"""The tables of the lake, and a SELECT over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ingestify.documents.document import as_json
from ingestify.documents.tables import TableDocument, table_document
from ingestify.domain.json_value import JsonValue
from ingestify.errors import IngestifyError
from ingestify.masking import mask_text
from ingestify.remedies import remedy
from ingestify.tables.sql import SqlLimits
from ingestify.web.page import Asked, NotShown, Page, Shown

__all__ = ["PAGE"]

_LIMITS = SqlLimits(rows=1000, seconds=10)
_EXAMPLE = "select home_team, count(*) as matches\nfrom matches\ngroup by all\norder by all"


class TablesDocument(TypedDict):
    """The tables, and the result of a query.

    Attributes:
        query: Empty: nothing was asked.
        rows: The values of each row in the order of the columns.
        is_cut: Whether there may be more rows.
        error: Why there is no result; null: there is one, or nothing was asked.
    """

    tables: Sequence[TableDocument]
    query: str
    columns: Sequence[str]
    rows: Sequence[JsonValue]
    is_cut: bool
    error: str | None


def read(asked: Asked) -> Shown:
    """Return the tables, and the result of the SELECT in `?query=`: at most 1,000 rows, and after 10 s an error."""
    if asked.lake.open_engine is None:
        raise NotShown(404, f"The tables need the lake's settings: start the page with {remedy('web')}.")
    document: TablesDocument = {
        "tables": [],
        "query": asked.first("query"),
        "columns": [],
        "rows": [],
        "is_cut": False,
        "error": None,
    }
    lacks: list[str] = []
    with asked.lake.open_engine() as engine:
        try:
            document["tables"] = [table_document(state) for state in engine.list_tables()]
        except IngestifyError as error:
            lacks.append(f"The tables cannot be listed: {mask_text(str(error))}")
        if document["query"]:
            try:
                found = engine.tables.sql(document["query"], None, _LIMITS)
            except IngestifyError as error:
                document["error"] = mask_text(str(error))
            else:
                document["columns"] = found.columns
                document["rows"] = [as_json(list(row)) for row in found.iter_rows()]
                document["is_cut"] = found.height == _LIMITS.rows
    view = {"example": _EXAMPLE, "limits": _LIMITS}
    return Shown("Tables", document, view, lacks)


PAGE = Page("/tables", "tables.html", read, menu="Tables", is_live=True)
