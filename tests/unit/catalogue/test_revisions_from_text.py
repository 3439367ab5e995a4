from __future__ import annotations

import math

import pytest

from ingestify.catalogue.rows import json_text, json_value, revisions_from_text
from ingestify.errors import StoreError


@pytest.mark.parametrize("value", ["\ud800", {"a": [math.inf, -math.inf]}, 10**30, {"é": None}, [1.5, True, "\x00"]])
def test_what_was_written_is_read_also_if_only_python_takes_it_for_json(value):
    assert json_value(json_text(value)) == value


def test_not_a_number_is_read():
    assert math.isnan(json_value(json_text(math.nan)))


def test_a_text_that_a_database_has_cut_is_an_error_that_says_what_to_do():
    with pytest.raises(StoreError, match="max_allowed_packet"):
        revisions_from_text('[[0,"2024-05-01T00:00:00.000000Z","VALID"', "[]")


def test_no_rows_are_no_revisions():
    assert revisions_from_text(None, None) == ()
