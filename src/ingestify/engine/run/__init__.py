"""One run: it discovers jobs, decides about their datasets, ingests and commits them.

- `run`: the run, from its plans to its report.
- `options`: how a run works.
- `decider`: decides about discovered datasets, has them ingested, and ends them.
- `committer`: commits changes in groups, in one thread.
- `notifier`: tells subscribers and readers of datasets that need no commit.
- `notices`: tells subscribers that the run began, and what it came to.
- `jobs`: the jobs of the run, and their rows in the catalogue.
- `job_locks`: only one run at a time works on a job.
- `completion`: what the run has not finished.
- `by_worth`: the order in which the datasets of a source with a budget are asked for.
- `collecting`: a source that submits work to its provider, and collects it later.
- `missing_detection`: datasets of the lake that are no longer listed.
- `departed`: selectors that are no longer discovered.
- `selector_memory`: what is remembered of selectors for the next run.
"""
