"""What is known of the files of an adopted dataset: one that the published package `ingestify` made.

That package compared the announced times of a dataset with the newest time of its files. A run that fetched a file with
a newer time asked for all other files of the dataset too. So each of its files counts as confirmed up to that newest
time. The first run over an adopted dataset takes this over as its own, and from then on it is a dataset like any other.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping

from ingestify.domain.announcement import is_settled, text_of_times_until
from ingestify.domain.dataset import Dataset
from ingestify.domain.feeds import file_id
from ingestify.domain.fetch_policy import is_announced_anew
from ingestify.domain.file import ANY_URL, FeedState, File, Validators
from ingestify.domain.resource import DatasetResource, FileResource

__all__ = ["adopted_feeds", "confirmed_feeds", "keep_former_versions"]


def adopted_feeds(files: Collection[File], etags: Mapping[str, str], checked_at: dt.datetime) -> dict[str, FeedState]:
    """Return the `Dataset.feeds` that an adopted dataset gets.

    Args:
        files: Its current files.
        etags: File id to the ETag, as it was sent, for each file that has one.
        checked_at: When the published package last looked at it.
    """
    newest = max((file.modified_at for file in files if file.modified_at is not None), default=None)
    announced = None if newest is None else text_of_times_until(newest)
    return {
        file.file_id: FeedState(
            file_id=file.file_id,
            present=True,
            modified_at=file.modified_at,
            validators=Validators(etags.get(file.file_id)),
            checked_at=checked_at,
            asked_for=ANY_URL,
            announced=announced,
        )
        for file in files
    }


def confirmed_feeds(existing: Dataset | None, resource: DatasetResource) -> list[FeedState]:
    """Return what the first run knows of the files of an adopted dataset by their announcement; else nothing.

    Args:
        existing: The dataset as the lake has it, or None.
        resource: The dataset as it is announced.
    """
    feeds = {} if existing is None else existing.feeds
    return [_confirmed(feed, resource) for feed in feeds.values() if feed.is_adopted]


def _confirmed(feed: FeedState, resource: DatasetResource) -> FeedState:
    file = resource.files.get(feed.file_id)
    if file is None:
        return dataclasses.replace(feed, asked_for="")
    if is_announced_anew(file, feed):
        return dataclasses.replace(feed, asked_for=file.asked_for)
    return dataclasses.replace(
        feed,
        modified_at=file.last_modified or feed.modified_at,
        asked_for=file.asked_for,
        announced=file.announced,
        settled=is_settled(file.last_modified, file.last_modified_grain, answered_at=None, asked_at=feed.checked_at),
    )


def keep_former_versions(resource: DatasetResource, there: Collection[str], former: Collection[str]) -> None:
    """Announce files under the versions that a dataset has them under already.

    Args:
        resource: The dataset as it is announced; it is changed.
        there: The ids of the files that are there.
        former: The source's `former_versions`.
    """
    for announced_as in resource.files:
        if announced_as not in there:
            break
    else:
        return  # mostly
    files: dict[str, FileResource] = {}
    for announced_as, file in resource.files.items():
        for version in former:
            known_as = file_id(file.data_feed_key, version)
            if (
                announced_as not in there
                and known_as in there
                and known_as not in (resource.files.keys() | files.keys())
            ):
                file.data_spec_version = version
        files[file.file_id] = file
    resource.files = files
