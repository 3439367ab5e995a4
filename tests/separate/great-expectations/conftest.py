"""Great Expectations is imported once, before the tests, whose warnings are errors: it warns of its own code."""

from __future__ import annotations

import importlib
import importlib.util
import warnings

from tests.support.checked_events import own_modules_are_forgotten as own_modules_are_forgotten

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("great_expectations") is None:
    collect_ignore_glob.append("test_*.py")
else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("great_expectations")
