"""Broken files in bundles that are good without them: they are left out, remembered, and asked for again.

A dataset is complete without a feed that its bundle type names as optional. So a broken file of such a feed does not
keep the other files from readers: the bundle goes on as if the provider did not have the file. The problem is kept in
the file's `FeedState`, with the version that the provider gives the broken file. The next run asks whether the provider
still has that version. A file that a person left out of an accepted bundle is remembered in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from ingestify.domain.error_response import error_in_response
from ingestify.domain.file import NO_VALIDATORS, FeedState, Validators
from ingestify.domain.resource import FileResource
from ingestify.engine.bundle.loaded_file import NOTHING_FOUND, FileKind, LoadedResource
from ingestify.engine.report.report import one_line
from ingestify.errors import SourceError

if TYPE_CHECKING:
    from ingestify.engine.bundle.bundle import LoadedBundle

__all__ = [
    "describe_left_out",
    "is_known_to_be_bad",
    "leave_out_broken_files",
    "refuse_web_pages",
    "still_left_out",
    "validators_of_left_out",
    "wanted_unconditionally",
]

MOST_CHARACTERS = 300
"""The longest problem that is kept: it is part of the dataset's row."""

_WITH_BYTES = (FileKind.NEW, FileKind.HELD)


# ---- one file ---------------------------------------------------------------------------------------------


def validators_of_left_out(file: FileResource, known: FeedState) -> Validators:
    """Return the validators for a file that is left out: the ETag of the response that was left out.

    A date is not enough, as a repaired file may keep its date. A file loader gets none: it would take them for those of
    the file that the lake has.
    """
    if file.url is None or known.asked_for != file.asked_for:
        return NO_VALIDATORS
    return Validators(known.validators.etag)


def is_known_to_be_bad(file: FileResource, known: FeedState) -> bool:
    """Whether the announced version of a file shows that it is still the broken one, so that it need not be read."""
    return (
        known.is_left_out
        and not known.decided_by
        and file.content_version is not None
        and file.content_version == known.validators.etag
    )


def still_left_out(known: FeedState, feed: FeedState, *, in_lake: bool, date: str | None = None) -> LoadedResource:
    """Return a file of which the provider says that it is the one that was left out.

    Args:
        known: What is remembered of it.
        feed: What is known of it now.
        in_lake: Whether the current set has an older file in its place.
        date: The Date of the provider's response.
    """
    kind = FileKind.GONE if in_lake else FileKind.ABSENT
    return LoadedResource(kind, _as_left_out(feed, known), tag=known.left_out_tag, date=date)


def _as_left_out(feed: FeedState, known: FeedState) -> FeedState:
    return dataclasses.replace(
        feed,
        present=False,
        problem=known.problem,
        left_out_tag=known.left_out_tag,
        decided_by=known.decided_by,
    )


# ---- a bundle ---------------------------------------------------------------------------------------------


def leave_out_broken_files(bundle: LoadedBundle) -> None:
    """Note the problem of each loaded file, and make a broken one absent if the dataset can do without it."""
    entry = bundle.entry
    if entry is not None and not entry.is_open and bundle.equals_quarantined:
        return  # a person discarded this bundle
    broken, bad = False, {}
    for file_id, loaded in bundle.loaded.items():
        problem, decided_by = _problem_of(bundle, file_id, loaded)
        if problem:
            broken, loaded.feed = True, dataclasses.replace(loaded.feed, problem=problem, decided_by=decided_by)
        feed = loaded.feed
        if feed.problem and loaded.kind in _WITH_BYTES and bundle.bundle_type.can_do_without(feed.data_feed_key):
            bad[file_id] = feed
    if broken or bad:
        _leave_out(bundle, bad if _something_is_left(bundle, bad) else {})
    _leave_out_as_decided(bundle)


def refuse_web_pages(bundle: LoadedBundle) -> None:
    """Refuse a bundle in which an HTML page came in place of a file that the dataset needs.

    If others delivered the page, for instance to a folder, it is no response: then the checks reject it.

    Raises:
        FetchError: There is such a page.
    """
    for file_id, loaded in bundle.new.items():
        if loaded.findings.is_web_page:
            url = bundle.resource.files[file_id].url
            if url is not None or (loaded.draft is not None and loaded.draft.content_type is not None):
                raise error_in_response(f"{file_id}: {loaded.findings.problem}", url or "")


def _problem_of(bundle: LoadedBundle, file_id: str, loaded: LoadedResource) -> tuple[str, str]:
    """Return what is wrong with the bytes of a file, and who accepted them so; two empty texts: nothing."""
    if loaded.findings.problem:
        return one_line(SourceError(loaded.findings.problem))[:MOST_CHARACTERS], ""
    before: FeedState | None = None
    if not bundle.bundle_type.file_checks:
        return "", ""  # the findings of checks that are switched off do not count any more
    if loaded.kind is FileKind.UNCHANGED and bundle.existing is not None:
        before = bundle.existing.feeds.get(file_id)
    elif loaded.kind is FileKind.HELD and bundle.entry is not None:
        before = bundle.entry.feeds.get(file_id)
        if before is None or not before.problem:
            # An older version of ingestify did not keep problems for each file.
            start = f"{file_id}: "
            found = [reason.removeprefix(start) for reason in bundle.entry.reasons if reason.startswith(start)]
            return (found[0][:MOST_CHARACTERS] if found else ""), ""
    return ("", "") if before is None or not before.is_broken else (before.problem, before.decided_by)


def _something_is_left(bundle: LoadedBundle, bad: Collection[str]) -> bool:
    there = [file_id for file_id, one in bundle.loaded.items() if one.kind not in (FileKind.ABSENT, FileKind.GONE)]
    current = [] if bundle.existing is None else bundle.existing.files
    return any(file_id not in bad for file_id in (*there, *current))


def _leave_out(bundle: LoadedBundle, files: Mapping[str, FeedState]) -> None:
    """Leave out files, for the reasons that are known."""
    for file_id, known in files.items():
        loaded = bundle.loaded[file_id]
        in_lake = bundle.existing is not None and file_id in bundle.existing.files
        bundle.loaded[file_id] = msgspec.structs.replace(
            loaded,  # with its staged file, which is discarded in the end
            kind=FileKind.GONE if in_lake else FileKind.ABSENT,
            feed=_as_left_out(loaded.feed, dataclasses.replace(known, left_out_tag=loaded.tag)),
            draft=None,
            findings=NOTHING_FOUND,
        )
    bundle.compare()


def _leave_out_as_decided(bundle: LoadedBundle) -> None:
    """Leave out the files that a person left out, if nothing else changed: then the person's decision still holds."""
    decided = {} if bundle.existing is None else bundle.existing.feeds
    new = bundle.new
    if new and all(_is_what_was_left_out(decided.get(file_id), loaded) for file_id, loaded in new.items()):
        _leave_out(bundle, {file_id: decided[file_id] for file_id in new})


def _is_what_was_left_out(known: FeedState | None, loaded: LoadedResource) -> bool:
    return known is not None and known.is_left_out and bool(known.decided_by) and known.left_out_tag == loaded.tag


def wanted_unconditionally(bundle: LoadedBundle) -> list[str]:
    """Return the ids of files that were left out for a reason that does not hold any more, and are not loaded.

    A person decides about a whole bundle: with other files, the file may be right. A check may also be switched off.
    """
    return [
        file_id
        for file_id, loaded in bundle.loaded.items()
        if loaded.kind is FileKind.ABSENT
        and loaded.staged is None
        and loaded.feed.is_left_out
        and (bool(bundle.new) if loaded.feed.decided_by else not bundle.bundle_type.file_checks)
    ]


def describe_left_out(feeds: Mapping[str, FeedState], announced: Collection[str]) -> str:
    """Return which announced files of a dataset are left out because they are broken, for people; empty: none.

    Files that a person left out are not among them: that is decided.
    """
    found = [feeds[file_id] for file_id in announced if file_id in feeds]
    return "; ".join(
        f"{feed.file_id} is left out: {feed.problem}" for feed in found if feed.is_left_out and not feed.decided_by
    )
