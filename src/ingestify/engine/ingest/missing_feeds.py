"""What a dataset lacks, or lost at its provider, and is kept all the same: people are warned of it."""

from __future__ import annotations

import logging

from ingestify.domain.dataset import DatasetState
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.source_context import SourceContext
from ingestify.progress.printable import PrintableLogger

__all__ = ["warn_of_gaps", "warn_of_more_gaps"]

logger = PrintableLogger(__name__)

_GAP = "gap"


def warn_of_gaps(bundle: LoadedBundle, discovered: Discovered, source_context: SourceContext) -> None:
    """Warn of files that the provider no longer has, and of feeds that a dataset lacks: once for a kind of dataset."""
    resource = bundle.resource
    removed = bundle.removed
    for file_id in bundle.no_more if bundle.is_looked_at else ():
        if file_id in removed:
            what = "it leaves the current revision, and stays in those before it"
        elif bundle.is_unasked(file_id):
            continue  # that it is not announced says nothing
        elif bundle.is_described_anew:
            what = "the lake keeps its copy, with the name and metadata that go with it"
        else:
            what = "nothing else changed, so the lake keeps its copy"
        look = bundle.loaded.get(file_id)
        left_out = look is not None and look.feed.is_left_out
        problem = look.feed.problem if look is not None and left_out else ""
        has = "has a broken" if left_out else "no longer has"
        # A feed is mostly withdrawn of a whole season: a line for each match would hide all others.
        is_first = source_context.tells_first(_GAP, resource.dataset_type, f"{has} '{file_id}'", what)
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
    # Not what is broken, or left out by somebody: that is told by itself, and is no matter of the settings.
    left_out_feeds = {
        resource.files[file_id].data_feed_key for file_id, look in bundle.loaded.items() if look.feed.is_left_out
    }
    missing = tuple(feed for feed in bundle.lacking_feeds if feed not in left_out_feeds)
    if resource.state is not DatasetState.COMPLETE or not missing:
        return
    if source_context.tells_first("lacks", resource.dataset_type, *missing):
        logger.warning(
            "%s: %s lacks %s, so it is kept as %s, and so are others like it. If that is all that a %s of '%s' "
            "has, say so with `requires` under dataset_types, or with bundle_types of its source.",
            discovered.job.source_name,
            discovered.name,
            ", ".join(missing),
            bundle.state,
            resource.dataset_type,
            discovered.provider,
        )


def warn_of_more_gaps(source_context: SourceContext) -> None:
    """At the end of a run, say of how many more datasets the provider no longer has what it was warned of once."""
    for what, count in source_context.told.items():
        if what[0] == _GAP and count > 1:
            _, dataset_type, lost, consequence = what
            logger.warning(
                "%s: of %d more of the type '%s' the provider %s; %s (the log at INFO names them, as -v shows it).",
                source_context.source.name,
                count - 1,
                dataset_type,
                lost,
                consequence,
            )
