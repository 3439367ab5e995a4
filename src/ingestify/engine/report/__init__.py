"""The result of a run, as data.

- `report`: the progress of a run's jobs, and the listener that hears of it.
- `listing`: which datasets a source listed for one selector.
- `left_alone`: work that is skipped because a host must be left alone or cannot be reached.
- `health`: when each planned selector was last ingested, for monitoring.
"""
