"""The use cases: plan, discover, decide, fetch, verify, commit, publish.

- `engine`: the object that users work with.
- `sources`: its plans, the HTTP clients of their sources, and open data.
- `discovery`, `decision`, `bundle`, `ingest`, `run`, `report`, `calls`: sub-rooms; see each.
- `offer`: the competitions and matches of a provider, without an ingest.
- `verifying`, `mirroring`, `adopting`: the use cases of `ingestify verify`, `copy` and `adopt`.
- `workers`: the pool of threads, the gate of a source, and the token that stops a run.
"""
