"""Ingests one dataset: from the decision to its commit.

- `ingest`: the whole way of one dataset, as a coroutine. Start here.
- `pipeline`: the steps that the coroutine waits for, and what runs them in the threads of the run.
- `file_loading`: one file is fetched, staged, checked, and compared with what is there.
- `known_files`: what the lake and the quarantine know of the files.
- `fetched_dataset`: the state of one ingest: what is listed by now, and what came of each file.
- `consistency`: asks the provider once more, so that all files belong to one moment.
- `consistency_rules`: says what has to be asked once more.
- `relisting`: reads the index once more, for all datasets that wait for it.
- `bundle_validation`: finds the reasons for which a bundle is rejected, and what it is published with as warnings.
- `stored_bundle`: a dataset as it is in the lake, for the same checks.
- `bundle_objects`: publishes the objects of a bundle, and writes lost ones again.
- `missing_feeds`: warns of files and feeds that a dataset lacks.
- `outcome`: what became of a dataset.
"""
