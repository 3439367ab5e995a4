"""The catalogue: what the lake holds, in an SQL database.

- `catalogue`: SqlCatalogue, whose attributes are the parts below.
- `reading/`: what is in the lake; `selection`: filters as SQL.
- `changes`: writing datasets; `logged_commits`: each change and its events in one transaction.
- `quarantine`: bundles that failed a check.
- `lake`: the lake's id and its epochs.
- `opening`: a lake is found, migrated or made; `schema`: whose the tables are, and the migrations of `migrations/`.
- `tables`: the tables; `rows` and `dataset_rows`: the domain's values as rows; `indexes`: indexes on identifier keys.
- `databases/`: connections, SQL and errors of SQLite, PostgreSQL and MySQL.
- `imports/`: whole histories from other lakes.
- `jobs/`: jobs, locks and leases; `events/`: the event log; `integrity/`: integrity check and row repair.
"""

from __future__ import annotations

from ingestify.catalogue.catalogue import SqlCatalogue

__all__ = ["SqlCatalogue"]
