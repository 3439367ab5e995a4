"""Keeps the provisional revisions that a lock, a reading as of a moment, or an export names: they are never thinned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.ports import Catalogue
from ingestify.domain.thinning import LIVE_FOR, find_live_time
from ingestify.errors import SaveError
from ingestify.progress.formatting import counted
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy

__all__ = ["ZoneOf", "as_of", "iter_kept"]

logger = PrintableLogger(__name__)

ZoneOf: TypeAlias = Callable[[Dataset], dt.tzinfo]

_AT_ONCE = 500


def as_of(catalogue: Catalogue, datasets: Sequence[Dataset], moment: dt.datetime, zone_of: ZoneOf) -> list[Dataset]:
    """Return datasets as they were at a moment. A warning names those of which the revision of then was thinned.

    Args:
        catalogue: Where provisional revisions are kept.
        datasets: As they are now.
        moment: In UTC.
        zone_of: Returns the zone of a dataset's kick-off.
    """
    then = [dataset.as_of(moment) for dataset in datasets]
    has_passed = moment < now() - LIVE_FOR
    # A revision that is still the last one of its match, hours later, is not thinned.
    live = [
        place
        for place, (one, dataset) in enumerate(zip(then, datasets, strict=True))
        if not (has_passed and one is dataset) and _is_live(dataset, moment, zone_of)
    ]
    if live and _keep(
        catalogue, [then[place] for place in live], f"a reading as of {moment:%Y-%m-%d %H:%M:%S} UTC", zone_of
    ):
        # They may have been thinned meanwhile.
        again = {one.dataset_id: one for one in catalogue.datasets.get([datasets[place].dataset_id for place in live])}
        datasets = [again.get(dataset.dataset_id, dataset) for dataset in datasets]
        for place in live:
            then[place] = datasets[place].as_of(moment)
    thinned = [
        datasets[place]
        for place in live
        if any(one.created_at <= moment for one in datasets[place].revisions[len(then[place].revisions) :])
    ]
    if thinned:
        logger.warning(
            "Of %s, the revision of %s UTC was thinned (retention); the one before it is read: %s%s.",
            counted(len(thinned), "dataset"),
            f"{moment:%Y-%m-%d %H:%M}",
            thinned[0],
            ", …" if len(thinned) > 1 else "",
        )
    return then


def iter_kept(catalogue: Catalogue, datasets: Iterable[Dataset], why: str, zone_of: ZoneOf) -> Iterator[Dataset]:
    """Yield datasets, and keep the provisional ones of their last revisions.

    Args:
        catalogue: Where they are kept.
        datasets: Datasets with the revisions that are named.
        why: What names them, for people.
        zone_of: Returns the zone of a dataset's kick-off.
    """
    batch: list[Dataset] = []
    for dataset in datasets:
        batch.append(dataset)
        if len(batch) == _AT_ONCE:
            _keep(catalogue, batch, why, zone_of)
            yield from batch
            batch = []
    _keep(catalogue, batch, why, zone_of)
    yield from batch


def _is_live(dataset: Dataset, moment: dt.datetime, zone_of: ZoneOf) -> bool:
    live = find_live_time(dataset, zone_of(dataset))
    return live is not None and live[0] <= moment < live[1]


def _keep(catalogue: Catalogue, named: Sequence[Dataset], why: str, zone_of: ZoneOf) -> bool:
    """Keep those revisions that are provisional. Returns whether any was not kept before."""
    wanted = {
        (one.dataset_id, number)
        for one in named
        if one.revisions and _is_live(one, one.revisions[-1].created_at, zone_of)
        for number in {one.revisions[-1].revision_id, *(file.revision_id for file in one.files.values())}
    }
    kept = catalogue.kept_revisions.find(sorted({dataset_id for dataset_id, _ in wanted})) if wanted else {}
    new = {(dataset_id, number) for dataset_id, number in wanted if number not in kept.get(dataset_id, ())}
    if not new:
        return False
    try:
        catalogue.kept_revisions.keep(new, why)
    except SaveError as error:
        logger.warning(
            "There is %s of %s, and the catalogue cannot note it: %s %s may thin such revisions in two days, if the "
            "settings say so (retention: live_revisions).",
            why,
            counted(len(new), "provisional revision"),
            error,
            remedy("gc"),
        )
        return False
    return True
