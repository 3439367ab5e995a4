"""Domain events for subscribers and readers.

- `dispatcher`: tells subscribers in this process.
- `consumer`: delivers the event log to readers, each with its own cursor.
"""
