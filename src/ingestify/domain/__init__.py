"""What a football-data lake is. Standard library only.

In the lake:
dataset, revision, file    a dataset, its revisions and their files
identifier, key_types      what identifies a dataset, and the types of its keys
quarantine                 bundles that failed a check
change, history            a change to one dataset, and the import of a whole history
adoption                   a lake of the published package becomes one of ours
events, event_reader       domain events, and the readers of the event log
run                        jobs, tasks, counts and reports of runs
asset_uri                  the URI of what a lake has of one kind
damage, retention, lake    the kinds of damage, how long history is kept, the identity of a lake

At the provider:
source, resource           a source, and the datasets that it announces
adopted                    what is known of the files of a lake that the published package made
announcement               announced versions and times
selector, plan             parts of a provider's data, and the plans that ingest them
feeds, formats             data feeds and their versions, and serialization formats
bundle, bundle_check       what a complete dataset has, and checks between its files
fetch_policy               whether a dataset is fetched, and when it is fetched again
delivery                   files that somebody delivers into a folder, a bucket or a server
error_response             responses whose body is an error
json_path, keyed_entries   paths into JSON, and lists in the form of an object by id

Reading:
expression, condition                 expressions over selectors and datasets
expression_syntax, expression_tree    their grammar, and the pieces of their syntax trees
comparison, operations                how their values compare, and what they compute
readable_files, json_value            the files of a dataset, and JSON values, as types
listing_order, wording                the order and the words of listings
html_table, text_table, text          results as tables, and text that can be stored

dump                       objects as dicts and as JSON
told_once                  warnings that are given once
subscriber                 a class that hears of events and runs
run_notice                 what it is told of runs
ports                      what the use cases need from catalogue, storage and HTTP

models                     the classes of all these, under the paths of the published package

`from ingestify.domain import Dataset` works too: the classes of `models` are names of this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestify.domain.models import *  # noqa: F403 - all of its names


def __getattr__(name: str) -> Any:
    # Not at import time: each module of the domain imports this package first. A module's name begins in lower case.
    if name[:1].isupper():
        return getattr(importlib.import_module("ingestify.domain.models"), name)
    raise AttributeError(f"module 'ingestify.domain' has no attribute '{name}'")
