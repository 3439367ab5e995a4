"""Checks of bundles that other packages know how to describe: schemas of pandera, suites of Great Expectations.

- registry: the built-in types of checks in the settings.
- frame_check: what they share: a check of one feed as a data frame.
- pandera_schema: `PanderaSchema`.
- great_expectations_suite: `GreatExpectationsSuite`.
- data_docs: `write_data_docs`: Great Expectations' HTML pages of a lake.

The packages are imported when a run begins, and not when this is.
"""

from __future__ import annotations

from ingestify.quality.data_docs import write_data_docs
from ingestify.quality.frame_check import FrameCheck
from ingestify.quality.great_expectations_suite import GreatExpectationsSuite
from ingestify.quality.pandera_schema import PanderaSchema

__all__ = ["FrameCheck", "GreatExpectationsSuite", "PanderaSchema", "write_data_docs"]
