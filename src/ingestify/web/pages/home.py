"""The first page: newest matches, last changes, the last run."""

from __future__ import annotations

from ingestify.documents.datasets import event_document
from ingestify.documents.runs import status_document
from ingestify.progress.formatting import what_was_done
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]

_CHANGES = 20

_NEWEST = 10


def read(asked: Asked) -> Shown:
    """Return the state of the lake."""
    store = asked.lake.store
    catalogue = store.catalogue
    last = catalogue.event_log.get_last_position()
    events = catalogue.event_log.read(max(0, last - _CHANGES), _CHANGES, has_history=False)
    jobs = catalogue.jobs.load(1, with_tasks=False)
    document = {
        "status": status_document(store, {jobs[0].run_id: jobs} if jobs else {}, set()),
        "changes": [event_document(event) for event in reversed(events)],
    }
    wanted = store.dataset_filter()
    newest = [
        match_line(one) for batch in catalogue.datasets.iter_batches(wanted, _NEWEST, limit=_NEWEST) for one in batch
    ]
    view = {"newest": newest, "last_run": what_was_done(jobs) if jobs else "", "words": {}}
    return Shown("Home", document, view)


PAGE = Page("/", "home.html", read, menu="Home", is_live=True, json_path="/home.json")
