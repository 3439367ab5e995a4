"""Databases: connections, transactions, errors, and the differences between kinds of databases.

- `connection`: a database, and its transactions.
- `connector`, `dialect`: the connections and the SQL of one kind of database.
- `sqlite`, `postgresql`, `mysql`: both for each kind; `sqlite_reader`: a SQLite file that may only be read;
  `sqlite_statements`: what SQLAlchemy has compiled, shared by all lakes in SQLite.
- `database_url`, `server_options`: the URL of the catalogue, and its options.
- `database_errors`, `server_errors`: the meaning of errors; `retries`: which ones are retried.
"""
