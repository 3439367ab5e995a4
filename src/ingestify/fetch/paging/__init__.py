"""Listings that a provider gives page by page.

- `pages`: the pagers, which find the next page, and the items of a page.
- `page_walk`: the walk from page to page, its end, and signs that the listing is incomplete.
- `paged_file`: a file that is made of all pages.
"""
