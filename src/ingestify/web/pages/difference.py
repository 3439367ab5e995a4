"""What changed between two revisions of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from ingestify.documents.datasets import ComparedRevisions, compared_revisions
from ingestify.documents.document import filled
from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.progress.formatting import size
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, Attachment, Page, Shown
from ingestify.web.rendering import in_url

__all__ = ["CHOICE", "PAGE"]

_MOST_ROWS = 300
"""The page shows so many differences; its JSON twin has all of them."""

_MOST_BYTES = 32 << 20
"""Changed files that are larger, together, are not read for a page."""


def read(asked: Asked) -> Shown:
    """Return the differences, first in sentences."""
    dataset = asked_dataset(asked)
    older, newer = (numbered(dataset, asked.parts[name]) for name in ("before", "after"))
    numbers = older.revisions[-1].revision_id, newer.revisions[-1].revision_id
    changed = _changed_files(older, newer)
    view = {"line": match_line(dataset), "files": changed, "whole": dataset, "columns": (), "rows": (), "count": 0}
    bytes_to_read = sum(file.size for pair in changed.values() for file in pair if file is not None)
    if bytes_to_read > _MOST_BYTES:
        said = f"The changed files have {size(bytes_to_read)}, which is too much to compare them on a page."
        numbered_ends = {"from_revision": numbers[0], "to_revision": numbers[1]}
        more = {"sentence": said, "clauses": [said], "differences": []}
        document = filled(ComparedRevisions, dataset, **numbered_ends, **more)
    else:
        diff = asked.lake.store.diff(dataset, *numbers)
        document = compared_revisions(dataset, diff)
        rows = list(itertools.islice(diff.iter_shown(), _MOST_ROWS))
        view |= {"columns": diff.columns, "rows": rows, "count": len(diff)}
    return Shown(f"{dataset.name}: revision {numbers[0]} to {numbers[1]}", document, view)


def _changed_files(older: Dataset, newer: Dataset) -> Mapping[str, tuple[File | None, File | None]]:
    """Return the file before and after, by file id, of those whose bytes differ."""
    pairs = {file_id: (older.files.get(file_id), newer.files.get(file_id)) for file_id in {*older.files, *newer.files}}
    return {
        file_id: (before, after)
        for file_id, (before, after) in sorted(pairs.items())
        if before is None or after is None or before.tag != after.tag
    }


def choose(asked: Asked) -> Response:
    """Return the way to the comparison that a form asks for."""
    ends = [in_url(asked.first(name) or "0") for name in ("before", "after")]
    dataset_id = in_url(asked.parts["dataset_id"])
    return RedirectResponse(f"/datasets/{dataset_id}/diff/{ends[0]}..{ends[1]}", 303)


PAGE = Page("/datasets/{dataset_id}/diff/{before}..{after}", "difference.html", read)

CHOICE = Attachment("/datasets/{dataset_id}/diff", choose)
