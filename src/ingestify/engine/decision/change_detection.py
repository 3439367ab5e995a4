"""What is to be done with what was discovered: look up the lake by sets, let the fetch policy decide."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Sequence

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy, is_any_announced_anew, reasons_to_fetch
from ingestify.domain.ports import KnownDataset
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.revision import RevisionState
from ingestify.domain.source import collecting
from ingestify.engine.bundle.bad_parts import describe_left_out
from ingestify.engine.bundle.bundle import find_unannounced, is_known_lost
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.decision.quarantine_view import QuarantineView
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE, as_exception
from ingestify.engine.report.report import PlannedDataset, one_line
from ingestify.errors import IngestifyError, SourceError
from ingestify.failpoints import failpoint
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Action", "Decision", "decide", "wanted_by"]


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
        in_full: Whether its files are to be asked for without conditions, as somebody asked for that.
    """

    discovered: Discovered
    action: Action
    existing: Dataset | None = None
    dataset_id: str | None = None
    reasons: tuple[str, ...] = ()
    error: Exception | None = None
    entry: QuarantineEntry | None = None
    in_full: bool = False

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
    """What is decided about one dataset before it is known in full.

    Attributes:
        action: None: that takes the full dataset.
        is_asked_for: Whether somebody asked for it to be fetched in full.
        entry_changes: What the entry says otherwise of name and metadata, for people.
    """

    __slots__ = ("action", "discovered", "entry", "entry_changes", "error", "is_asked_for", "row")

    def __init__(self, discovered: Discovered, row: KnownDataset | None, entry: QuarantineEntry | None) -> None:
        self.discovered = discovered
        self.row = row
        self.entry = entry
        self.action: Action | None = None
        self.error: Exception | None = None
        self.is_asked_for = False
        self.entry_changes: list[str] = []
        if row is not None:
            if discovered.name != row.name:
                self.entry_changes.append(f"name: '{row.name}' → '{discovered.name}'")
            if discovered.metadata != row.metadata:
                self.entry_changes.append("metadata")


def decide(
    store: DatasetStore,
    batch: Sequence[Discovered],
    rules: BundleRules,
    quarantine: QuarantineView,
    *,
    refetch: bool = False,
) -> list[Decision]:
    """Decide what is to be done with each of a batch, by a set query or two for each kind of dataset in it.

    What a fetch policy raises fails its dataset only.

    Args:
        refetch: What the lake has is to be fetched in full, whatever a fetch policy says.

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
            known = store.catalogue.datasets.find_known(store.bucket, *kind, identifiers)
            entries = quarantine.find(kind, [(one.identifier, one.job) for one in some])
            looks = [_Look(one, known.get(one.identifier), entry) for one, entry in zip(some, entries, strict=True)]
            decisions += _decide_known(store, looks, rules, refetch=refetch)
    failpoint("decision.made")
    return decisions


def _decide_known(store: DatasetStore, looks: Sequence[_Look], rules: BundleRules, *, refetch: bool) -> list[Decision]:
    for look in looks:
        if look.discovered.resource.postponed is not None:
            look.action = Action.SKIP
        elif refetch and look.row is not None and look.discovered.resource.error is None:
            look.action, look.is_asked_for = Action.REFETCH, True
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
    full = {dataset.dataset_id: dataset for dataset in store.catalogue.datasets.get(full_ids)} if full_ids else {}
    decisions = []
    for look in looks:
        row = look.row
        if look.action is Action.UNCHANGED and look.error is None and row is not None:  # most of them, in most runs
            reasons = _left_out(look) if row.may_have_problems else ()
            decisions.append(
                Decision(look.discovered, look.action, dataset_id=row.dataset_id, entry=look.entry, reasons=reasons)
            )
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
                look.is_asked_for,
            )
        )
    return decisions


def _left_out(look: _Look) -> tuple[str, ...]:
    """Return what a dataset lacks that a fetch policy does not want to ask for: it lacks it all the same."""
    feeds = None if look.row is None else look.row.summary.feeds
    lacks = describe_left_out(feeds or {}, look.discovered.resource.files)
    return (lacks,) if lacks else ()


def _reasons(look: _Look, existing: Dataset | None, rules: BundleRules) -> tuple[str, ...]:
    """Return why, for people."""
    entry = look.entry
    if look.discovered.resource.postponed is not None:
        return (look.discovered.resource.postponed,)
    if look.is_asked_for:
        return ("it is asked for in full",)
    if look.action is Action.QUARANTINED and entry is not None:
        return tuple(entry.reasons)
    if entry is not None and look.action in (Action.FETCH, Action.REFETCH):
        why = "it is to be fetched anew" if rules.wants_in_full(entry) else "it may be another by now"
        return (f"in quarantine since {entry.created_at:%Y-%m-%d %H:%M}, and {why}",)
    if look.action is Action.REFETCH and existing is not None:
        reasons = reasons_to_fetch(existing.summary, look.discovered.resource)
        reasons += [f"{file_id}: is announced no more" for file_id in _lost(look, existing, rules)]
        if not reasons and look.row is not None and _is_described_anew(look, look.row):
            reasons = look.entry_changes
        return tuple(reasons) or ("by the fetch policy",)
    if look.action is Action.FETCH:
        return ("not in the lake",)
    if look.action is Action.METADATA and look.row is not None:
        return tuple(_description_changes(look, look.row, rules))
    if look.action is Action.UNCHANGED:
        return _left_out(look)
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
        elif (
            policy.can_skip(look.row.summary, resource)
            and not _may_have_lost(look, look.row)
            and not _is_described_anew(look, look.row)
        ):
            look.action = _without_fetching(look, look.row, rules)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        look.action, look.error = Action.FETCH, _policy_error(policy, error)


def _second_look(look: _Look, existing: Dataset | None, rules: BundleRules) -> None:
    if existing is None or look.row is None:
        look.action = Action.FETCH  # deleted since the set query
        return
    policy = look.discovered.job.plan.fetch_policy
    try:
        is_due = policy.should_refetch(existing, look.discovered.resource)
        if is_due or _lost(look, existing, rules) or _is_described_anew(look, look.row):
            look.action = Action.REFETCH
        else:
            look.action = _without_fetching(look, look.row, rules)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        look.action, look.error = Action.REFETCH, _policy_error(policy, error)


def _is_described_anew(look: _Look, row: KnownDataset) -> bool:
    """Whether the entry says something else of a dataset, of whose files none is due.

    Name, score and files are of one moment: the files are asked for along with it, mostly to hear "not modified".
    """
    if not look.entry_changes or not row.summary.has_revisions:
        return False
    discovered = look.discovered
    if _has_own_rule(discovered.job.plan.fetch_policy):
        return False
    files = discovered.resource.files
    return not files or any(file.url or file.json_content is not None for file in files.values())


def _has_own_rule(policy: FetchPolicy) -> bool:
    """Whether somebody's own fetch policy has the last word about when to look."""
    return type(policy).should_refetch is not FetchPolicy.should_refetch


def _may_have_lost(look: _Look, row: KnownDataset) -> bool:
    """Whether the lake has files that the source does not announce; the full dataset tells whose they are."""
    files, feeds = look.discovered.resource.files, row.summary.feeds
    if feeds is None:
        return False
    for file_id in feeds:  # of most datasets, in most runs, all are announced
        known = None if file_id in files else feeds[file_id]
        if known is not None and known.present and (is_known_lost(known) or wanted_by(look.discovered)(file_id)):
            return True
    return False


def _lost(look: _Look, existing: Dataset, rules: BundleRules) -> list[str]:
    """Return the files that the source announces no more although it is asked for them.

    That is what the plan asks for, and what an earlier look found gone: a second look is to find the same. What a
    complete dataset needs is kept, once that was told.
    """
    discovered = look.discovered
    if _has_own_rule(discovered.job.plan.fetch_policy):
        return []
    wants = wanted_by(discovered)
    lost = [
        one
        for one in find_unannounced(existing, discovered.resource, discovered.job.plan)
        if wants(one) or (is_known_lost(existing.feeds[one]) and collecting(discovered.job.plan.source) is None)
    ]
    if not lost:
        return []
    if not discovered.resource.files:
        return [one for one in lost if not is_known_lost(existing.feeds[one])]  # a dataset is never left without any
    feeds = frozenset(file.data_feed_key for file in existing.files.values())
    bundle_type = rules.type_of(
        discovered.job.plan.source, discovered.provider, discovered.resource.dataset_type, feeds
    )
    return [
        file_id
        for file_id in lost
        if not (bundle_type.needs(existing.files[file_id].data_feed_key) and is_known_lost(existing.feeds[file_id]))
    ]


def wanted_by(discovered: Discovered) -> Callable[[str], bool]:
    """Return what says whether the plan asks for a file that its source does not announce.

    Where the plan names no feeds, it asks for whatever there is.
    """
    versions = discovered.job.plan.data_spec_versions
    if versions == DataSpecVersionCollection():
        return lambda _: True

    def wants(file_id: str) -> bool:
        feed, _, version = file_id.rpartition("__")
        return version in versions.versions_of(feed)

    return wants


def _without_fetching(look: _Look, row: KnownDataset, rules: BundleRules) -> Action:
    return Action.METADATA if _description_changes(look, row, rules) else Action.UNCHANGED


def _description_changes(look: _Look, row: KnownDataset, rules: BundleRules) -> list[str]:
    """Return what differs of name, state and metadata, for people."""
    discovered = look.discovered
    resource = discovered.resource
    # Beside files of which a fetch policy does not want the new version yet, the old description stays.
    is_kept = bool(look.entry_changes) and _has_own_rule(discovered.job.plan.fetch_policy)
    changes = [] if is_kept and is_any_announced_anew(row.summary.feeds or {}, resource) else list(look.entry_changes)
    # A state that post_load_files works out from the files is not known before they are loaded.
    if resource.post_load_files is None or row.state is DatasetState.MISSING:
        feeds = row.summary.feeds
        known = _feeds_of(() if feeds is None else tuple(feeds))
        bundle_type = rules.type_of(discovered.job.plan.source, discovered.provider, resource.dataset_type, known)
        # What is required may have changed since.
        missing = bundle_type.lacking(known)
        if row.missing_feeds:
            missing = bundle_type.missing(known.difference(row.missing_feeds), () if feeds is None else feeds.values())
        state = bundle_type.state_of(
            resource.state, missing, is_empty=not row.summary.has_revisions, has_files=bool(resource.files)
        )
        if state is not row.state:
            changes.append(f"state: {row.state} → {state}")
        elif missing != row.missing_feeds and set(missing) != set(row.missing_feeds):
            changes.append(f"lacks {', '.join(missing) or 'nothing'}, was {', '.join(row.missing_feeds) or 'nothing'}")
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
