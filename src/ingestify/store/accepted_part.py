"""Which files of a bundle are published when a person accepts it from quarantine, and the dataset's state then."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import msgspec

from ingestify.domain.bundle import BundleType, usual_bundle_types
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import FeedState, NewFile, Validators
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.errors import ConfigurationError, SaveError
from ingestify.remedies import remedy

__all__ = ["AcceptedPart", "built_in_type_of", "choose_part"]

_MOST_CHARACTERS = 300


class AcceptedPart(msgspec.Struct, frozen=True):
    """The part of a bundle that is published, and the dataset after that.

    Attributes:
        files: The files that the lake does not have.
        left_out: The ids of files that are no part of the dataset any more, or do not become one.
        removed_file_ids: The ids of files that leave the current set.
        feeds: What is remembered of each file.
        missing_feeds: The feeds that the dataset lacks.
        state: The state of the dataset.
        described: `, without 360-frames__v1`, for the revision's description; empty: nothing is left out.
    """

    files: tuple[NewFile, ...]
    left_out: frozenset[str]
    removed_file_ids: tuple[str, ...]
    feeds: list[FeedState]
    missing_feeds: tuple[str, ...]
    state: DatasetState
    described: str


def built_in_type_of(entry: QuarantineEntry) -> BundleType:
    """Return what a complete dataset of an entry's kind holds, by what is built in: without settings and sources."""
    found = usual_bundle_types(entry.dataset_type, {state.data_feed_key for state in entry.feeds.values()})
    return found[0] if found else BundleType(entry.dataset_type)


def choose_part(
    entry: QuarantineEntry,
    existing: Dataset | None,
    bundle_type: BundleType,
    without: Sequence[str],
    decided_by: str,
    note: str,
) -> AcceptedPart:
    """Choose the part of a bundle that is published when its entry is accepted.

    `existing` is the dataset as the lake has it; `without` names feeds, or file ids, that the person leaves out.

    Raises:
        ConfigurationError: There is no such feed.
        SaveError: No file would be left.
    """
    current = {} if existing is None else existing.files
    new = {file.file_id: file for file in entry.files}
    feed_of = {file.file_id: file.data_feed_key for file in current.values()}
    feed_of |= {file.file_id: file.data_feed_key for file in entry.files}
    named = _named(entry, without, feed_of)
    broken = {file_id: problem for file_id in new if (problem := _problem_of(entry, file_id))}
    left_out = named | {file_id for file_id in broken if bundle_type.can_do_without(feed_of[file_id])}
    files = tuple(file for file_id, file in new.items() if file_id not in left_out)
    leaving = [file_id for file_id in current if file_id in left_out and file_id not in entry.removed_file_ids]
    removed = (*entry.removed_file_ids, *leaving)
    remaining = {feed_of[one] for one in feed_of if one not in left_out and one not in entry.removed_file_ids}
    if not remaining:
        raise SaveError(
            f"The quarantine entry {entry.entry_id} of {entry} cannot be accepted: nothing of it would be left. Throw "
            f"it away with {remedy('quarantine discard', entry.entry_id)}."
        )
    tags = {file.file_id: file.tag for file in current.values()} | {file.file_id: file.tag for file in entry.files}
    said = f": {note}" if note else ""
    feeds: list[FeedState] = []
    known = {} if existing is None else existing.feeds
    for file_id in dict.fromkeys((*entry.feeds, *left_out)):
        feed = entry.feeds.get(file_id) or known.get(file_id)
        if feed is None:
            continue  # it is another source's
        if file_id in named:
            problem = f"left out by {decided_by}{said}"[:_MOST_CHARACTERS]
            feed = _as_left_out(feed, problem, tags[file_id], decided_by)
        elif file_id in left_out:
            feed = _as_left_out(feed, broken[file_id], tags[file_id], "")
        elif file_id in broken:
            feed = dataclasses.replace(feed, problem=broken[file_id], decided_by=decided_by)
        feeds.append(feed)
    # The feeds that the rejecting run found missing, and those of files that are broken or left out.
    needed = [feed_of[file_id] for file_id in broken if file_id not in left_out]
    needed += [feed_of[file_id] for file_id in left_out if feed_of[file_id] not in remaining]
    missing = [feed for feed in entry.missing_feeds if feed not in {feed_of[one] for one in broken if one in left_out}]
    missing += [feed for feed in needed if not bundle_type.can_do_without(feed)]
    state = entry.dataset_state
    return AcceptedPart(
        files=files,
        left_out=frozenset(left_out),
        removed_file_ids=removed,
        feeds=feeds,
        missing_feeds=tuple(dict.fromkeys(missing)),
        state=DatasetState.PARTIAL if missing and state is DatasetState.COMPLETE else state,
        described=f", without {', '.join(sorted(left_out))}" if left_out else "",
    )


def _named(entry: QuarantineEntry, without: Sequence[str], feed_of: dict[str, str]) -> set[str]:
    """Return the ids of the files that a person names by feed or by file id."""
    named: set[str] = set()
    for one in without:
        found = {file_id for file_id, feed in feed_of.items() if one in (feed, file_id)}
        if not found:
            raise ConfigurationError(
                f"The quarantine entry {entry.entry_id} of {entry} has no feed '{one}'; there are "
                f"{_in_words(set(feed_of.values()))}."
            )
        named |= found
    return named


def _problem_of(entry: QuarantineEntry, file_id: str) -> str:
    """Return what the check of one file found."""
    state = entry.feeds.get(file_id)
    if state is not None and state.problem:
        return state.problem
    # Older entries keep the problems of files in their reasons only.
    start = f"{file_id}: "
    return next((reason.removeprefix(start) for reason in entry.reasons if reason.startswith(start)), "")


def _as_left_out(state: FeedState, problem: str, tag: str, decided_by: str) -> FeedState:
    return dataclasses.replace(
        state,
        present=False,
        validators=Validators(state.validators.etag),
        problem=problem,
        left_out_tag=tag,
        decided_by=decided_by,
    )


def _in_words(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
