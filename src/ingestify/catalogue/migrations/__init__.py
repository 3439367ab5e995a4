"""The steps from one version of the tables to the next; alembic runs them when a lake is opened."""
