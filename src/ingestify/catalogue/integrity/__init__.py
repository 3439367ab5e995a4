"""Integrity of rows and objects.

- `integrity_check`: whether the rows agree with each other.
- `row_repair`: repairs of rows.
- `deletions`: the objects that lost their last row.
- `removals`: the objects that are being removed.
"""
