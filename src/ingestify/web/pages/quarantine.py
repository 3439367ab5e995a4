"""What waits in quarantine: the list, one entry, and the decisions of a person."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from ingestify.documents.datasets import (
    ComparedRevisions,
    EntryDocument,
    compared_revisions,
    entry_document,
)
from ingestify.domain.dataset import Dataset
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.errors import ConfigurationError, DatasetNotFound, IngestifyError, SaveError
from ingestify.masking import mask_text
from ingestify.progress.formatting import counted, size
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.overview import kind_of_reason
from ingestify.web.page import Action, Asked, NotShown, Page, Shown
from ingestify.web.rendering import in_url

__all__ = ["ROUTES"]

_AT_ONCE = 50

_MOST_ROWS = 300
_MOST_BYTES = 32 << 20
"""Files that are larger, together, are not compared for a page."""


class GroupDocument(TypedDict):
    """The entries of the page whose first reason is of one kind.

    Attributes:
        reason: The kind: `N` stands for each number.
        count: How many open entries there are with it.
    """

    reason: str
    count: int
    entries: Sequence[EntryDocument]


class QuarantineDocument(TypedDict):
    """What waits in quarantine, a page of it, by reason.

    Attributes:
        waiting: How many bundles wait.
        after: What the next page is asked for with; null: this is the last one.
    """

    waiting: int
    groups: Sequence[GroupDocument]
    after: str | None


class ShownEntry(EntryDocument):
    """An entry, and what accepting it would change for readers.

    Attributes:
        changes: null: nothing was published before, or the files cannot be compared.
    """

    changes: ComparedRevisions | None


def read_list(asked: Asked) -> Shown:
    """Return a page of the bundles that wait, by reason."""
    store = asked.lake.store
    overview = store.overview
    page = overview.entries(_AT_ONCE, asked.first("after"))
    counts: Counter[str] = Counter()
    for one in overview.reasons():
        counts[one.kind] += one.entries
    groups: dict[str, list[QuarantineEntry]] = {}
    for entry in page.items:
        groups.setdefault(_kinds(entry)[0], []).append(entry)
    document: QuarantineDocument = {
        "waiting": len(store.quarantine),
        "groups": [
            {"reason": kind, "count": counts[kind], "entries": [entry_document(one) for one in groups[kind]]}
            for kind in sorted(groups, key=lambda kind: -counts[kind])
        ],
        "after": page.after or None,
    }
    return Shown("Quarantine", document)


def _kinds(entry: QuarantineEntry) -> list[str]:
    return [kind_of_reason(reason) for reason in entry.reasons] or ["no reason"]


def read_entry(asked: Asked) -> Shown:
    """Return one entry, with what readers see instead."""
    store = asked.lake.store
    entry = _find(store, asked.parts["entry_id"])
    dataset = next(iter(store.catalogue.datasets.get([entry.dataset_id])), None)
    base = None
    if dataset is not None and entry.base_revision_id is not None:
        base = dataset.at(revision=entry.base_revision_id)
    lacks: list[str] = []
    changes, view = _changes(store, entry, dataset, lacks)
    document: ShownEntry = {**entry_document(entry), "changes": changes}
    view |= {"entries": [entry], "dataset": dataset, "base": base, "person": asked.lake.person}
    return Shown(f"{entry.name} in quarantine", document, view, lacks)


def _changes(
    store: DatasetStore, entry: QuarantineEntry, dataset: Dataset | None, lacks: list[str]
) -> tuple[ComparedRevisions | None, dict[str, object]]:
    """Return what accepting would change, and what a template shows of it."""
    view: dict[str, object] = {"columns": (), "rows": (), "count": 0}
    if dataset is None or entry.base_revision_id is None or entry.state is QuarantineState.DISCARDED:
        return None, view
    if sum(file.size for file in entry.files) > _MOST_BYTES:
        lacks.append(f"The files have {size(sum(file.size for file in entry.files))}: too much to compare on a page.")
        return None, view
    try:
        diff = store.quarantine.diff(entry)
    except IngestifyError as error:
        lacks.append(f"What accepting it would change: {mask_text(str(error))}")
        return None, view
    if diff is None:
        return None, view
    view |= {"columns": diff.columns, "rows": list(itertools.islice(diff.iter_shown(), _MOST_ROWS)), "count": len(diff)}
    return compared_revisions(dataset, diff), view


def read_decision(asked: Asked) -> Shown:
    """Return the form that decides about several entries: those that are named, or all with one reason."""
    store = asked.lake.store
    reason = asked.first("reason")
    if reason:
        entries = [one for one in store.quarantine.iter_entries() if reason in _kinds(one)]
    else:
        entries = [_find(store, entry_id) for entry_id in asked.query.get("entry", ())]
    if not entries:
        raise NotShown(400, "Choose at least one entry in the list of the quarantine.")
    document = {"entries": [entry_document(one) for one in entries]}
    view = {"entries": [one for one in entries if one.is_open], "person": asked.lake.person}
    return Shown(f"Decide about {counted(len(entries), 'bundle')}", document, view)


def decide(asked: Asked) -> str:
    """Do what the form says with each of its entries, and return the address to go to."""
    form = _Decision.of(asked)
    failed: list[str] = []
    with asked.lake.deciding() as store:
        entries = [_find(store, entry_id) for entry_id in asked.form.get("entry", ())]
        if not entries:
            raise NotShown(400, "Choose at least one entry in the list of the quarantine.")
        for entry in entries:
            try:
                form.carry_out(store, entry)
            except (SaveError, ConfigurationError) as error:
                failed.append(f"{entry.name}: {error}")
    if failed:
        done = len(entries) - len(failed)
        first = f"{done} of {len(entries)} are done. " if len(entries) > 1 else ""
        raise NotShown(409, first + "\n".join(failed))
    return f"/quarantine/{in_url(entries[0].entry_id)}" if len(entries) == 1 else "/quarantine"


@dataclasses.dataclass(frozen=True, slots=True)
class _Decision:
    what: str
    decided_by: str
    note: str
    without: tuple[str, ...]

    @classmethod
    def of(cls, asked: Asked) -> _Decision:
        """Return what a form says, if it says all that is needed."""
        what, person, note = (asked.first(name) for name in ("do", "decided_by", "note"))
        if what not in _WAYS:
            raise NotShown(400, f"'{what}' is no decision: there are {', '.join(_WAYS)}.")
        if what != "retry" and not person:
            raise NotShown(400, "Say who decides: the name is kept with the decision.")
        if what == "accept" and not note:
            raise NotShown(400, "Say why you accept it: readers of the revision want to know.")
        if what == "discard" and not asked.first("confirmed"):
            raise NotShown(400, "Confirm that the files are thrown away: there is no way back.")
        return cls(what, person, note, tuple(asked.form.get("without", ())))

    def carry_out(self, store: DatasetStore, entry: QuarantineEntry) -> None:
        """Decide about an entry. A decision that was made already, by a second click, is not made again."""
        if _is_the_same(entry, self):
            return
        try:
            _WAYS[self.what](store, entry, self)
        except SaveError:
            if not _is_the_same(store.quarantine.get_entry(entry.entry_id), self):
                raise


def _is_the_same(entry: QuarantineEntry, decision: _Decision) -> bool:
    made = {"accept": QuarantineState.ACCEPTED, "discard": QuarantineState.DISCARDED}.get(decision.what)
    return (entry.state, entry.decided_by, entry.note) == (made, decision.decided_by, decision.note)


def _accept(store: DatasetStore, entry: QuarantineEntry, decision: _Decision) -> None:
    store.quarantine.accept(entry.entry_id, decision.decided_by, decision.note, without=decision.without)


def _discard(store: DatasetStore, entry: QuarantineEntry, decision: _Decision) -> None:
    store.quarantine.discard(entry.entry_id, decision.decided_by, decision.note)
    now_is = store.quarantine.get_entry(entry.entry_id)
    if not _is_the_same(now_is, decision):
        raise SaveError(f"The quarantine entry {entry.entry_id} cannot be discarded: it is {now_is.state.value}.")


def _retry(store: DatasetStore, entry: QuarantineEntry, _: _Decision) -> None:
    if not store.quarantine.request_retry(entry.entry_id):
        raise SaveError(f"The quarantine entry {entry.entry_id} does not wait any more: it is {entry.state.value}.")


_WAYS: Mapping[str, Callable[[DatasetStore, QuarantineEntry, _Decision], None]] = {
    "accept": _accept,
    "discard": _discard,
    "retry": _retry,
}


def _find(store: DatasetStore, entry_id: str) -> QuarantineEntry:
    try:
        return store.quarantine.get_entry(entry_id)
    except DatasetNotFound:
        raise NotShown(404, f"The quarantine has no entry {entry_id}.") from None


ROUTES = (
    Page("/quarantine", "quarantine.html", read_list, menu="Quarantine", is_live=True),
    Page("/quarantine/decide", "quarantine_decision.html", read_decision, is_live=True),
    Action("/quarantine/decisions", decide),
    Page("/quarantine/{entry_id}", "quarantine_entry.html", read_entry, is_live=True),
)
