"""Decides whether a dataset is fetched, and when it is fetched again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.clock import now
from ingestify.domain.dataset import Dataset, DatasetSummary
from ingestify.domain.file import FeedState
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.domain.revision import RevisionState

__all__ = [
    "FetchPolicy",
    "absent_and_due",
    "is_announced_anew",
    "is_any_announced_anew",
    "reasons_to_fetch",
    "why_due",
]


class FetchPolicy:
    """Decides what is fetched; subclass it to fetch more rarely, or more often.

    The base policy fetches every dataset that is not in the lake. It fetches a dataset again

    - when a file is new;
    - when a file is announced with another time or version than when it was last confirmed, later or earlier: a
      provider's time is a version, without an order (docs/change.md);
    - when a file may have changed once more under the same time;
    - when the current revision is `VALIDATION_FAILED`.

    A file for which the provider gives no time is requested in every run, with the validators that the provider sent.

    The threads of a run call the methods, one at a time, before they fetch anything of the dataset. The methods must
    not block.

    Args:
        **configuration: What the plan's `fetch_policy: {type:, configuration:}` says.
    """

    def __init__(self, **configuration: Any) -> None:
        self.configuration = configuration

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # can_skip decides before should_refetch, so a policy that overrides only should_refetch must never skip.
        if "should_refetch" in cls.__dict__ and "can_skip" not in cls.__dict__:
            cls.can_skip = _never_sure  # type: ignore[method-assign]

    def should_fetch(self, dataset_resource: DatasetResource) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether to fetch a dataset that is not in the lake."""
        return True

    def can_skip(self, summary: DatasetSummary, dataset_resource: DatasetResource) -> bool:
        """Return True only if the summary alone shows that nothing needs to be fetched."""
        if summary.feeds is None or not summary.has_revisions:
            return False
        if summary.current_state is RevisionState.VALIDATION_FAILED:
            return False
        return not _any_due(summary.feeds, dataset_resource)

    def should_refetch(self, dataset: Dataset, dataset_resource: DatasetResource) -> bool:
        """Return whether to fetch a dataset again that is in the lake."""
        current = dataset.revisions[-1] if dataset.revisions else None
        if current is None or current.state is RevisionState.VALIDATION_FAILED:
            return True
        return _any_due(dataset.feeds, dataset_resource)


def _never_sure(
    self: FetchPolicy,  # noqa: ARG001 - the signature of the method it stands for
    summary: DatasetSummary,  # noqa: ARG001
    dataset_resource: DatasetResource,  # noqa: ARG001
) -> bool:
    return False


def is_announced_anew(file: FileResource, known: FeedState) -> bool:
    """Return whether the announced version of a file differs from the one that was last confirmed."""
    if is_other_content(file, known):
        return True
    is_announced = file.content_version is not None or file.last_modified is not None
    return is_announced and not file.known_unchanged and not file.is_announced_as(known.announced)


def is_other_content(file: FileResource, known: FeedState) -> bool:
    """Return whether the source says that a file has other bytes than those that were last confirmed."""
    return bool(known.content_id) and file.content_id is not None and file.content_id != known.content_id


def is_any_announced_anew(feeds: Mapping[str, FeedState], resource: DatasetResource) -> bool:
    """Return whether the announced version of any confirmed file differs."""
    return any(file_id in feeds and is_announced_anew(file, feeds[file_id]) for file_id, file in resource.files.items())


def _any_due(feeds: Mapping[str, FeedState], resource: DatasetResource) -> bool:
    # Of `FeedStates`; to ask whether it is one takes longer than all the rest.
    settled_as = getattr(feeds, "settled_as", None)
    for file_id, file in resource.files.items():
        settled = None if settled_as is None else settled_as(file_id)
        # Mostly it is there, and settled under the version and content id that are announced now: then `why_due` gives
        # no reason, and no feed state has to be made for it.
        if settled is not None and file.content_id in (None, settled[1]) and file.is_announced_as(settled[0]):
            continue
        if why_due(file, feeds.get(file_id)):
            return True
    return False


def why_due(file: FileResource, known: FeedState | None) -> str:
    """Return why the base policy requests a file, for people; empty if it does not."""
    if known is None:
        return "new file"
    if not known.present:
        if not known.is_left_out:
            return _why_absence_due(file, known)
        # The problem text of a file that a person left out says so itself.
        return known.problem if known.decided_by else f"its newest version is left out: {known.problem}"
    if file.known_unchanged:
        return ""
    is_same_content = file.content_id is not None and file.content_id == known.content_id
    if file.content_id is not None and not (is_same_content or known.is_adopted):
        return "other content" if known.content_id else "its content was not compared with the provider's list yet"
    return _why_announcement_due(file, known, is_same_content=is_same_content)


def _why_announcement_due(file: FileResource, known: FeedState, *, is_same_content: bool) -> str:
    """Return why the time or version of a file that is there makes it due; empty if it does not."""
    if file.content_version is None and file.last_modified is None:
        return "" if is_same_content else "checked in each run, because no time is announced for it"
    if not file.is_announced_as(known.announced):
        if file.content_version is not None:
            return "another version"
        return f"changed {_shown(file.announced)}, was {_shown(known.announced)}"
    if not (known.settled or is_same_content):
        return f"was confirmed so soon after {_shown(file.announced)} that it may have changed once more"
    return ""


def absent_and_due(feeds: Mapping[str, FeedState], resource: DatasetResource) -> frozenset[str]:
    """Return the files that may be absent, if no other file of the dataset is due; else nothing.

    The provider is asked for these alone. If one of them is there by now, the other files are asked for as well.
    """
    due = {file_id: file for file_id, file in resource.files.items() if why_due(file, feeds.get(file_id))}
    return (
        frozenset(due)
        if all(_may_be_absent(file, feeds.get(file_id)) for file_id, file in due.items())
        else frozenset()
    )


def _may_be_absent(file: FileResource, known: FeedState | None) -> bool:
    """Whether the last request found that the file is not there, or the first one may."""
    if known is None:
        return file.url is not None and bool(file.http_options.get("ignore_not_found"))
    return not known.present and not known.is_left_out


def _why_absence_due(file: FileResource, known: FeedState) -> str:
    """Return why a file with an allowed 404 is requested again: it is announced anew, or the last request is old."""
    if file.content_id is not None:
        return "was not there, and is there now"
    if is_announced_anew(file, known):
        return "was not there, and is announced again"
    recheck_after_seconds = file.http_options.get("recheck_after_seconds")
    if file.content_version is not None and recheck_after_seconds is None:
        return ""
    # A request in the future was made by a clock that was ahead.
    if recheck_after_seconds is None or not 0 <= (now() - known.checked_at).total_seconds() < recheck_after_seconds:
        return f"was not there on {known.checked_at:%Y-%m-%d %H:%M:%S}"
    return ""


def _shown(announced: str | None) -> str:
    """Return an announced value for people: a time without its zone, which is UTC."""
    return "nothing" if announced is None else announced.removesuffix("+00:00").replace("T", " ")


def reasons_to_fetch(summary: DatasetSummary, resource: DatasetResource) -> list[str]:
    """Return why the base policy fetches a dataset of the lake again, for people."""
    if not summary.has_revisions:
        return ["no files yet"]
    reasons = []
    if summary.current_state is RevisionState.VALIDATION_FAILED:
        reasons.append("the current revision was invalidated")
    of_files: dict[str, list[str]] = {}
    for file_id, file in resource.files.items():
        why = why_due(file, (summary.feeds or {}).get(file_id))
        if why:
            of_files.setdefault(why, []).append(file_id)
    return reasons + [f"{', '.join(file_ids)}: {why}" for why, file_ids in of_files.items()]
