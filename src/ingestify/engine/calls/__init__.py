"""A call of the engine in Python: what it yields, shows, warns of and raises.

- `reading`: datasets are yielded after an ingest, during one, or without one.
- `streaming`: datasets reach the reader the moment they are committed.
- `offline`: the lake serves datasets where a provider cannot be reached.
- `shown_run`, `shown_reading`: the progress line of a run, and of a loop that reads.
- `remarks`: warnings about what a run did not bring, and about the quarantine.
- `tracebacks`: an error is raised with the frames of the caller's own code only.
"""
