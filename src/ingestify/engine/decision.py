"""What is to be done with what was discovered: look up the lake by sets, let the fetch policy decide."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Sequence

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.fetch_policy import reasons_to_fetch
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import KnownDataset
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.revision import RevisionState
from ingestify.engine.bundle_rules import BundleRules
from ingestify.engine.discovery import LOOK_UP_SIZE, Discovered, as_exception
from ingestify.engine.report import PlannedDataset, one_line
from ingestify.errors import IngestifyError, SourceError
from ingestify.failpoints import failpoint
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Action", "Decision", "QuarantineView", "decide"]


class Action(enum.StrEnum):
    """What is to be done with a discovered dataset."""

    FETCH = "fetch"
    REFETCH = "refetch"
    METADATA = "metadata"
    UNCHANGED = "unchanged"
    SKIP = "skip"
    QUARANTINED = "quarantined"


@dataclasses.dataclass(slots=True)  # frozen, it would take twice as long to make, for each dataset of a run
class Decision:
    """What is to be done, and why. Never changed.

    Attributes:
        existing: The dataset in full; None if the lake has not got it, or if nothing is to be done.
        dataset_id: Its id if the lake has it.
        error: What the fetch policy raised, or the source marked; then the dataset fails.
        entry: What the quarantine has of it.
    """

    discovered: Discovered
    action: Action
    existing: Dataset | None = None
    dataset_id: str | None = None
    reasons: tuple[str, ...] = ()
    error: Exception | None = None
    entry: QuarantineEntry | None = None

    def as_planned(self) -> PlannedDataset:
        """Return it as a dry run tells it."""
        discovered, error = self.discovered, self.error
        return PlannedDataset(
            source=discovered.job.source_name,
            provider=discovered.provider,
            dataset_type=discovered.resource.dataset_type,
            identifier=str(discovered.identifier),
            name=discovered.name,
            action=self.action.value if error is None else "failed",
            reasons=self.reasons if error is None else (one_line(error),),
            files=tuple(discovered.resource.files),
        )


class _Look:
    """What is decided about one dataset before it is known in full; `action` None: that takes the full dataset."""

    __slots__ = ("action", "discovered", "entry", "error", "row")

    def __init__(self, discovered: Discovered, row: KnownDataset | None, entry: QuarantineEntry | None) -> None:
        self.discovered = discovered
        self.row = row
        self.entry = entry
        self.action: Action | None = None
        self.error: Exception | None = None


class QuarantineView:
    """What a run knows of the quarantine: mostly that nothing is in it, for which it asks only once.

    Safe to use from any thread.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._empty: set[tuple[str, str]] = set()

    def find(
        self, kind: tuple[str, str], identifiers: Sequence[Identifier]
    ) -> dict[tuple[Identifier, str], QuarantineEntry]:
        """Return the entries that count, of datasets of one (provider, dataset type), by identifier and source.

        What another source of the provider served is for that source to settle.
        """
        if kind in self._empty:
            return {}
        catalogue, bucket = self._store.catalogue, self._store.bucket
        if not catalogue.has_quarantined(bucket, *kind):
            self._empty.add(kind)
            return {}
        found = catalogue.find_quarantined(bucket, *kind, identifiers)
        return {(entry.identifier, entry.source.get("source", "")): entry for entry in found}

    def changed(self) -> None:
        """This run put something into it."""
        self._empty.clear()


def decide(
    store: DatasetStore, batch: Sequence[Discovered], rules: BundleRules, quarantine: QuarantineView
) -> list[Decision]:
    """Decide what is to be done with each of a batch, by a set query or two for each kind of dataset in it.

    What a fetch policy raises fails its dataset only.

    Raises:
        StoreError: The catalogue refused.
    """
    kinds: dict[tuple[str, str], list[Discovered]] = {}
    for discovered in batch:
        kinds.setdefault((discovered.provider, discovered.resource.dataset_type), []).append(discovered)
    decisions: list[Decision] = []
    for kind, members in kinds.items():
        for start in range(0, len(members), LOOK_UP_SIZE):
            some = members[start : start + LOOK_UP_SIZE]
            identifiers = [discovered.identifier for discovered in some]
            known = store.catalogue.find_known(store.bucket, *kind, identifiers)
            entries = quarantine.find(kind, identifiers)
            looks = [
                _Look(
                    one,
                    known.get(one.identifier),
                    entries.get((one.identifier, one.job.source_name)) if entries else None,
                )
                for one in some
            ]
            decisions += _decide_known(store, looks, rules)
    failpoint("decision.made")
    return decisions


def _decide_known(store: DatasetStore, looks: Sequence[_Look], rules: BundleRules) -> list[Decision]:
    for look in looks:
        if look.discovered.resource.postponed is not None:
            look.action = Action.SKIP
        elif look.entry is None:
            _first_look(look, rules)
        else:
            _look_at_quarantined(look, look.entry, rules)
    # The full datasets, for all that need them at once.
    full_ids = [
        look.row.dataset_id
        for look in looks
        if look.row is not None and look.action in (None, Action.METADATA, Action.REFETCH)
    ]
    full = {dataset.dataset_id: dataset for dataset in store.catalogue.get_datasets(full_ids)} if full_ids else {}
    decisions = []
    for look in looks:
        row = look.row
        if look.action is Action.UNCHANGED and look.error is None and row is not None:  # most of them, in most runs
            decisions.append(Decision(look.discovered, look.action, dataset_id=row.dataset_id, entry=look.entry))
            continue
        existing = None if row is None else full.get(row.dataset_id)
        if look.action is None:
            _second_look(look, existing, rules)
        decisions.append(
            Decision(
                look.discovered,
                look.action or Action.FETCH,
                existing,
                None if row is None else row.dataset_id,
                _reasons(look, existing, rules),
                look.error,
                look.entry,
            )
        )
    return decisions


def _reasons(look: _Look, existing: Dataset | None, rules: BundleRules) -> tuple[str, ...]:
    """Return why, for people."""
    entry = look.entry
    if look.discovered.resource.postponed is not None:
        return (look.discovered.resource.postponed,)
    if look.action is Action.QUARANTINED and entry is not None:
        return tuple(entry.reasons)
    if entry is not None and look.action in (Action.FETCH, Action.REFETCH):
        why = "it is to be fetched anew" if rules.wants_in_full(entry) else "it may be another by now"
        return (f"in quarantine since {entry.created_at:%Y-%m-%d %H:%M}, and {why}",)
    if look.action is Action.REFETCH and existing is not None:
        return tuple(reasons_to_fetch(existing.summary, look.discovered.resource)) or ("by the fetch policy",)
    if look.action is Action.FETCH:
        return ("not in the lake",)
    if look.action is Action.METADATA and look.row is not None:
        return tuple(_description_changes(look.discovered, look.row, rules))
    return ("the fetch policy does not want it",) if look.action is Action.SKIP else ()


def _look_at_quarantined(look: _Look, entry: QuarantineEntry, rules: BundleRules) -> None:
    """What the provider served last is in quarantine, so the fetch policy knows nothing of it."""
    resource = look.discovered.resource
    if resource.error is not None:
        look.action, look.error = Action.FETCH, as_exception(resource.error)
    elif look.row is None:
        wanted = rules.wants_in_full(entry) or rules.wants_a_look(entry, resource)
        look.action = Action.FETCH if wanted else Action.QUARANTINED if entry.is_open else Action.SKIP
    elif entry.is_open and look.row.state is DatasetState.MISSING and resource.state is not DatasetState.MISSING:
        look.action = Action.METADATA  # it is listed again, whatever becomes of its bundle
    elif (
        look.row.summary.current_state is RevisionState.VALIDATION_FAILED
        or rules.wants_in_full(entry)
        or rules.wants_a_look(entry, resource)
    ):
        look.action = Action.REFETCH
    elif entry.is_open:
        look.action = Action.QUARANTINED
    else:
        look.action = _without_fetching(look, look.row, rules)


def _first_look(look: _Look, rules: BundleRules) -> None:
    resource, policy = look.discovered.resource, look.discovered.job.plan.fetch_policy
    if resource.error is not None:
        look.action, look.error = Action.FETCH, as_exception(resource.error)
        return
    try:
        if look.row is None:
            look.action = Action.FETCH if policy.should_fetch(resource) else Action.SKIP
        elif policy.can_skip(look.row.summary, resource):
            look.action = _without_fetching(look, look.row, rules)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        look.action, look.error = Action.FETCH, _policy_error(policy, error)


def _second_look(look: _Look, existing: Dataset | None, rules: BundleRules) -> None:
    if existing is None or look.row is None:
        look.action = Action.FETCH  # deleted since the set query
        return
    policy = look.discovered.job.plan.fetch_policy
    try:
        if policy.should_refetch(existing, look.discovered.resource):
            look.action = Action.REFETCH
        else:
            look.action = _without_fetching(look, look.row, rules)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        look.action, look.error = Action.REFETCH, _policy_error(policy, error)


def _without_fetching(look: _Look, row: KnownDataset, rules: BundleRules) -> Action:
    return Action.METADATA if _description_changes(look.discovered, row, rules) else Action.UNCHANGED


def _description_changes(discovered: Discovered, row: KnownDataset, rules: BundleRules) -> list[str]:
    """Return what differs of name, state and metadata, for people."""
    resource = discovered.resource
    changes = []
    if discovered.name != row.name:
        changes.append(f"name: '{row.name}' → '{discovered.name}'")
    # A state that post_load_files works out from the files is not known before they are loaded.
    if resource.post_load_files is None or row.state is DatasetState.MISSING:
        feeds = row.summary.feeds
        known = _feeds_of(() if feeds is None else tuple(feeds))
        bundle_type = rules.type_of(discovered.job.plan.source, discovered.provider, resource.dataset_type, known)
        # What is required may have changed since.
        missing = bundle_type.lacking(known.difference(row.missing_feeds) if row.missing_feeds else known)
        state = bundle_type.state_of(
            resource.state, missing, is_empty=not row.summary.has_revisions, has_files=bool(resource.files)
        )
        if state is not row.state:
            changes.append(f"state: {row.state} → {state}")
        elif missing != row.missing_feeds and set(missing) != set(row.missing_feeds):
            changes.append(f"lacks {', '.join(missing) or 'nothing'}, was {', '.join(row.missing_feeds) or 'nothing'}")
    if discovered.metadata != row.metadata:
        changes.append("metadata")
    return changes


@functools.lru_cache(maxsize=1024)  # the datasets of a kind mostly have the same files
def _feeds_of(file_ids: tuple[str, ...]) -> frozenset[str]:
    return frozenset(file_id.rpartition("__")[0] for file_id in file_ids)


def _policy_error(policy: object, error: BaseException) -> Exception:
    if isinstance(error, IngestifyError):
        return error
    wrapped = SourceError(f"The fetch policy {type(policy).__name__} raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
