from __future__ import annotations

from ingestify.fetch.transport.headers import Headers


def test_names_are_found_in_any_case_and_kept_as_they_came() -> None:
    headers = Headers([("Content-Type", "text/plain"), ("ETag", '"1"')])
    assert headers["content-type"] == headers.get("CONTENT-TYPE") == "text/plain"
    assert ("etag" in headers, "link" in headers, headers.get("link")) == (True, False, None)
    assert list(headers) == ["Content-Type", "ETag"]
    assert len(headers) == 2


def test_a_name_that_comes_twice_is_one_list() -> None:
    assert dict(Headers([("Link", "<a>"), ("link", "<b>"), ("LINK", "<c>")])) == {"Link": "<a>, <b>, <c>"}
