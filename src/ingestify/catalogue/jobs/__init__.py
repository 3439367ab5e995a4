"""Jobs, and what runs keep for later runs.

- `job_log`: jobs and their tasks; `retention`: old jobs and events are removed.
- `locks`: job locks, in files or in memory; `session_locks`: on a database server; `held_lock`: a lock that a run has.
- `leases`: who writes to the lake.
- `selector_syncs`: the last sync of each selector.
- `host_waits`: the waits that hosts asked for.
- `request_budgets`: how many requests of each source were reserved.
- `watch_marks`: the moments that a `watch` keeps.
"""
