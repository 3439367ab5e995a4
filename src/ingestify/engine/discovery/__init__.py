"""What the provider has: plans become jobs, and a source is asked for its datasets.

- `source_calls`: calls of a source, with what its methods take.
- `planner`: plans, selectors and filters become jobs.
- `filter_keys`: the keys that can narrow a plan.
- `discovery`: a source is asked for its datasets, and its answer is read lazily.
- `discovered`: a dataset that a source announced.
- `metadata`: the JSON text of announced metadata.
- `duplicates`: a dataset that one listing has more than once.
- `not_listed`: the values of a caller's filters that no source lists.
- `source_context`: the state of one source in one run.
"""
