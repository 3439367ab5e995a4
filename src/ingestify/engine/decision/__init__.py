"""Decides what has to be done with each discovered dataset.

- `change_detection`: compares what is announced with what the lake has.
- `adopted_datasets`: the identities and versions that the published package had.
- `decision_queue`: the datasets that wait for a decision, or for a duplicate of another job.
- `quarantine_view`: finds the entries of datasets in the quarantine.
"""
