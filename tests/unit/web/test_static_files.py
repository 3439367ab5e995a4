"""The style sheets and scripts, as browsers get them."""

from __future__ import annotations

import re

import pytest

from ingestify.web.rendering import static_files


@pytest.mark.parametrize("name", sorted(static_files()))
def test_a_static_file_has_no_marks_of_an_unfinished_merge(name):
    text = static_files()[name].decode()
    assert not re.search("^(<{7}|={7}|>{7})", text, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(name for name in static_files() if name.endswith(".css")))
def test_every_brace_of_a_style_sheet_is_closed(name):
    text = static_files()[name].decode()
    assert text.count("{") == text.count("}")
