"""Warnings of files and feeds that a dataset lacks, or that its provider no longer has."""

from __future__ import annotations

import logging

from ingestify.domain.dataset import DatasetState
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.source_context import SourceContext
from ingestify.progress.printable import PrintableLogger

__all__ = ["warn_of_further_missing_feeds", "warn_of_missing_feeds"]

logger = PrintableLogger(__name__)

_NO_LONGER_THERE = "no longer there"


def warn_of_missing_feeds(bundle: LoadedBundle, discovered: Discovered, source_context: SourceContext) -> None:
    """Warn of files that the provider no longer has, and of feeds that a dataset lacks: once for each dataset type."""
    resource = bundle.resource
    removed = bundle.removed
    for file_id in bundle.lost:
        if file_id in removed:
            what = "it leaves the current revision, and stays in those before it"
        elif bundle.is_unasked(file_id):
            continue  # the plan does not ask for it, so nothing follows
        elif bundle.is_described_anew:
            what = "the lake keeps its copy, with the name and metadata that go with it"
        else:
            what = "nothing else changed, so the lake keeps its copy"
        loaded = bundle.loaded.get(file_id)
        left_out = loaded is not None and loaded.feed.is_left_out
        problem = loaded.feed.problem if loaded is not None and left_out else ""
        has = "has a broken" if left_out else "no longer has"
        # A provider mostly withdraws a feed of a whole season. A line for each match would hide all other lines.
        is_first = source_context.tells_first(_NO_LONGER_THERE, resource.dataset_type, f"{has} '{file_id}'", what)
        logger.log(
            logging.WARNING if is_first else logging.INFO,
            "%s/%s/%s: the provider %s '%s'%s; %s.",
            discovered.provider,
            resource.dataset_type,
            discovered.identifier,
            has,
            file_id,
            f" ({problem})" if problem else "",
            what,
        )
    if resource.state is not DatasetState.COMPLETE or not bundle.missing_feeds:
        return
    # A file that is broken, or that a person left out, is told of elsewhere: the settings do not change that.
    left_out_feeds = {
        resource.files[file_id].data_feed_key for file_id, one in bundle.loaded.items() if one.feed.is_left_out
    }
    missing = tuple(feed for feed in bundle.bundle_type.lacking(bundle.feeds) if feed not in left_out_feeds)
    if missing and source_context.tells_first("lacks", resource.dataset_type, *missing):
        logger.warning(
            "%s: %s lacks %s, so its state is %s, as for other datasets of this type. If a %s of '%s' never has more, "
            "set `requires` under dataset_types, or bundle_types of its source.",
            discovered.job.source_name,
            discovered.name,
            ", ".join(missing),
            bundle.state,
            resource.dataset_type,
            discovered.provider,
        )


def warn_of_further_missing_feeds(source_context: SourceContext) -> None:
    """Warn, at the end of a run, of how many more datasets the provider no longer has a file that was told once."""
    for what, count in source_context.told.items():
        if what[0] == _NO_LONGER_THERE and count > 1:
            _, dataset_type, lost, consequence = what
            logger.warning(
                "%s: the same for %d more datasets of the type '%s': the provider %s; %s (the log at INFO lists them, "
                "and so does -v).",
                source_context.source.name,
                count - 1,
                dataset_type,
                lost,
                consequence,
            )
