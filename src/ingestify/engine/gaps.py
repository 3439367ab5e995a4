"""What a dataset lacks, or lost at its provider, and is kept all the same: people are warned of it."""

from __future__ import annotations

import logging

from ingestify.domain.dataset import DatasetState
from ingestify.engine.bundle import LoadedBundle
from ingestify.engine.discovery import Discovered
from ingestify.engine.lanes import SourceLane

__all__ = ["warn_of_gaps"]

logger = logging.getLogger(__name__)


def warn_of_gaps(bundle: LoadedBundle, discovered: Discovered, lane: SourceLane) -> None:
    """Warn of files that the provider no longer has, and, once for a kind of dataset, of feeds that it lacks."""
    resource = bundle.resource
    removed = bundle.removed
    for file_id in bundle.no_more if bundle.loaded else ():
        if file_id in removed:
            what = "it leaves the current revision, and stays in those before it"
        else:
            what = "nothing else changed, so the lake keeps its copy"
        look = bundle.loaded.get(file_id)
        left_out = look is not None and look.feed.is_left_out
        problem = look.feed.problem if look is not None and left_out else ""
        logger.warning(
            "%s/%s/%s: the provider %s '%s'%s; %s.",
            discovered.provider,
            resource.dataset_type,
            discovered.identifier,
            "has a broken" if left_out else "no longer has",
            file_id,
            f" ({problem})" if problem else "",
            what,
        )
    # Not what is broken: that is told by itself, and is no matter of the settings.
    missing = bundle.lacking_feeds
    if resource.state is not DatasetState.COMPLETE or not missing:
        return
    if lane.tells_first("lacks", resource.dataset_type, *missing):
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
