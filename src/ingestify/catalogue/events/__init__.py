"""The event log, and where its readers stand."""
