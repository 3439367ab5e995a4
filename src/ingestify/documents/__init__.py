"""The JSON documents of commands with --json, as dictionaries with types. Their keys are part of the contract.

A shape (a `TypedDict`) says which keys a document has, in which order, and with which types. Times are datetimes and
states are enumerations; `as_json` makes texts of them.

datasets    datasets, revisions, entries of the quarantine, events and their readers
runs        jobs, tasks and runs; the status of a lake
keeping     verify, copy, gc and adopt
coverage    what there is of what the providers listed
quality     what checks find in the lake
sources     the types of sources, and a source that is tried out
document    fills a shape, and returns it with the types of JSON
"""
