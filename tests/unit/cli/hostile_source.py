"""A source that puts what a terminal obeys into every text that it may choose."""

from __future__ import annotations

import datetime as dt
import logging
import warnings

import polars as pl

from ingestify import BundleCheck, BundleType, DatasetResource, DraftFile, Source, Subscriber

READABLE = "Málaga 中文 👩‍👩‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 نیم‌فاصله"
EVIL = (
    f"{READABLE}\x1b]0;owned\x07\x1b[2J\x1b[8mhidden\nFAKE 2 matches: 0 failed\r\x9b8m"
    "\x85FAKE\u2028FAKE\u202egpj\u2066\x7f\t."
)
HALF = "\udc80"
TODAY = dt.datetime.now(dt.UTC).date().isoformat()

logger = logging.getLogger("somebody_else")


def make_frame(files, dataset):
    """A table whose function says something evil of one match."""
    if dataset.identifier["match_id"] == 3:
        raise ValueError(EVIL)
    return pl.DataFrame({"text": [EVIL]})


class HostileSource(Source):
    """Matches whose texts are evil; `EVIL` in its description, too: \x1b[8m."""

    provider = "hostile"
    licence = EVIL
    attribution = EVIL
    bundle_types = (BundleType("match", requires=("events",), optional=("heatmap",)),)

    def discover_selectors(self, dataset_type):
        selectors = [{"season": EVIL, "_name": EVIL}]
        return (
            [*selectors, {"season": f"down {EVIL}", "_name": EVIL}] if self.configuration.get("is_down") else selectors
        )

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season, **_):
        if season.startswith("down"):
            raise ValueError(EVIL)
        logger.warning("it is odd: %s", EVIL)
        warnings.warn(f"it is odd: {EVIL}", stacklevel=1)
        for match_id in (1, f"x{EVIL}", 3):
            resource = DatasetResource(
                {"match_id": match_id},
                "match",
                name=f"{match_id} {EVIL}",
                metadata={EVIL: EVIL, "xg": self._xg(match_id), "match_date": TODAY},
            )
            resource.add_file(None, "events", data_serialization_format="txt", file_loader=self._load)
            if match_id == 3 and self.configuration.get("is_down"):
                resource.add_file(
                    None,
                    "heatmap",
                    data_serialization_format="json",
                    file_loader=lambda *_: _draft(f"<html>{EVIL}", "heatmap"),
                )
            yield resource

    def _xg(self, match_id):
        return EVIL if match_id == 3 else 1.5

    def _load(self, file, current, dataset_resource):
        if self.configuration.get("is_down") and dataset_resource.dataset_resource_id["match_id"] == 1:
            raise ValueError(f"{EVIL}{HALF}")
        return _draft(f"{EVIL} {self.configuration.get('version', 1)}", "events", "txt")


def _draft(text, feed, form="json"):
    return DraftFile.from_input(text, feed, "v1", form, modified_at=dt.datetime(2024, 5, 1))


class Refuses(BundleCheck):
    """Refuses every second version, in evil words."""

    def find_problems(self, bundle):
        for file in bundle.files.values():
            if file.text().rstrip().endswith("2"):
                yield f"it is {EVIL}"


class Hook(Subscriber):
    def on_dataset_created(self, event):
        raise ValueError(EVIL)
