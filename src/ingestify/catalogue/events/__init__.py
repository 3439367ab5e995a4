"""The event log.

- `event_log`: the events, in commit order.
- `event_readers`: the position of each reader, and its failures.
"""
