from __future__ import annotations

import datetime as dt

from ingestify.domain.html_table import MOST_ROWS, html_table


def test_what_a_provider_calls_things_is_text_and_no_markup():
    shown = html_table(
        "<b>", ("a", "b"), [("<script>alert(1)</script>", None), (1, dt.datetime(2024, 5, 1, 18, 30))], 2
    )
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert shown.startswith("<p>&lt;b&gt;</p><table><thead><tr><th>a</th><th>b</th></tr></thead>")
    assert "<tr><td>1</td><td>2024-05-01 18:30</td></tr>" in shown


def test_secrets_of_urls_are_masked():
    assert "s3cr3t" not in html_table("x", ("why",), [("https://api.example.com/a?token=s3cr3t failed",)], 1)


def test_of_many_rows_the_first_are_shown_and_the_number_of_the_others():
    shown = html_table("x", ("n",), ((number,) for number in range(1000)), 1000)
    assert shown.count("<tr>") == MOST_ROWS + 1
    assert "… and 950 more" in shown


def test_of_nothing_there_is_no_table():
    assert html_table("0 datasets", ("n",), [], 0) == "<p>0 datasets</p>"
