"""The use cases: plan, discover, decide, fetch, verify, commit, publish.

- `engine`: the object that users work with.
- `sources`: its plans, the HTTP clients of their sources, and open data.
- `discovery`, `decision`, `bundle`, `ingest`, `run`, `report`, `calls`, `watching`, `keeping`: sub-rooms; see each.
- `offer`: the competitions and matches of a provider, without an ingest.
- `workers`: the pool of threads, the gate of a source, and the token that stops a run.
"""
