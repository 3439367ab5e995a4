"""Domain events for subscribers, readers and publishers.

- `dispatcher`: tells subscribers in this process.
- `consumer`: delivers the event log to readers, each with its own cursor.
- `cursor`: the lock, the position and the failures of one reader.
- `relay`: passes the event log on to a publisher.
- `payload`: what is in a message about an event.
"""
