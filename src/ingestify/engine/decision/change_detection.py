"""Change detection: finds out, with set queries and the fetch policy, what has to be done with discovered datasets."""

from __future__ import annotations

import copy
import enum
import functools
from collections.abc import Callable, Sequence

import msgspec

from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy, absent_and_due, is_any_announced_anew, reasons_to_fetch
from ingestify.domain.ports import KnownDataset
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource
from ingestify.domain.revision import RevisionState
from ingestify.domain.source import collecting
from ingestify.engine.bundle.broken_files import describe_left_out
from ingestify.engine.bundle.bundle import find_unannounced, is_known_lost
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.decision.adopted_datasets import find_incomplete, keep_versions
from ingestify.engine.decision.quarantine_view import QuarantineView
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE, as_exception
from ingestify.engine.report.report import PlannedDataset, one_line
from ingestify.errors import IngestifyError, SourceError
from ingestify.failpoints import failpoint
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Action", "Decision", "decide", "wanted_by"]


class Action(enum.StrEnum):
    """What has to be done with a discovered dataset."""

    FETCH = "fetch"
    REFETCH = "refetch"
    METADATA = "metadata"
    CONFIRM = "confirm"
    """Take over what the published package knew of it; nothing is asked for (`domain.adopted`)."""
    UNCHANGED = "unchanged"
    SKIP = "skip"
    QUARANTINED = "quarantined"


class Decision(msgspec.Struct, frozen=True):
    """What has to be done with a dataset, and why. Never changed.

    Attributes:
        discovered: The dataset.
        action: What has to be done.
        existing: The dataset as the lake has it. None: the lake does not have it, or nothing has to be done.
        dataset_id: Its id, if the lake has it.
        reasons: Why, for people.
        error: What the fetch policy raised, or the error that the source marked: the dataset fails.
        entry: Its entry in the quarantine, or None.
        unconditional: Whether its files are asked for without conditions, because a person wants that.
        first: The ids of files that were absent, or may be. The others are asked for only if one of these is there.
            Empty: all files are asked for.
    """

    discovered: Discovered
    action: Action
    existing: Dataset | None = None
    dataset_id: str | None = None
    reasons: tuple[str, ...] = ()
    error: Exception | None = None
    entry: QuarantineEntry | None = None
    unconditional: bool = False
    first: frozenset[str] = frozenset()

    def as_planned(self) -> PlannedDataset:
        """Return the decision as a dry run tells it."""
        discovered, error = self.discovered, self.error
        return PlannedDataset(
            source=discovered.job.source_name,
            provider=discovered.provider,
            dataset_type=discovered.resource.dataset_type,
            identifier=str(discovered.identifier),
            name=discovered.name,
            action="failed"
            if error is not None
            else "unchanged"
            if self.action is Action.CONFIRM
            else self.action.value,
            reasons=self.reasons if error is None else (one_line(error),),
            files=tuple(discovered.resource.files),
        )


class _BundleTypes:
    """What complete datasets hold, found out once for each kind of dataset in a batch.

    Args:
        rules: What a bundle must fulfil.
    """

    def __init__(self, rules: BundleRules) -> None:
        self._rules = rules
        self._found: dict[tuple[int, str, str, frozenset[str]], tuple[BundleType, tuple[str, ...]]] = {}

    def of(self, discovered: Discovered, feeds: frozenset[str]) -> tuple[BundleType, tuple[str, ...]]:
        """Return the bundle type of a dataset with these feeds, and which of the required feeds are not among them."""
        source, dataset_type = discovered.progress.job.plan.source, discovered.resource.dataset_type
        kind = (id(source), discovered.provider, dataset_type, feeds)
        found = self._found.get(kind)
        if found is None:
            bundle_type = self._rules.type_of(source, discovered.provider, dataset_type, feeds)
            found = self._found[kind] = (bundle_type, bundle_type.lacking(feeds))
        return found


class _Case(msgspec.Struct, eq=False):
    """One dataset while it is decided about.

    Attributes:
        discovered: The dataset.
        row: Its row in the catalogue, or None.
        entry: Its entry in the quarantine, or None.
        types: What the complete datasets of the batch hold.
        entry_changes: What the entry of the index changes of name and metadata, for people.
        action: What has to be done. None: not known without the full dataset.
        error: What the fetch policy raised, or the source marked.
        is_asked_for: Whether a person wants it to be fetched in full.
        is_incomplete: Whether the lake has it under an identity without the selector's attributes. They may be those of
            another selector, so each file is asked for.
        first: See `Decision.first`.
    """

    discovered: Discovered
    row: KnownDataset | None
    entry: QuarantineEntry | None
    types: _BundleTypes
    entry_changes: tuple[str, ...] = ()
    action: Action | None = None
    error: Exception | None = None
    is_asked_for: bool = False
    is_incomplete: bool = False
    first: frozenset[str] = frozenset()


def _entry_changes(discovered: Discovered, row: KnownDataset | None) -> tuple[str, ...]:
    if row is None or (discovered.metadata == row.metadata and discovered.name == row.name):  # mostly
        return ()
    renamed = [] if discovered.name == row.name else [f"name: '{row.name}' → '{discovered.name}'"]
    return (*renamed, *(() if discovered.metadata == row.metadata else ("metadata",)))


def decide(
    store: DatasetStore,
    batch: Sequence[Discovered],
    rules: BundleRules,
    quarantine: QuarantineView,
    *,
    refetch: bool = False,
    compare: Callable[[Dataset, DatasetResource], Dataset] | None = None,
) -> list[Decision]:
    """Decide about a batch of datasets, with one or two set queries for each dataset type in it.

    An error of a fetch policy fails its dataset only.

    Args:
        store: The lake.
        batch: The datasets.
        rules: What a bundle must fulfil.
        quarantine: The quarantine.
        refetch: Whether what the lake has is fetched in full, whatever a fetch policy says.
        compare: Compares the lake's bytes with the announced content ids, and returns the dataset with what is found.
            None: whoever carries the decisions out does so.

    Raises:
        StoreError: The catalogue cannot be read.
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
            incomplete = find_incomplete(store, kind, some, known)
            known |= incomplete
            keep_versions(some, known)
            entries = quarantine.find(kind, some)
            types = _BundleTypes(rules)
            rows = map(known.get, identifiers)
            cases = [
                _Case(one, row, entry, types, _entry_changes(one, row))
                for one, row, entry in zip(some, rows, entries, strict=True)
            ]
            for case in cases if incomplete else ():
                case.is_incomplete = case.discovered.identifier in incomplete
            decisions += _decide_known(store, cases, rules, refetch=refetch, compare=compare)
    failpoint("decision.made")
    return decisions


def _decide_known(
    store: DatasetStore,
    cases: Sequence[_Case],
    rules: BundleRules,
    *,
    refetch: bool,
    compare: Callable[[Dataset, DatasetResource], Dataset] | None,
) -> list[Decision]:
    for case in cases:
        if case.discovered.resource.postponed is not None:
            case.action = Action.SKIP
        elif refetch and case.row is not None and case.discovered.resource.error is None:
            case.action, case.is_asked_for = Action.REFETCH, True
        elif case.entry is None:
            _decide_by_row(case)
        else:
            _decide_about_quarantined(case, case.entry, rules)
    # One query reads the full datasets of all that need them.
    full_ids = [
        case.row.dataset_id
        for case in cases
        if case.row is not None and case.action in (None, Action.METADATA, Action.CONFIRM, Action.REFETCH)
    ]
    full = {dataset.dataset_id: dataset for dataset in store.catalogue.datasets.get(full_ids)} if full_ids else {}
    decisions = []
    for case in cases:
        row = case.row
        if case.action is Action.UNCHANGED and case.error is None and row is not None:  # most of them, in most runs
            reasons = _left_out(case) if row.may_have_problems else ()
            decisions.append(
                Decision(case.discovered, case.action, dataset_id=row.dataset_id, entry=case.entry, reasons=reasons)
            )
            continue
        existing = None if row is None else full.get(row.dataset_id)
        if case.action is None:
            if existing is not None and compare is not None:
                existing = compare(existing, case.discovered.resource)
            _decide_by_dataset(case, existing, rules)
        decisions.append(
            Decision(
                case.discovered,
                case.action or Action.FETCH,
                existing,
                None if row is None else row.dataset_id,
                _reasons(case, existing, rules),
                case.error,
                case.entry,
                case.is_asked_for,
                case.first,
            )
        )
    return decisions


def _left_out(case: _Case) -> tuple[str, ...]:
    """Return which broken files a dataset lacks, even if the fetch policy does not want to ask for them."""
    feeds = None if case.row is None else case.row.summary.feeds
    lacks = describe_left_out(feeds or {}, case.discovered.resource.files)
    return (lacks,) if lacks else ()


def _reasons(case: _Case, existing: Dataset | None, rules: BundleRules) -> tuple[str, ...]:
    """Return the reasons for an action, for people."""
    entry = case.entry
    if case.discovered.resource.postponed is not None:
        return (case.discovered.resource.postponed,)
    if case.is_asked_for or case.is_incomplete:
        return ("it is asked for in full" if case.is_asked_for else "its identity gets the selector's attributes",)
    if case.action is Action.QUARANTINED and entry is not None:
        return tuple(entry.reasons)
    if entry is not None and case.action in (Action.FETCH, Action.REFETCH):
        why = "it is fetched anew" if rules.wants_unconditional(entry) else "it may have changed"
        return (f"in quarantine since {entry.created_at:%Y-%m-%d %H:%M}, and {why}",)
    if case.action is Action.REFETCH and existing is not None:
        return _reasons_to_refetch(case, existing, rules)
    if case.action is Action.FETCH:
        return ("not in the lake",)
    if case.action is Action.METADATA and case.row is not None:
        return tuple(_description_changes(case, case.row))
    if case.action in (Action.UNCHANGED, Action.CONFIRM):
        return _left_out(case)
    return ("the fetch policy does not want it",) if case.action is Action.SKIP else ()


def _reasons_to_refetch(case: _Case, existing: Dataset, rules: BundleRules) -> tuple[str, ...]:
    files = case.discovered.resource.files
    reasons = reasons_to_fetch(existing.summary, case.discovered.resource)
    reasons += [f"{file_id}: is no longer announced" for file_id in _find_lost(case, existing, rules)]
    if 0 < len(case.first) < len(files):
        one = "it is" if len(case.first) == 1 else "one of them is"
        reasons.append(f"the other files are asked for only if {one} there")
    if not reasons and case.row is not None and _is_described_anew(case, case.row):
        reasons = list(case.entry_changes)
    return tuple(reasons) or ("by the fetch policy",)


def _decide_about_quarantined(case: _Case, entry: QuarantineEntry, rules: BundleRules) -> None:
    """Decide without the fetch policy, as it does not know of the newest bundle: that one is in quarantine."""
    resource = case.discovered.resource
    if resource.error is not None:
        case.action, case.error = Action.FETCH, as_exception(resource.error)
    elif case.row is None:
        wanted = rules.wants_unconditional(entry) or rules.is_worth_asking(entry, resource)
        case.action = Action.FETCH if wanted else Action.QUARANTINED if entry.is_open else Action.SKIP
    elif entry.is_open and case.row.state is DatasetState.MISSING and resource.state is not DatasetState.MISSING:
        case.action = Action.METADATA  # it is listed again, so it is not MISSING any more
    elif (
        case.row.summary.current_state is RevisionState.VALIDATION_FAILED
        or rules.wants_unconditional(entry)
        or rules.is_worth_asking(entry, resource)
    ):
        case.action = Action.REFETCH
    elif entry.is_open:
        case.action = Action.QUARANTINED
    else:
        case.action = _without_fetching(case, case.row)


def _decide_by_row(case: _Case) -> None:
    resource, policy = case.discovered.resource, case.discovered.job.plan.fetch_policy
    if resource.error is not None:
        case.action, case.error = Action.FETCH, as_exception(resource.error)
        return
    try:
        if case.row is None:
            case.action = Action.FETCH if policy.should_fetch(resource) else Action.SKIP
        elif case.is_incomplete:
            case.action = Action.REFETCH
        elif (
            policy.can_skip(case.row.summary, resource)
            and not _may_have_lost(case, case.row)
            and not _is_described_anew(case, case.row)
        ):
            case.action = _without_fetching(case, case.row)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        case.action, case.error = Action.FETCH, _policy_error(policy, error)


def _decide_by_dataset(case: _Case, existing: Dataset | None, rules: BundleRules) -> None:
    if existing is None or case.row is None:
        case.action = Action.FETCH  # deleted since the set query
        return
    policy = case.discovered.job.plan.fetch_policy
    try:
        is_due = policy.should_refetch(existing, case.discovered.resource)
        is_other = bool(_find_lost(case, existing, rules)) or _is_described_anew(case, case.row)
        if is_due or is_other:
            case.action = Action.REFETCH
            if not (is_other or case.is_incomplete):
                case.first = _only_due(policy, existing, case.discovered.resource)
        else:
            case.action = _without_fetching(case, case.row)
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        case.action, case.error = Action.REFETCH, _policy_error(policy, error)


def _only_due(policy: FetchPolicy, existing: Dataset, resource: DatasetResource) -> frozenset[str]:
    """Return the files that may be absent, if the policy wants nothing of the dataset without them; else nothing."""
    absent = absent_and_due(existing.feeds, resource)
    if absent:
        others = copy.copy(resource)
        others.files = {file_id: file for file_id, file in resource.files.items() if file_id not in absent}
        if policy.should_refetch(existing, others):
            return frozenset()
    return absent


def _is_described_anew(case: _Case, row: KnownDataset) -> bool:
    """Whether the entry has another description of a dataset, so that its files are asked for as well.

    Name, score and files belong to one moment. Mostly the provider answers "not modified" for the files. The
    description of an adopted dataset was made by another program, so that it says nothing of the files.
    """
    if not case.entry_changes or not row.summary.has_revisions or row.is_adopted:
        return False
    discovered = case.discovered
    if _has_own_rule(discovered.job.plan.fetch_policy):
        return False
    files = discovered.resource.files
    return not files or any(file.url or file.json_content is not None for file in files.values())


def _has_own_rule(policy: FetchPolicy) -> bool:
    """Whether a fetch policy has its own rule for when to fetch. Then that rule decides."""
    return type(policy).should_refetch is not FetchPolicy.should_refetch


def _may_have_lost(case: _Case, row: KnownDataset) -> bool:
    """Whether the lake has files that the source does not announce. The full dataset tells from where they came."""
    files, feeds = case.discovered.resource.files, row.summary.feeds
    if feeds is None or feeds.keys() <= files.keys():  # mostly all of them are announced
        return False
    wanted = wanted_by(case.discovered)
    lost = [known for file_id, known in feeds.items() if file_id not in files]
    return any(known.present and (is_known_lost(known) or wanted(known.file_id)) for known in lost)


def _find_lost(case: _Case, existing: Dataset, rules: BundleRules) -> list[str]:
    """Return the files that the source no longer announces, although the plan asks for them.

    A file that an earlier run found lost is among them: a second run has to confirm it. A file that a complete dataset
    needs is kept, and is only returned the first time.
    """
    discovered = case.discovered
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
    """Return a function that says whether the plan asks for a file. A plan that names no feeds asks for all."""
    versions = discovered.job.plan.data_spec_versions
    if versions == DataSpecVersionCollection():
        return lambda _: True

    def wants(file_id: str) -> bool:
        feed, _, version = file_id.rpartition("__")
        return version in versions.versions_of(feed)

    return wants


def _without_fetching(case: _Case, row: KnownDataset) -> Action:
    if _description_changes(case, row):
        return Action.METADATA
    return Action.CONFIRM if row.is_adopted else Action.UNCHANGED


def _description_changes(case: _Case, row: KnownDataset) -> list[str]:
    """Return the changes of name, state and metadata, for people."""
    discovered = case.discovered
    resource = discovered.resource
    # If a fetch policy does not want the new version of a file yet, the old description stays with the old file.
    is_kept = bool(case.entry_changes) and _has_own_rule(discovered.job.plan.fetch_policy)
    changes = [] if is_kept and is_any_announced_anew(row.summary.feeds or {}, resource) else list(case.entry_changes)
    # If post_load_files finds the state out, it is not known before the files are loaded.
    if resource.post_load_files is None or row.state is DatasetState.MISSING:
        feeds = row.summary.feeds
        known = _feeds_of(() if feeds is None else tuple(feeds.keys()))
        # The required feeds may have changed since.
        bundle_type, missing = case.types.of(discovered, known)
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
