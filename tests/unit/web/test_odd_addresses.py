"""Whatever an address has, the answer is a page, and never a fault of the server."""

from __future__ import annotations

ODD = (
    "/datasets/%00",
    "/datasets/..%2f..%2fetc%2fpasswd",
    "/datasets/{match}/files/..%2f..%2fetc%2fpasswd",
    "/datasets/{match}/files/%00",
    "/datasets/{match}/shots/%ff%fe",
    "/datasets/{match}/diff/0..99999999999999999999",
    "/datasets/{match}/diff/-1..0",
    "/datasets/{match}/diff?before=%0d%0aX:1&after=0",
    "/datasets/{match}/r99999999999999999999/shots.svg",
    "/datasets/{match}/r²/shots.svg",
    "/datasets/{match}?revision=%00",
    "/datasets?after=~",
    "/datasets?after=%00",
    "/datasets?state=%00",
    "/datasets?competition_id=%00",
    "/datasets?where=1",
    "/datasets?as_of=x",
    "/datasets?has_warnings=x",
    "/datasets?dataset_id=x",
    "/datasets?selector=x",
    "/datasets?bucket=x",
    "/datasets?search=x",
    "/datasets?limit=-1",
    "/datasets?count=x",
    "/datasets?store=x",
    "/datasets?self=x",
    "/datasets?q=%ff%fe%ed%a0%80",
    "/datasets?q=" + "x%20" * 3000,
    "/datasets?%00=%00",
    "/coverage?page=99999",
    "/coverage?page=0",
    "/changes?after=x",
    "/quarantine/%00",
    "/quarantine?after=x",
    "/runs/%00",
    "/runs?after=x",
    "//evil.example/",
    "/static/..%2fapp.py",
    "/%2e%2e/%2e%2e/etc/passwd",
)


def test_an_odd_address_is_no_fault_of_the_server(client, address):
    for path in ODD:
        answer = client.get(path.format(match=address.rpartition("/")[2]), follow_redirects=False)
        assert answer.status_code < 500, path
        assert "root:" not in answer.text
        assert "evil.example" not in answer.headers.get("location", "")
        assert "x" not in {name.lower() for name in answer.headers}, path
